//! Waivers: those that count for a release, and the command that accepts a finding or a failed test until a date.
//!
//! Invariant: a command is given only for something that the results show, so that its id names one finding alone. A statement
//! that its finding has outgrown settles nothing, so it is not among those that count.

use std::collections::BTreeSet;

use evidence::statements::{Body, StatementKind, Waiver};
use evidence::{Digest, Place};
use judge::{Checked, ProvenStatement};
use policy::Reason;

use crate::record::{Why, stated};
use crate::results::{FailedTest, FindingShown, Results};
use crate::standing::settles;

/// A statement that counts for a release and settles a finding or a failed test of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settling {
    /// Digest of the statement, by which its entry is found.
    pub statement: Digest,
    /// The person, the reason and the end, as in the record.
    pub why: Why,
    /// The finding or the test in a few words, with text by others.
    pub about: String,
    /// The finding of the build that it settles.
    pub finding: Option<Digest>,
}

impl Settling {
    /// Whether it is a waiver; otherwise the person says that the finding does not affect the product.
    #[must_use]
    pub fn is_waiver(&self) -> bool {
        self.why.act == StatementKind::Waiver.as_str()
    }

    /// A sentence: `Bob waived critical CVE-2026-1 at src/main.rs:3`.
    #[must_use]
    pub fn title(&self) -> String {
        let (person, about) = (&self.why.person, &self.about);
        match self.is_waiver() {
            true => format!("{person} waived {about}"),
            false => format!("{person} says that {about} does not affect the product"),
        }
    }
}

/// The statements that count for a release and settle something in it, in the order of the evidence.
#[must_use]
pub fn settling(checked: &Checked<'_>) -> Vec<Settling> {
    let envelopes = &checked.bundle.lanes.statements;
    let all = envelopes.iter().zip(&checked.lanes.statements);
    let counting = all.filter(|(_, proven)| proven.void.is_empty() && settles(proven.statement.kind()));
    let settling = counting.filter_map(|(envelope, proven)| {
        let (about, finding) = about(checked, proven)?;
        Some(Settling { statement: envelope.payload_digest(), why: stated(proven), about, finding })
    });
    settling.collect()
}

/// The matter that a statement settles, and the finding of the build; `None` if it settles nothing any more.
fn about(checked: &Checked<'_>, proven: &ProvenStatement) -> Option<(String, Option<Digest>)> {
    let statement = &proven.statement;
    if matches!(&statement.body, Body::Waiver(Waiver::Test(_))) {
        return Some((statement.body.summary(), None));
    }
    let documents = checked.lanes.documents.joined().filter_map(|all| all.findings.as_ref());
    let own = checked.lanes.documents.all.findings.as_ref();
    let mut found = documents.flat_map(|document| {
        statement.subjects.iter().filter_map(|id| Some((id, document.findings.get(id)?)))
    });
    let (id, finding) = found.find(|(id, finding)| statement.settles(id, finding))?;
    let words = format!("{} {} at {}", finding.severity.as_str(), finding.rule, finding.site);
    Some((words, own.and_then(|own| own.findings.contains_key(id).then_some(*id))))
}

/// The number of findings of the build that waivers settle.
#[must_use]
pub fn waived(all: &[Settling]) -> usize {
    let of_waivers = all.iter().filter(|one| one.is_waiver());
    of_waivers.filter_map(|one| one.finding).collect::<BTreeSet<_>>().len()
}

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

#[cfg(test)]
mod tests {
    use judge::VerificationContext;
    use lab::{assemble, forgery};

    use super::{Settling, settling, waived};

    fn of(kind: usize) -> Vec<Settling> {
        let (lab, parts) = forgery::KINDS[kind].stated(|_| ());
        let (bundle, _) = assemble(&lab, &parts);
        let seen = VerificationContext { root: 1, ..VerificationContext::default() };
        settling(&judge::check(&bundle, &lab.anchors(), &seen).unwrap())
    }

    #[test]
    fn a_waiver_names_its_finding_person_reason_and_end() {
        let all = of(0);
        let [one] = all.as_slice() else { unreachable!("{all:?}") };
        assert!(one.title().contains(" waived critical sql at "), "{}", one.title());
        assert!(one.why.counts && one.why.until.is_some() && !one.why.reason.is_empty(), "{:?}", one.why);
        assert_eq!(waived(&all), 1);
        let twice = [one.clone(), one.clone()];
        assert_eq!(waived(&twice), 1, "a finding is counted once");
    }

    #[test]
    fn other_statements_are_told_apart_from_waivers() {
        assert!(of(1).is_empty() && of(3).is_empty(), "a sign-off and a tag settle nothing");
        let harmless = of(2);
        assert!(harmless[0].title().ends_with(" does not affect the product"), "{harmless:?}");
        assert_eq!(waived(&harmless), 0);
        let test = of(4);
        assert!(test[0].title().contains(" waived test "), "{test:?}");
        assert_eq!((test.len(), waived(&test)), (1, 0));
        assert_eq!(waived(&of(5)), 0, "a finding of a check is no finding of the build");
    }
}
