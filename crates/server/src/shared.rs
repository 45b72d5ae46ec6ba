//! The parts of a running server that the handlers of requests and the server's tasks share.

use axum::http::{Method, Uri};
use evidence::claim::ClaimedOperation;
use tokio::sync::watch;

use crate::attendance::Attendance;
use crate::edge::Gatekeeper;
use crate::intake::Intake;
use crate::introducer::Introducer;
use crate::logs::Logs;
use crate::services::Services;
use crate::views::Views;

/// Everything that handlers and tasks share.
#[derive(Debug)]
pub struct Shared {
    pub intake: Intake,
    pub gatekeeper: Gatekeeper,
    pub origin: String,
    pub introducer: Introducer,
    pub views: Views,
    pub logs: Logs,
    pub attendance: Attendance,
    pub services: Services,
    /// Becomes true when the server is asked to end; waiting handlers then answer at once.
    pub stopping: watch::Receiver<bool>,
}

impl Shared {
    /// The operation that a claim has to name.
    pub fn claimed_operation(&self, method: &Method, uri: &Uri) -> ClaimedOperation {
        ClaimedOperation {
            operation: format!("{method} {}{}", wire::API, uri.path()),
            server: *self.introducer.key(),
        }
    }
}
