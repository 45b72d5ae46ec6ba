//! The verdict: asks the policy about the proven facts and lists every reason with its remedy.
//!
//! Invariant: a gate passes only if the policy ran some check and nothing is against the release. Missing evidence, a
//! failing policy and an empty list of checks never pass.

use std::collections::BTreeSet;

use domain::State;
use domain::gate::GateOutcome;
use evidence::Place;
use evidence::bundle::Bundle;
use evidence::canonical::{self, CanonicalError};
use evidence::report::Running;
use evidence::{Digest, Moment};
use policy::{ENGINE, Gate, Read, ReadObservation, Reason, Verdict};
use serde::{Deserialize, Serialize};

use crate::check::{MEND_POLICY, UNDECIDED, check};
use crate::checked::Checked;
use crate::context::{Anchors, Bar, VerificationContext};
use crate::input::input;
use crate::reasons::Reasons;
use crate::size::LargeEvidence;

/// A decision about a release, with its texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// Version of this format; 1.
    pub v: u8,
    /// Outcome of the gate.
    pub outcome: GateOutcome,
    /// Checks that the policy made, sorted.
    pub checks: Vec<String>,
    /// All reasons against the release, sorted.
    pub reasons: Vec<Reason>,
    /// Warnings of the policy, which do not stop the release, sorted. Omitted when empty, as in older verdicts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Reason>,
    /// All reasons why no decision could be made, sorted.
    pub unclear: Vec<Reason>,
    /// Name and version of the policy engine.
    pub engine: String,
    /// Digest of the gate input. Absent if the evidence was invalid and no policy was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Digest>,
    /// The gate input. It is stored as a separate blob.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// No trust root is in force yet, so there is nothing to judge with.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("no trust root is in force")]
pub struct NoTrustRoot;

/// Judges a bundle: proves it, then asks the policy of its environment statement.
#[must_use]
pub fn judge(bundle: &Bundle, anchors: &Anchors, seen: &VerificationContext) -> Judgement {
    match check(bundle, anchors, seen) {
        Ok(checked) => judge_checked(&checked),
        Err(reasons) => Judgement::of(reasons, Vec::new(), None, Vec::new()),
    }
}

/// Anchors and numbers of the ledger's own server at a moment. Server and replay judge with these.
///
/// # Errors
/// `NoTrustRoot` when no trust root is in force.
pub fn own_context(
    state: &State,
    place: &Place,
    moment: Moment,
) -> Result<(Anchors, VerificationContext), NoTrustRoot> {
    let root = state.identity.root().ok_or(NoTrustRoot)?;
    let running = state.release.at(place).and_then(|standing| standing.running.as_ref());
    let running = running.map(|now| Running::of(now.artifact, now.commit.clone()));
    let anchors = Anchors { version: root.version, digest: root.digest, rehearsal: true };
    let seen = VerificationContext {
        now: Some(moment),
        clock: Some(moment),
        root: root.version,
        status: state.identity.status().map_or(0, |(number, ..)| number),
        statement: state.gate.environment(place).map_or(0, |set| set.facts.number),
        running: Some(running),
        bars: bars_of(state, place),
        ..VerificationContext::default()
    };
    Ok((anchors, seen))
}

/// The bars of a place, as its agents' observations say.
#[must_use]
pub fn bars_of(state: &State, place: &Place) -> Vec<Bar> {
    let bar = |bar: &domain::observation::Bar| Bar {
        artifact: bar.artifact,
        release: bar.release,
        observation: bar.observation,
    };
    state.observation.bars(place).iter().map(bar).collect()
}

/// Judges proven evidence.
#[must_use]
pub fn judge_checked(checked: &Checked<'_>) -> Judgement {
    judge_by(checked, checked.gate.as_ref().map_err(ToString::to_string))
}

/// Judges proven evidence by this policy, or says why it cannot be used.
pub fn judge_by(checked: &Checked<'_>, gate: Result<&Gate, String>) -> Judgement {
    let mut reasons = checked.reasons.clone();
    let bytes = match input(checked) {
        Ok(bytes) => bytes,
        Err(error) => {
            reasons.unclear("input-unsound", error.to_string(), REPORT);
            return Judgement::of(reasons, Vec::new(), None, Vec::new());
        }
    };
    if !checked.lanes.documents.documents.is_empty()
        && let Some(large) = LargeEvidence::input(bytes.len())
    {
        large.tell(&mut reasons);
        return Judgement::of(reasons, Vec::new(), None, Vec::new());
    }
    let reads = (&checked.lanes.documents.reads, &checked.lanes.observed.reads);
    let answer = gate.map_or_else(|why| Verdict::Undecided { why }, |gate| ask(gate, reads, &bytes));
    let digest = Digest::of(&bytes);
    answered(reasons, answer, Some(digest), bytes)
}

