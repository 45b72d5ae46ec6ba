//! The finding or failed test that a reason of a gate is about, and the command that accepts it until a date.
//!
//! Invariant: a command is given only for something that the results show, so that its id names one finding alone.

use evidence::Place;
use policy::Reason;

use crate::results::{FailedTest, FindingShown, Results};

/// The finding that a reason is about, among those that results show.
#[must_use]
pub fn finding<'a>(results: &'a Results, reason: &Reason) -> Option<&'a FindingShown> {
    let whole = reason.finding?.hex();
    results.worst().find(|finding| whole.starts_with(&finding.id))
}

/// Failed tests that no waiver settles, in the build and in checks of the environment before.
pub fn failed_tests(results: &Results) -> impl Iterator<Item = &FailedTest> {
    let before = results.before.iter().filter_map(|before| before.tests.as_ref());
    let failed = results.tests.iter().chain(before).flat_map(|tests| &tests.failed);
    failed.filter(|test| test.waived_until.is_none() && !test.id.is_empty())
}

/// The command that accepts a finding or a failed test at a place, for a person who may.
#[must_use]
pub fn command(id: &str, place: &Place) -> String {
    format!("countersign waive {id} --place {place} --until DATE --reason WHY")
}
