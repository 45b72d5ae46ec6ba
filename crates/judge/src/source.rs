//! The change that a release brings: its commit, the range of commits since the running one, and their signers.
//!
//! Invariant: the range begins at the commit that the agent says runs there; the ledger's proposal and the judge's own
//! knowledge agree with it. A range that cannot be walked to its end is "could not decide".

use std::collections::BTreeSet;

use evidence::bundle::Bundle;
use evidence::environment::Environment;
use evidence::git::Commit;
use evidence::report::Running;
use evidence::source_pack::{Range, VerifiedPack};
use evidence::{CommitId, Digest};

use crate::context::VerificationContext;
use crate::people::{ChangeAuthors, People};
use crate::proofs::Proven;
use crate::reasons::{NEW_BUNDLE, Reasons, one_reason};
use crate::records::Records;

/// Facts that the source proves.
#[derive(Debug)]
pub struct SourceProof {
    /// The source.
    pub pack: VerifiedPack,
    /// Commits of the range.
    pub range: BTreeSet<CommitId>,
    /// Commit after which the range begins.
    pub base: CommitId,
}

/// The commit after which the range begins: the running commit in the agent's report, or the baseline. The proposal in
/// the ledger and the judge's own knowledge must agree with it.
pub fn base(
    bundle: &Bundle,
    environment: &Environment,
    own: Option<Running>,
    seen: &VerificationContext,
    proven: &Proven,
    plan: Digest,
    reasons: &mut Reasons,
) -> Result<CommitId, Reasons> {
    // The branch of a preview may be rewritten, so its changes always count from the baseline.
    let running = own.as_ref().filter(|_| environment.preview.is_none());
    let base = running.map_or_else(|| environment.baseline.clone(), |running| running.commit.clone());
    let [proposal] = proven.proposals.as_slice() else {
        let what = format!("the ledger proves {} proposals, one is needed", proven.proposals.len());
        return Err(one_reason("proposal-missing", what, NEW_BUNDLE));
    };
    let same = proposal.place == bundle.place()
        && proposal.release == bundle.release
        && proposal.artifact == bundle.artifact()
        && proposal.plan == plan
        && proposal.commit == bundle.source.commit;
    if !same {
        let what = "the ledger's proposal is of another release, artifact, plan or commit";
        return Err(one_reason("proposal-differs", what, NEW_BUNDLE));
    }
    if proposal.base != base || proposal.replaces != own.as_ref().map(|running| running.artifact) {
        let what = "something else runs there than when the release was proposed";
        reasons.against("base-differs", what, "wait for the new proposal, or run again");
    }
    if bundle.release <= seen.release {
        let what = format!("release {} is not above {}, which was seen before", bundle.release, seen.release);
        reasons.against("release-not-newer", what, "ask for the newest release; this one is old");
    }
    if seen.running.as_ref().is_some_and(|running| !is_same(running.as_ref(), own.as_ref())) {
        let what = "the evidence says that something else runs here than what does";
        reasons.against("running-differs", what, "send this agent's own last report");
    }
    Ok(base)
}

/// Whether both run the same, or nothing.
fn is_same(one: Option<&Running>, other: Option<&Running>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_same(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

pub fn range(source: &VerifiedPack, base: &CommitId, reasons: &mut Reasons) -> BTreeSet<CommitId> {
    match source.range(base) {
        Range::Complete(range) => range,
        Range::NoAncestor => {
            let what = format!("commit {base}, which runs there, is no ancestor of {}", source.id);
            reasons.unclear("range-no-ancestor", what, "run a commit that builds on it");
            BTreeSet::new()
        }
        Range::Shallow(id) => {
            let what = format!("history lacks commit {id}");
            reasons.unclear("range-shallow", what, SHALLOW);
            BTreeSet::new()
        }
    }
}

/// Checks that a person who is enrolled for commits signed the commit itself.
pub fn signer(source: &VerifiedPack, people: &People, records: &Records, reasons: &mut Reasons) {
    let commit: Option<&Commit> = source.commit();
    if commit.and_then(|commit| people.signer(commit, &records.pack)).is_none() {
        let what = format!("commit {} is not signed by anybody who is enrolled for that", source.id);
        reasons.against("commit-unsigned", what, "sign it with an enrolled key");
    }
}

/// Every author of the range must be known. Otherwise nobody could tell who may not approve.
pub fn unknown_people(authors: &ChangeAuthors, reasons: &mut Reasons) {
    for email in &authors.unknown {
        let what = format!("nobody is enrolled with address `{email}`, which commits of the range name");
        reasons.unclear("identity-unmapped", what, "have a registrar enrol them with that address");
    }
    for (name, id) in &authors.nameless {
        let what =
            format!("commit {id} names `{name}` without an address, and nobody is enrolled by such a name");
        reasons.unclear("identity-unmapped", what, NAMELESS);
    }
}

const NAMELESS: &str = "amend the commit, so that it names them with an address; if it is older, bring its change in as \
                        a new commit by `git merge --squash`";
const SHALLOW: &str = "run again from a full clone; if the clone is full, `run` has said that the range is too large: release \
                       a signed commit in between first, or bring the change in by `git merge --squash`";
