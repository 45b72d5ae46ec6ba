//! Approvals and rejections in a bundle. Each counts only for exactly the release that it names.
//!
//! Invariant: an approval with an invalid signature fails the whole check. An approval that names something else, has
//! expired, or is by a person who may not approve is kept, with the reasons why it does not count.

use std::collections::BTreeSet;

use evidence::approval::{Decision, Signed};
use evidence::enrolment::Purpose;
use evidence::trust_root::Mode;
use evidence::{Digest, Name};
use tlog::Checkpoint;

use crate::grounds::Grounds;
use crate::people::roles;
use crate::proofs::is_ancestor;
use crate::reasons::{NEW_BUNDLE, Reasons, one_reason};

/// One person's approval or rejection.
#[derive(Clone, Debug)]
pub struct Vote {
    /// The person's decision.
    pub decision: Decision,
    /// Subject of the person.
    pub subject: String,
    /// Display name of the person.
    pub name: String,
    /// Roles that the person holds here.
    pub roles: BTreeSet<Name>,
    /// Whether the key is in hardware.
    pub hardware: bool,
    /// The person's reason.
    pub reason: String,
    /// Id of the change ticket.
    pub ticket: Option<String>,
    /// `command-line` or `browser`.
    pub via: String,
    /// Whether the person's own rebuild gave the same artifact.
    pub rebuilt: bool,
    /// Size of the checkpoint that the person saw, if that checkpoint is an ancestor.
    pub seen_size: Option<u64>,
    /// Reasons why the vote does not count; empty if it does.
    pub void: Vec<String>,
}

/// Opens all approvals of a bundle. `evidence` and `plan` are the digests that they have to name.
pub fn open(on: &Grounds<'_>, evidence: Digest, plan: Digest) -> Result<Vec<Vote>, Reasons> {
    let wrong = |what: String| one_reason("approval-unsound", what, NEW_BUNDLE);
    let envelopes = &on.bundle.approvals;
    if !envelopes.is_sorted_by(|a, b| a.payload_digest() < b.payload_digest()) {
        return Err(wrong("approvals are not sorted, or one stands twice".into()));
    }
    let mut votes: Vec<Vote> = Vec::new();
    for (envelope, record) in envelopes.iter().zip(&on.ledger.records.approvals) {
        let signed = Signed::read(envelope).map_err(|error| wrong(error.to_string()))?;
        let person = on.people.enrolled.by_id(signed.said.person);
        let person = person.ok_or_else(|| wrong(format!("person {} is not enrolled", signed.said.person)))?;
        let keys: Vec<_> = person.keys_for(Purpose::Approve).collect();
        let key = signed.verify(envelope, &keys).map_err(|error| wrong(error.to_string()))?;
        if votes.iter().any(|vote| vote.subject == person.subject) {
            return Err(wrong(format!("{} speaks twice", person.name)));
        }
        let mut void = void(on, &signed, evidence, plan);
        if !on.people.enrolled.keys(person, Purpose::Approve, record).contains(&key) {
            void.push(format!("key {} is revoked", key.fingerprint()));
        }
        if signed.decision == Decision::Approve && is_barred(on, &person.subject) {
            void.push("the person is behind the change, or asked for it".into());
        }
        let rebuild = signed.said.rebuild.as_ref();
        votes.push(Vote {
            decision: signed.decision,
            subject: person.subject.clone(),
            name: person.name.clone(),
            roles: roles(person, &on.bundle.project, Some(&on.bundle.environment)),
            hardware: key.is_hardware(),
            reason: signed.said.reason.clone(),
            ticket: signed.said.ticket.clone(),
            via: signed.said.via.clone(),
            rebuilt: rebuild.is_some_and(|made| made.get("manifest.json") == Some(&on.bundle.artifact())),
            seen_size: signed.said.checkpoint.parse::<Checkpoint>().ok().map(|checkpoint| checkpoint.size),
            void,
        });
    }
    Ok(votes)
}

/// All differences between an approval and the bundle.
fn void(on: &Grounds<'_>, signed: &Signed, evidence: Digest, plan: Digest) -> Vec<String> {
    let (bundle, said) = (on.bundle, &signed.said);
    let replaces = on.ledger.proven.proposals.first().and_then(|proposal| proposal.replaces);
    let same = [
        (said.installation == bundle.installation, "installation"),
        (said.project == bundle.project, "project"),
        (said.service == bundle.service, "service"),
        (said.environment == bundle.environment, "environment"),
        (said.release == bundle.release, "release number"),
        (signed.artifact == bundle.artifact(), "artifact"),
        (signed.plan == plan, "deployment plan"),
        (said.replaces == replaces, "release that it replaces"),
        (said.evidence == evidence, "evidence"),
        (said.policy == on.trust.environment.policy, "policy"),
    ];
    let mut void: Vec<String> =
        same.iter().filter(|(same, _)| !same).map(|(_, what)| format!("it names another {what}")).collect();
    if said.root > on.trust.root.version {
        void.push("it names a trust root that is still to come".into());
    }
    if !is_ancestor(bundle, &on.ledger.proven, &said.checkpoint) {
        void.push("the checkpoint that was seen is not of this ledger".into());
    }
    if on.now < said.not_before || said.expires <= on.now {
        void.push(format!("it counts from {} to {}", said.not_before, said.expires));
    }
    void
}

/// Outside solo mode, change authors and the person who asked for the run may not approve.
pub fn is_barred(on: &Grounds<'_>, subject: &str) -> bool {
    on.trust.root.mode != Mode::Solo && on.people.is_behind(subject)
}
