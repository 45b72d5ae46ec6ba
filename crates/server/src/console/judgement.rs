//! A judgement with everything that a page shows of its evidence.
//!
//! Invariant: the same functions judge as those of a gate.

use std::sync::Arc;

use evidence::bundle::Bundle;
use evidence::trust_root::Mode;
use evidence::{Digest, Place};
use judge::{Anchors, Checked, Judgement, VerificationContext, Vote};
use policy::Reason;
use review::contents::Contents;
use review::differences::{Difference, between};
use review::explain::Explained;
use review::results::Results;
use review::waivers::{self, Settling};
use review::{approvers, next_step};
use wire::PersonView;

/// A judged release.
#[derive(Debug)]
pub struct Judged {
    /// The judgement, without the gate input.
    pub judgement: Judgement,
    /// The proven part; `None` if the evidence does not hold, or could not be collected.
    pub proven: Option<Proven>,
}

/// Everything that a page shows of evidence that holds.
#[derive(Debug)]
pub struct Proven {
    /// The gate, rule by rule.
    pub explained: Explained,
    /// Results of scanners and tests.
    pub results: Results,
    /// Differences from the release that runs.
    pub differences: Vec<Difference>,
    /// Votes of people.
    pub votes: Vec<Vote>,
    /// Whether one person does everything, so that rules about a second person are off.
    pub is_solo: bool,
    /// Names of the people who may still approve. Absent for a settled release, or under a policy whose role is unknown.
    pub may_approve: Option<Vec<String>>,
    /// Names of the people who may waive a finding. Absent for a settled release.
    pub may_waive: Option<Vec<String>>,
    /// Author of the commit, as the commit names them.
    pub author: Option<String>,
    /// Waivers and the like that count and settle something.
    pub waivers: Vec<Settling>,
    /// Facts about the evidence.
    pub facts: EvidenceFacts,
    /// Findings and components. Absent for a settled release, whose contents are kept by the digest of its bundle.
    pub contents: Option<Arc<Option<Contents>>>,
}

/// Facts about the evidence of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceFacts {
    /// Name of the person who signed the commit, if the signature counts.
    pub signer: Option<String>,
    /// Names of the runners whose outputs are equal.
    pub runners: Vec<String>,
    /// Number of receipts.
    pub receipts: usize,
    /// Number of files in the commit.
    pub files: usize,
    /// Number of components, if the policy reads a list of them.
    pub components: Option<usize>,
    /// Digest of the policy.
    pub policy: Digest,
    /// Version of the trust root.
    pub root: u32,
    /// Number of the status.
    pub status: u64,
    /// Number of witnesses that count.
    pub witnesses: usize,
    /// Size of the ledger at the checkpoint.
    pub entries: u64,
    /// Digest of the plan.
    pub plan: Digest,
    /// Its strategy, if it is rolled out.
    pub strategy: Option<&'static str>,
}

/// Everything that a judgement depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JudgementKey {
    /// A pending release, and the numbers that its evidence follows from.
    Pending(Place, u64, Vec<u64>),
    /// The bundle of a settled release.
    Settled(Digest),
}

/// Judges a bundle. `people` may approve, as far as their roles and the evidence allow it; `None` for a settled release.
#[must_use]
pub fn judged(
    bundle: &Bundle,
    anchors: &Anchors,
    seen: &VerificationContext,
    running: Option<&Bundle>,
    people: Option<&[PersonView]>,
) -> Judged {
    let checked = match judge::check(bundle, anchors, seen) {
        Ok(checked) => checked,
        Err(_) => {
            return Judged { judgement: judge::judge(bundle, anchors, seen), proven: None };
        }
    };
    let judgement = judge::judge_checked(&checked);
    let proven = Proven {
        explained: Explained::of(&checked, &judgement),
        results: Results::of(&checked, &judgement),
        differences: between(&checked, running),
        may_approve: people.and_then(|people| approvers::may_approve(&checked, people)),
        may_waive: people.map(|people| approvers::may_waive(&checked, people)),
        author: checked.source.pack.commit().map(|commit| commit.author.name.clone()),
        is_solo: checked.trust.root.mode == Mode::Solo,
        waivers: waivers::settling(&checked),
        facts: EvidenceFacts::of(&checked),
        contents: people.map(|_| Arc::new(Some(Contents::of(&checked)))),
        votes: checked.approvals.votes,
    };
    // The gate input is large, and no page shows it.
    Judged { judgement: Judgement { bytes: Vec::new(), ..judgement }, proven: Some(proven) }
}

/// A judgement that could not be made.
#[must_use]
pub fn undecided(code: &str, what: impl Into<String>, remedy: &str) -> Judged {
    Judged { judgement: Judgement::undecided(code, what, remedy), proven: None }
}

impl Judged {
    /// The reasons against the release, without the missing promotion.
    pub fn left(&self) -> Vec<Reason> {
        next_step::left(&self.judgement)
    }

    /// About so many bytes of memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let proven = self.proven.as_ref();
        let contents = proven.and_then(|proven| proven.contents.as_deref()?.as_ref());
        PAGE_BYTES + contents.map_or(0, Contents::bytes)
    }
}

/// Memory of a judgement besides its contents: the lines of a page.
const PAGE_BYTES: usize = 48 * 1024;

impl EvidenceFacts {
    fn of(checked: &Checked<'_>) -> Self {
        let (people, ledger) = (&checked.people.enrolled, &checked.ledger);
        let commit = checked.source.pack.commit();
        let signer = commit.and_then(|commit| people.signer(commit, &ledger.records.pack));
        let components = checked.lanes.documents.all.components.as_ref();
        Self {
            signer: signer.map(|person| person.name.clone()),
            runners: checked.build.runners.iter().map(ToString::to_string).collect(),
            receipts: checked.build.receipts.len(),
            files: checked.bundle.tree.files().len(),
            components: components.map(|list| list.components.len()),
            policy: checked.trust.environment.policy,
            root: checked.trust.root.version,
            status: checked.trust.status.number,
            witnesses: ledger.proven.witnesses,
            entries: ledger.proven.checkpoint.size,
            plan: checked.plan.digest,
            strategy: checked.bundle.plan.rollout.as_ref().map(|_| checked.bundle.plan.strategy.as_str()),
        }
    }
}