/// Adds the answer of the policy to the other reasons about a release.
pub fn answered(mut reasons: Reasons, answer: Verdict, input: Option<Digest>, bytes: Vec<u8>) -> Judgement {
    let (mut checks, mut warned) = (Vec::new(), BTreeSet::new());
    match answer {
        Verdict::Pass { checks: looked_at, warnings } => {
            checks.extend(looked_at);
            warned = warnings;
        }
        Verdict::Fail { checks: looked_at, reasons: denied, warnings } => {
            checks.extend(looked_at);
            warned = warnings;
            if !cfg!(feature = "drill-policy") {
                reasons.against.extend(denied);
            }
        }
        Verdict::Undecided { why } => reasons.unclear(UNDECIDED, why, MEND_POLICY),
    }
    let warnings = warned.into_iter().collect();
    Judgement { warnings, ..Judgement::of(reasons, checks, input, bytes) }
}

/// Asks a policy that reads these reports and observations about an input.
pub fn ask(gate: &Gate, reads: (&BTreeSet<Read>, &BTreeSet<ReadObservation>), input: &[u8]) -> Verdict {
    let asked = || -> Result<Verdict, String> {
        let text = std::str::from_utf8(input).map_err(|error| error.to_string())?;
        let found = gate.all_reads(text).map_err(|error| error.to_string())?;
        if (&found.reports, &found.observations) != reads {
            // Otherwise a demand that rests on an absent field would be dropped without a word.
            return Err("`reads` depends on more than `input.mode` and `input.place`".into());
        }
        Ok(gate.ask(text))
    };
    asked().unwrap_or_else(|why| Verdict::Undecided { why })
}

impl Judgement {
    /// Makes a judgement of reasons and the checks of the policy.
    pub(crate) fn of(reasons: Reasons, checks: Vec<String>, input: Option<Digest>, bytes: Vec<u8>) -> Self {
        let Reasons { against: mut reasons, mut unclear } = reasons;
        reasons.sort();
        unclear.sort();
        let outcome = match (reasons.is_empty(), unclear.is_empty(), checks.is_empty()) {
            (_, false, _) => GateOutcome::Undecided,
            (false, true, _) => GateOutcome::Fail,
            (true, true, false) => GateOutcome::Pass,
            (true, true, true) => GateOutcome::Undecided,
        };
        let (warnings, engine) = (Vec::new(), ENGINE.to_owned());
        Self { v: 1, outcome, checks, reasons, warnings, unclear, engine, input, bytes }
    }

    /// A judgement that could not be made.
    #[must_use]
    pub fn undecided(code: &str, what: impl Into<String>, remedy: &str) -> Self {
        let mut reasons = Reasons::default();
        reasons.unclear(code, what, remedy);
        Self::of(reasons, Vec::new(), None, Vec::new())
    }

    /// Encodes the judgement, with its texts, into the canonical bytes of its blob.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("judgement", self)
    }

    /// Codes of all reasons, sorted and unique.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        let mut codes: Vec<_> =
            self.reasons.iter().chain(&self.unclear).map(|reason| reason.code.clone()).collect();
        codes.sort();
        codes.dedup();
        codes
    }

    /// Whether the wrong time is among the reasons.
    #[must_use]
    pub fn is_untimely(&self) -> bool {
        let mut codes = self.reasons.iter().chain(&self.unclear).map(|reason| reason.code.as_str());
        codes.any(|code| domain::release::UNTIMELY.contains(&code))
    }

    /// Whether nothing but the wrong time is among the reasons.
    #[must_use]
    pub fn is_only_untimely(&self) -> bool {
        let mut codes = self.reasons.iter().chain(&self.unclear).map(|reason| reason.code.as_str());
        self.is_untimely() && codes.all(|code| domain::release::UNTIMELY.contains(&code))
    }

    /// Codes of all warnings, sorted and unique.
    #[must_use]
    pub fn warned(&self) -> Vec<String> {
        let codes: BTreeSet<_> = self.warnings.iter().map(|warning| warning.code.clone()).collect();
        codes.into_iter().collect()
    }
}

const REPORT: &str = "please report this";
