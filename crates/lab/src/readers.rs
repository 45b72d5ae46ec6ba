//! Readers of evidence: the agent, an approver, a verifier, and a verifier with a state.

use std::collections::BTreeMap;

use agent::{KnownRelease, Memory};
use domain::gate::GateOutcome;
use evidence::bundle::Bundle;
use evidence::pin::Pin;
use evidence::rollback_order::RollbackOrder;
use evidence::{Digest, Moment};
use judge::{Anchors, PinnedCheckpoint, VerificationContext, check, judge_checked, sizes_to_prove};
use serde_json::json;
use tlog::Hash;

use crate::assemble::proof_between;
use crate::observed::barred;
use crate::parts::{old_artifact, plan};
use crate::world::{Lab, at, id, name, production};

/// A reader of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reader {
    /// The place's agent.
    Agent,
    /// `countersign approve`.
    Approve,
    /// `countersign verify` with a trust root.
    Verify,
    /// `countersign verify --state`.
    State,
}

/// Size of the ledger that readers have seen before.
pub const KEPT: u64 = 9;

impl Lab {
    /// The production agent before this release.
    #[must_use]
    pub fn agent(&self) -> Memory {
        let base = self.base();
        let (source, _) = self.written("the first", &[]);
        Memory {
            v: 1,
            installation: id(1),
            agent: name("agent"),
            place: production(),
            root_version: 1,
            root: self.root().digest().unwrap(),
            rehearsal: false,
            seen_root: 1,
            seen_status: 1,
            seen_statement: 1,
            seen_release: 6,
            begun: None,
            returned: BTreeMap::new(),
            seen_time: at(-3_600),
            status: None,
            unread: None,
            aside: None,
            declared: None,
            fresh: None,
            ahead: Vec::new(),
            newer: None,
            checkpoint: crate::Head::honest(self).seen(KEPT).to_string(),
            running: Some(KnownRelease {
                artifact: old_artifact(),
                layer: old_artifact(),
                commit: base,
                plan: plan("production", &source),
                release: None,
                evidence: None,
            }),
            before: Some(KnownRelease {
                artifact: before(),
                layer: before(),
                commit: "f".repeat(40).parse().unwrap(),
                plan: plan("production", &source),
                release: None,
                evidence: None,
            }),
            earlier: Vec::new(),
            left: None,
            rollout: None,
            report: None,
            secrets: BTreeMap::new(),
            chain: None,
            carried_out: Vec::new(),
            shared: false,
            drifts: false,
            undo: None,
            barred: self.barred.map(|release| barred(self, release)).into_iter().collect(),
            previews: false,
            removed: Default::default(),
            preview: None,
        }
    }

    /// Bob asks for a rollback to the release that ran before.
    #[must_use]
    pub fn order(&self) -> RollbackOrder {
        let arguments = json!({ "place": "shop/api/production", "from": old_artifact(), "to": before() });
        RollbackOrder {
            v: 1,
            project: name("shop"),
            service: name("api"),
            environment: name("production"),
            release: 7,
            artifact: before(),
            roots: vec![self.signed_root(&self.root(), &[0, 1])],
            status: self.signed_status(&self.status(), &[0, 1]),
            enrolment: self.signed_enrolment(&self.bob.enrolment(&["release-manager"])),
            request: self.request(&self.bob, "rollback", arguments, 74).1,
        }
    }

    /// Bob's pin.
    #[must_use]
    pub fn pin(&self) -> Pin {
        Pin {
            v: 1,
            installation: id(1),
            root_version: 1,
            root: self.root().digest().unwrap(),
            status: 1,
            environments: Vec::new(),
            checkpoint: crate::Head::honest(self).seen(KEPT).to_string(),
            addresses: Vec::new(),
            authority: None,
        }
    }

    /// The pins of readers other than the agent.
    #[must_use]
    pub fn anchors(&self) -> Anchors {
        Anchors { version: 1, digest: self.root().digest().unwrap(), rehearsal: true }
    }

