//! The fold of checks: those of the newest checked release of each place.
//!
//! Invariant: a place has the checks of one release, which runs there. A check that is made due twice, and a repeated
//! report, are misfits.

use std::collections::BTreeMap;

use evidence::receipt::Work;
use evidence::release_check::ReleaseCheck;
use evidence::{Digest, Name, Place};
use serde::{Deserialize, Serialize};

use super::event::ChecksLost;
use crate::build::{Due, Reported};
use crate::ids::RunId;

/// Checks as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) places: BTreeMap<Place, Checks>,
}

/// The checks of one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// Number of the release.
    pub release: u64,
    /// Its artifact.
    pub artifact: Digest,
    /// The run that built the artifact.
    pub run: RunId,
    /// Digest of the envelope of the agent's report that the release runs.
    pub report: Digest,
    /// Work that is or was due.
    pub due: Vec<Due>,
    /// Reports in the order of the ledger.
    pub reported: Vec<Reported>,
    /// Numbers of the entries that record the reports.
    pub entries: Vec<u64>,
    /// Whether some of the work will never be reported.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

impl State {
    /// Whether no place has checks.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The checks of the release that runs at a place.
    #[must_use]
    pub fn at(&self, place: &Place) -> Option<&Checks> {
        self.places.get(place)
    }

    /// The checks of every place.
    pub fn places(&self) -> impl Iterator<Item = (&Place, &Checks)> {
        self.places.iter()
    }

    /// Checks that are due on a runner and not reported yet.
    pub fn outstanding<'a>(&'a self, runner: &'a Name) -> impl Iterator<Item = &'a Due> {
        self.places.values().flat_map(Checks::outstanding).filter(move |due| due.runner == *runner)
    }

    pub(crate) fn due(&mut self, event: &Due, check: &ReleaseCheck, report: Option<Digest>) -> bool {
        let Some(report) = report else { return false };
        let new = || Checks {
            release: check.release,
            artifact: check.artifact,
            run: event.run,
            report,
            due: Vec::new(),
            reported: Vec::new(),
            entries: Vec::new(),
            lost: false,
        };
        let checks = self.places.entry(check.place.clone()).or_insert_with(new);
        if checks.release != check.release {
            *checks = new();
        }
        let known = checks.due.iter().any(|due| due.work == event.work && due.runner == event.runner);
        checks.due.push(event.clone());
        !known
    }

    pub(crate) fn reported(&mut self, event: &Reported, check: &ReleaseCheck, entry: u64) -> bool {
        let checks = self.places.get_mut(&check.place);
        let Some(checks) = checks.filter(|checks| checks.release == check.release) else { return false };
        let known = checks.report_of(&event.work, &event.runner).is_some();
        checks.reported.push(event.clone());
        checks.entries.push(entry);
        !known
    }

    pub(crate) fn lost(&mut self, event: &ChecksLost) -> bool {
        let checks = self.places.get_mut(&event.place).filter(|checks| checks.release == event.release);
        checks.is_some_and(|checks| !std::mem::replace(&mut checks.lost, true))
    }

    /// Forgets the checks of a preview that its agent has removed.
    pub(crate) fn forget(&mut self, place: &Place) {
        self.places.remove(place);
    }

    /// Forgets the checks of a place unless this release runs there.
    pub(crate) fn keep(&mut self, place: &Place, running: Option<u64>) {
        if self.places.get(place).is_some_and(|checks| Some(checks.release) != running) {
            self.places.remove(place);
        }
    }
}

impl Checks {
    /// A runner's report of a check.
    #[must_use]
    pub fn report_of(&self, work: &Work, runner: &Name) -> Option<&Reported> {
        self.reported.iter().find(|report| report.work == *work && report.runner == *runner)
    }

    /// Checks that are due and not reported yet; none once some are lost.
    pub fn outstanding(&self) -> impl Iterator<Item = &Due> {
        let due = self.due.iter().filter(|_| !self.lost);
        due.filter(|due| self.report_of(&due.work, &due.runner).is_none())
    }

    /// Whether no check is outstanding any more.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.outstanding().next().is_none()
    }
}
