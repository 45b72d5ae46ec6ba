//! Facts of code and pipeline that the evidence of one release proves.
//!
//! Invariant: they follow from the evidence alone, so they may be kept by its digest. Lists of names have a bound.

use std::collections::{BTreeMap, BTreeSet};

use evidence::Digest;
use evidence::approval::Decision;
use evidence::document::Document as _;
use judge::Checked;

/// Facts of code and pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildFacts {
    /// Name of the enrolled person who signed the commit.
    pub signer: Option<String>,
    /// People other than the signer whose approval counts.
    pub reviewers: Vec<String>,
    /// Runners with equal outputs.
    pub runners: Vec<String>,
    /// Hosts that steps reached.
    pub reached: Vec<String>,
    /// Digest of the policy.
    pub policy: Digest,
    /// Number of the environment statement that names it.
    pub statement: u64,
    /// Counts of tests by outcome; absent if the policy reads none.
    pub tests: Option<BTreeMap<String, u64>>,
    /// Lines that ran in tests, and all; absent if the policy reads no coverage.
    pub coverage: Option<(u64, u64)>,
    /// Number of witnesses that count.
    pub witnesses: usize,
}

impl BuildFacts {
    /// The facts of checked evidence.
    #[must_use]
    pub fn of(checked: &Checked<'_>) -> Self {
        let commit = checked.source.pack.commit();
        let enrolled = &checked.people.enrolled;
        let signer = commit.and_then(|commit| enrolled.signer(commit, &checked.ledger.records.pack));
        let counts = checked.approvals.votes.iter().filter(|vote| vote.void.is_empty());
        let approved = counts.filter(|vote| vote.decision == Decision::Approve);
        let others = approved.filter(|vote| signer.is_none_or(|signer| signer.subject != vote.subject));
        let reached = checked.build.receipts.iter().flat_map(|(_, receipt)| &receipt.network);
        let reached: BTreeSet<String> = reached.map(|reached| reached.host.clone()).collect();
        let documents = &checked.lanes.documents.all;
        let coverage = documents.coverage.as_ref().map(|document| document.items());
        let lines = |items: &BTreeMap<String, u64>, name: &str| items.get(name).copied().unwrap_or_default();
        Self {
            signer: signer.map(|person| person.name.clone()),
            reviewers: others.map(|vote| vote.name.clone()).take(NAMES_MAX).collect(),
            runners: checked.build.runners.iter().map(ToString::to_string).take(NAMES_MAX).collect(),
            reached: reached.into_iter().take(NAMES_MAX).collect(),
            policy: checked.trust.environment.policy,
            statement: checked.trust.environment.number,
            tests: documents.tests.as_ref().map(|document| document.items()),
            coverage: coverage.map(|items| (lines(&items, "covered"), lines(&items, "lines"))),
            witnesses: checked.ledger.proven.witnesses,
        }
    }
}

const NAMES_MAX: usize = 32;