    /// The numbers that such a reader has seen before.
    #[must_use]
    pub fn seen(&self, reader: Reader, bundle: &Bundle, leaves: &[Hash], now: Moment) -> VerificationContext {
        let checkpoint = crate::Head::honest(self).seen(KEPT);
        let proof = proof_for(bundle, leaves, &checkpoint);
        let kept = |may_be_older| {
            Some(PinnedCheckpoint { checkpoint: checkpoint.clone(), proof: proof.clone(), may_be_older })
        };
        match reader {
            Reader::Agent => VerificationContext::default(),
            Reader::Approve => VerificationContext {
                now: Some(now),
                root: 1,
                status: 1,
                statement: 1,
                ledger: kept(false),
                ..VerificationContext::default()
            },
            Reader::Verify => VerificationContext { root: 1, ..VerificationContext::default() },
            Reader::State => {
                VerificationContext { root: 1, ledger: kept(true), ..VerificationContext::default() }
            }
        }
    }
}

/// The artifact that ran before the one that runs.
#[must_use]
pub fn before() -> Digest {
    Digest::of(b"the artifact two before")
}

/// A reader's codes against a bundle, sorted; empty if it passes.
#[must_use]
pub fn said(lab: &Lab, reader: Reader, bundle: &Bundle, leaves: &[Hash], now: Moment) -> Vec<String> {
    if reader == Reader::Agent {
        let mut memory = lab.agent();
        return by_agent(&mut memory, bundle, leaves, now);
    }
    by_seen(lab, bundle, &lab.seen(reader, bundle, leaves, now))
}

/// An agent's codes against a bundle.
#[must_use]
pub fn by_agent(memory: &mut Memory, bundle: &Bundle, leaves: &[Hash], now: Moment) -> Vec<String> {
    let proof =
        memory.checkpoint.parse().map_or_else(|_| Vec::new(), |kept| proof_for(bundle, leaves, &kept));
    let decision = memory.judge_release(bundle, &proof, None, now);
    match (decision.apply, decision.reasons) {
        (Some(_), _) => Vec::new(),
        (None, reasons) if reasons.is_empty() => vec!["refused-without-reason".into()],
        (None, reasons) => reasons,
    }
}

/// An agent's codes against a rollback.
#[must_use]
pub fn returned(memory: &mut Memory, order: &RollbackOrder, now: Moment) -> Vec<String> {
    let decision = memory.judge_return(order, None, now);
    match (decision.apply, decision.reasons) {
        (Some(_), _) => Vec::new(),
        (None, reasons) if reasons.is_empty() => vec!["refused-without-reason".into()],
        (None, reasons) => reasons,
    }
}

/// The codes of a reader who has pinned the root and has seen these numbers before.
#[must_use]
pub fn by_seen(lab: &Lab, bundle: &Bundle, seen: &VerificationContext) -> Vec<String> {
    match check(bundle, &lab.anchors(), seen) {
        Ok(checked) => {
            let judgement = judge_checked(&checked);
            match (judgement.outcome, judgement.codes()) {
                (GateOutcome::Pass, _) => Vec::new(),
                (_, codes) if codes.is_empty() => vec!["undecided-without-reason".into()],
                (_, codes) => codes,
            }
        }
        Err(findings) => {
            let all = findings.against.iter().chain(&findings.unclear);
            all.map(|finding| finding.code.clone()).collect()
        }
    }
}

/// The consistency proof that a server gives to a reader.
#[must_use]
pub fn proof_for(bundle: &Bundle, leaves: &[Hash], kept: &tlog::Checkpoint) -> Vec<evidence::Bytes> {
    match sizes_to_prove(bundle, kept) {
        Some((old, new)) if new <= leaves.len() as u64 => proof_between(leaves, old, new),
        _ => Vec::new(),
    }
}
