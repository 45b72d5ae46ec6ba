//! The parts of a running server that the handlers of requests and the server's tasks share.

use std::sync::Arc;

use axum::http::{Method, Uri};
use evidence::claim::ClaimedOperation;
use review::alerts::AlertRules;
use review::rescan::AdvisorySource;
use tokio::sync::{Mutex, Semaphore, watch};

use crate::addresses::Address;
use crate::attendance::Attendance;
use crate::browser_sessions::BrowserSessions;
use crate::certificates::Certificates;
use crate::console::PageCaches;
use crate::console_address::ConsoleAddress;
use crate::edge::Gatekeeper;
use crate::intake::Intake;
use crate::introducer::Introducer;
use crate::logs::Logs;
use crate::secret_uses::SecretUses;
use crate::services::Services;
use crate::uploads::Uploads;
use crate::vault_store::VaultStore;
use crate::views::Views;
use crate::watchers::Watchers;

/// Everything that handlers and tasks share.
#[derive(Debug)]
pub struct Shared {
    pub intake: Intake,
    pub gatekeeper: Gatekeeper,
    pub origin: String,
    pub introducer: Introducer,
    pub views: Views,
    pub uploads: Uploads,
    pub vault: VaultStore,
    /// Places for values that are being received.
    pub taking_values: Semaphore,
    pub logs: Logs,
    pub attendance: Attendance,
    pub services: Services,
    pub secret_uses: SecretUses,
    pub console: ConsoleAddress,
    pub browsers: BrowserSessions,
    pub watchers: Watchers,
    pub pages: PageCaches,
    /// The newest advisories, if the operator gave some: what runs and what waits is judged again by them.
    pub advisories: Option<Arc<dyn AdvisorySource>>,
    pub alert_rules: AlertRules,
    /// One judgement of everything at a time, so that no alert is opened twice.
    pub rescanning: Arc<Mutex<()>>,
    /// Certificates of the listener for other machines, if there is one.
    pub certificates: Option<Arc<Certificates>>,
    /// Becomes true when the server is asked to end; waiting handlers then answer at once.
    pub stopping: watch::Receiver<bool>,
}

impl Shared {
    /// The addresses for other machines; none without a listener for them.
    pub fn addresses(&self) -> &[Address] {
        self.certificates.as_ref().map_or(&[], |certificates| certificates.addresses())
    }

    /// URL of the console's pages: the plain one in solo mode, where reading needs no session.
    pub fn console_url(&self) -> String {
        match Gatekeeper::is_solo(&self.intake.state()) {
            true => self.console.plain().to_owned(),
            false => self.console.url(),
        }
    }

    /// The operation that a claim has to name.
    pub fn claimed_operation(&self, method: &Method, uri: &Uri) -> ClaimedOperation {
        ClaimedOperation {
            operation: format!("{method} {}{}", wire::API, uri.path()),
            server: *self.introducer.key(),
        }
    }
}
