//! One reading of a page: the server, the caller and the moment.

use domain::RunId;
use evidence::{Moment, Name, Place};
use web::model::Time;
use wire::ProblemKind;

use crate::caller::Caller;
use crate::http::problem::Failure;
use crate::http::right;
use crate::shared::Shared;

/// One reading of a page. All parts of the page are of the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The server.
    pub shared: &'a Shared,
    /// The reader, whose right decides what the page shows.
    pub caller: &'a Caller,
    /// The moment at which the page is made.
    pub now: Moment,
    /// End of the reader's session in the browser, if the reader has one.
    pub session_ends: Option<Moment>,
}

impl Reading<'_> {
    /// Whether the reader may read a project.
    pub fn may_read(&self, project: &Name) -> bool {
        self.caller.may_read(project, &self.shared.intake.state(), self.now)
    }

    /// Refuses a reader who may not read the project of a place, before anything else is said about the place.
    pub fn of_place(&self, place: &Place) -> Result<(), Failure> {
        right::of_project(self.shared, self.caller, &place.project)
    }

    /// Refuses a reader who may not read the project of a run.
    pub fn of_run(&self, run: RunId) -> Result<(), Failure> {
        right::of_run(self.shared, self.caller, run)
    }
}

/// A moment for a page.
pub fn time(moment: Moment) -> Time {
    Time { ms: i64::try_from(moment.millis()).unwrap_or(i64::MAX), text: moment.to_string() }
}

/// The failure for something that does not exist.
pub fn nothing(what: impl Into<String>) -> Failure {
    Failure::new(ProblemKind::NotFound, what)
}

/// The failure for an address that cannot be read.
pub fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::new(ProblemKind::Malformed, error.to_string())
}
