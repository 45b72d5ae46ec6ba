//! A dry run: past decisions of gates, made again by another policy.
//!
//! Invariant: only the policy is another one; time, evidence, votes and every reason that the judge itself found stay as
//! recorded. If the policy reads the same as the one that decided, it gets the recorded input. If it reads less, the evidence is
//! checked again and its input has less. If it reads what the evidence does not carry, the decision is unknown, and never a
//! pass. Nothing is written, and a policy is evaluated as a gate does it: with allowed built-ins alone, within its bound, by two
//! evaluators that have to agree.

mod other_reads;
mod past;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use domain::RULES;
use domain::gate::{GateOutcome, Judged};
use evidence::Digest;
use evidence::bundle::Bundle;
use evidence::canonical::CanonicalError;
use evidence::policy_files::PolicyFiles;
use evidence::trust_root::Mode;
use policy::{AllReads, Gate, Verdict};
use serde::Deserialize;

use crate::check::{UNDECIDED, check_by};
use crate::input::input;
use crate::input_reads::{compile, reads_input};
use crate::reasons::Reasons;
use crate::store::{Store, Unavailable};
use crate::verdict::{Judgement, answered, ask, judge_by};

pub use other_reads::NotCarried;
pub use past::{FoldedEntry, PastDecision, PastDecisions};

/// A policy that is tried on past decisions.
#[derive(Debug)]
pub struct DryRun<'a, S: Store> {
    store: &'a S,
    gate: Gate,
    /// Policies that decided, each compiled once; or the reason why it cannot be asked.
    former: Mutex<BTreeMap<Digest, Former>>,
}

type Former = Arc<Result<Gate, String>>;

/// Result for one past decision.
#[derive(Debug)]
pub enum Trial {
    /// No policy was asked then: the server could make no evidence, or an alert held the gate. So nothing is known of this one.
    NotAsked,
    /// The policy was asked.
    Compared(Comparison),
    /// Nobody can say how the policy would have decided.
    Unknown(DryRunError),
}

/// Differences between a past decision and the one by the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Outcome by the policy.
    pub outcome: GateOutcome,
    /// Codes of reasons against the release that only the policy gives.
    pub come: BTreeSet<String>,
    /// Codes of reasons against the release that were recorded, and that the policy does not give.
    pub go: BTreeSet<String>,
    /// Codes of warnings that only the policy gives.
    pub warnings_come: BTreeSet<String>,
    /// Codes of warnings that were recorded, and that the policy does not give.
    pub warnings_go: BTreeSet<String>,
}

/// Why nobody can say how a policy would have decided.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    /// Bytes that the decision rests on are gone.
    #[error("a part of its record is not on disk: {0}")]
    Gone(#[from] Unavailable),
    /// Bytes that the decision rests on cannot be read.
    #[error("a part of its record cannot be read: {0}")]
    Canonical(#[from] CanonicalError),
    /// Bytes that the decision rests on have another form.
    #[error("a part of its record cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// The evidence does not carry what the policy reads.
    #[error(transparent)]
    NotCarried(#[from] NotCarried),
    /// The policy reads something else than the one that decided, and this program cannot check evidence by these rules again.
    #[error(
        "the policy reads other documents, and the evidence is by rules {0}, which this program cannot check again"
    )]
    OtherRules(u32),
    /// The policy reads something else, and the evidence does not give the recorded input again.
    #[error("the policy reads other documents, and the recorded evidence does not give its input again")]
    OtherInput,
    /// The recorded verdict is not the one of the policy that it names.
    #[error(
        "the policy that decided gives another verdict on the recorded input; `countersign audit replay` says more"
    )]
    OtherVerdict,
}

impl<'a, S: Store> DryRun<'a, S> {
    /// A dry run of this policy over decisions whose bytes are in the store.
    #[must_use]
    pub const fn new(store: &'a S, gate: Gate) -> Self {
        Self { store, gate, former: Mutex::new(BTreeMap::new()) }
    }

    /// Makes a decision again by the policy.
    #[must_use]
    pub fn again(&self, past: &PastDecision) -> Trial {
        match self.judged(past) {
            Ok(Some(judgement)) => Trial::Compared(Comparison::of(&past.judged, &judgement)),
            Ok(None) => Trial::NotAsked,
            Err(error) => Trial::Unknown(error),
        }
    }

    fn judged(&self, past: &PastDecision) -> Result<Option<Judgement>, DryRunError> {
        let judged = &past.judged;
        match (judged.input, judged.bundle) {
            (Some(input), _) => {
                let bytes = self.store.blob(&input)?;
                let former = self.former(&judged.policy)?;
                let asked = reads_input(serde_json::from_slice::<ModeOfInput>(&bytes)?.mode, &judged.place)?;
                match (reads(&former, &asked), self.gate.all_reads(&asked)) {
                    (Some(then), Ok(now)) if then == now => self.by_input(judged, &bytes, &former, &now),
                    _ => self.by_evidence(past),
                }
            }
            // The evidence was unsound, or too large for an input.
            (None, Some(_)) => self.by_evidence(past),
            (None, None) => return Ok(None),
        }
        .map(Some)
    }

