//! The parts of each kind of statement: rules, a content, and the facts of a release that it is about.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::hours::Hours;
use super::lifted::Lifted;
use super::loan::{Loan, LoanFault, LoanTerms};
use super::scope::Scope;
use super::secret_version::SecretVersion;
use super::seen_report::SeenReport;
use super::store_source::StoreSource;
use crate::document::FindingsDocument;
use crate::document::findings::Finding;
use crate::{Digest, Name};

/// The rules of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindRules {
    /// Roles of which the signer needs one.
    pub roles: &'static [&'static str],
    /// Longest validity in days.
    pub days_max: u64,
    /// Whether change authors and the person who asked for the run are barred, outside solo mode.
    pub bars_authors: bool,
}

/// A secret of a place that a service may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<'a> {
    /// The service.
    pub service: &'a Name,
    /// Name of the secret at the place.
    pub secret: &'a Name,
    /// Hours in which that counts; absent for all.
    pub hours: Option<&'a Hours>,
    /// The store that has the value; absent if versions are sealed to the agents.
    pub from: Option<&'a StoreSource>,
}

/// Facts of a release that statements are about.
#[derive(Clone, Debug)]
pub struct Matter<'a> {
    /// Digest of the artifact's manifest.
    pub artifact: Digest,
    /// Documents of findings that the policy reads.
    pub findings: Vec<&'a FindingsDocument>,
    /// Digests of all documents of tests that runners state.
    pub tests: BTreeSet<Digest>,
    /// Identities of failed tests in documents that the policy reads.
    pub failing: BTreeSet<Digest>,
    /// Secrets that the plan names, each with the service that gets it.
    pub secrets: BTreeSet<(&'a Name, &'a Name)>,
}

/// The content of a kind. `subjects` are those of its statement.
pub(super) trait Content: Serialize + DeserializeOwned {
    /// The rules of the kind.
    const RULES: KindRules;
    /// Whether such a statement can lend a secret to a step.
    const LENDS: bool = false;
    /// Longest validity in hours, if it is shorter than a day.
    const HOURS_MAX: Option<u64> = None;
    /// Whether such a statement lifts a rule about time. Approvals stay as they are beside it.
    const LIFTS: bool = false;

    /// A broken rule of the form.
    fn fault(&self, subjects: &[Digest]) -> Option<&'static str>;

    /// A broken rule of the form, together with the places where the statement counts.
    fn fault_in(&self, _scope: &Scope) -> Option<&'static str> {
        None
    }

    /// Whether it is about a release.
    fn concerns(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool;

    /// Whether it says something else about its subject than the release does.
    fn misstates(&self, _subjects: &[Digest], _matter: &Matter<'_>) -> bool {
        false
    }

    /// Whether it settles a finding, so that the finding is not open.
    fn settles(&self, _subjects: &[Digest], _id: &Digest, _finding: &Finding) -> bool {
        false
    }

    /// Why it does not settle a finding that it is about: a sentence without a subject.
    fn outgrown(&self, _subjects: &[Digest], _id: &Digest, _finding: &Finding) -> Option<String> {
        None
    }

    /// Whether it settles the failure of a test with this identity in a report.
    fn settles_test(&self, _subjects: &[Digest], _test: &Digest, _report: &SeenReport) -> bool {
        false
    }

    /// Whether it lifts a rule about time for the release with this number and plan.
    fn lifts(&self, _rule: Lifted, _release: u64, _plan: &Digest) -> bool {
        false
    }

    /// The version of a secret that it puts at its place.
    fn secret(&self) -> Option<&SecretVersion> {
        None
    }

    /// Whether it lends a secret to a step: `None` if it is about another one, and the reasons if it does not lend this time.
    fn lends(&self, _loan: &Loan<'_>) -> Option<Result<LoanTerms, Vec<LoanFault>>> {
        None
    }

    /// The step to which it lends a secret, if it lends one to a step.
    fn borrower(&self) -> Option<&Name> {
        None
    }

    /// The artifact whose bar at its place it ends, if it ends one.
    fn unbars(&self) -> Option<Digest> {
        None
    }

    /// The service and the secret of its place that it lets the service have, and the hours, if it does not count in all.
    fn gives(&self) -> Option<Given<'_>> {
        None
    }

    /// The content in a few words, with text by others.
    fn summary(&self) -> String;
}