    /// Judges the recorded input. The reasons that the judge itself found are those of the verdict without those of its policy.
    fn by_input(
        &self,
        judged: &Judged,
        input: &[u8],
        former: &Former,
        reads: &AllReads,
    ) -> Result<Judgement, DryRunError> {
        let asked = |gate: &Gate| ask(gate, (&reads.reports, &reads.observations), input);
        let others = if judged.reasons.is_empty() {
            Reasons::default()
        } else {
            let recorded: Judgement = serde_json::from_slice(&self.store.blob(&judged.verdict)?)?;
            let then = match former.as_ref() {
                Ok(gate) => asked(gate),
                Err(why) => Verdict::Undecided { why: why.clone() },
            };
            without_policy(recorded, then)?
        };
        Ok(answered(others, asked(&self.gate), judged.input, Vec::new()))
    }

    /// Checks the recorded evidence again, and judges it with what the policy reads.
    fn by_evidence(&self, past: &PastDecision) -> Result<Judgement, DryRunError> {
        if past.rules != RULES {
            return Err(DryRunError::OtherRules(past.rules));
        }
        let context = past.context.as_ref().ok_or(DryRunError::OtherInput)?;
        let digest = past.judged.bundle.ok_or(DryRunError::OtherInput)?;
        let bundle = Bundle::decode(&self.store.blob(&digest)?)?;
        let gate = match self.former(&past.judged.policy)?.as_ref() {
            Ok(gate) => Ok(gate.clone()),
            Err(_) => compile(&bundle.policy),
        };
        let checked = match check_by(&bundle, gate, &context.0, &context.1) {
            Ok(checked) => checked,
            // The policy is asked about sound evidence alone.
            Err(reasons) => return Ok(Judgement::of(reasons, Vec::new(), None, Vec::new())),
        };
        if let Some(recorded) = past.judged.input
            && Digest::of(&input(&checked)?) != recorded
        {
            return Err(DryRunError::OtherInput);
        }
        let checked = other_reads::read_by(checked, &self.gate)?;
        Ok(judge_by(&checked, Ok(&self.gate)))
    }

    /// A policy that decided, compiled.
    fn former(&self, digest: &Digest) -> Result<Former, DryRunError> {
        let mut known = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(former) = known.get(digest) {
            return Ok(Arc::clone(former));
        }
        let files = PolicyFiles::decode(&self.store.blob(digest)?)?;
        let former: Former = Arc::new(compile(&files).map_err(|error| error.to_string()));
        known.insert(*digest, Arc::clone(&former));
        Ok(former)
    }
}

/// Everything that a policy that decided read; `None` if that is not known.
fn reads(former: &Former, asked: &str) -> Option<AllReads> {
    match former.as_ref() {
        Ok(gate) => gate.all_reads(asked).ok(),
        Err(_) => Some(AllReads::default()),
    }
}

/// The reasons of a verdict that do not come from its policy, which gives this answer.
fn without_policy(recorded: Judgement, answer: Verdict) -> Result<Reasons, DryRunError> {
    let Judgement { reasons: mut against, mut unclear, .. } = recorded;
    let was_undecided = unclear.iter().any(|reason| reason.code == UNDECIDED);
    if was_undecided != matches!(answer, Verdict::Undecided { .. }) {
        return Err(DryRunError::OtherVerdict);
    }
    unclear.retain(|reason| reason.code != UNDECIDED);
    if let Verdict::Fail { reasons: denied, .. } = answer {
        if denied.iter().any(|reason| !against.contains(reason)) {
            return Err(DryRunError::OtherVerdict);
        }
        against.retain(|reason| !denied.contains(reason));
    }
    Ok(Reasons { against, unclear })
}

impl Comparison {
    fn of(judged: &Judged, judgement: &Judgement) -> Self {
        let set = |codes: &[String]| codes.iter().cloned().collect::<BTreeSet<_>>();
        let (then, now) = (set(&judged.reasons), set(&judgement.codes()));
        let (warned, warns) = (set(&judged.warnings), set(&judgement.warned()));
        Self {
            outcome: judgement.outcome,
            come: &now - &then,
            go: &then - &now,
            warnings_come: &warns - &warned,
            warnings_go: &warned - &warns,
        }
    }

    /// Whether reasons or warnings are other ones than those recorded.
    #[must_use]
    pub fn has_other_codes(&self) -> bool {
        [&self.come, &self.go, &self.warnings_come, &self.warnings_go].iter().any(|codes| !codes.is_empty())
    }
}

/// The part of a recorded input that says which mode was in force.
#[derive(Deserialize)]
struct ModeOfInput {
    mode: Mode,
}
