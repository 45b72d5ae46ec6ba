//! Verdicts of rollouts: how an agent judged a step of a release, with the raw counts.
//!
//! Invariant: the last verdict of a rollout says how it ended. A rollout that failed its judgement bars its artifact; one
//! that was interrupted does not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rules::{About, Content};
use crate::rollout::STEPS_MAX;
use crate::rollout_counts::Counts;
use crate::rollout_query::{NO_LIMIT, QUERIES_MAX};
use crate::{Digest, Moment, Name};

/// The verdict of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutVerdict {
    /// Number of the release.
    pub release: u64,
    /// Its artifact.
    pub artifact: Digest,
    /// Its plan, with steps and thresholds.
    pub plan: Digest,
    /// The step, counted from 0.
    pub step: u32,
    /// Share of requests of the step in percent.
    pub percent: u8,
    /// When the step began, by the agent's clock.
    pub began: Moment,
    /// The verdict.
    pub verdict: VerdictOfStep,
    /// How the rollout ended; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RolloutEnd>,
    /// Whether the agent's own probes of the new release passed.
    pub probes: bool,
    /// Counts over the step by group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<Name, Counts>,
    /// Answers to the queries of the plan that were numbers, in millionths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<Name, i64>,
    /// The reasons in words, with their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Verdicts of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictOfStep {
    /// The numbers hold.
    Go,
    /// There is too little yet.
    Wait,
    /// A number does not hold.
    Stop,
    /// There are no numbers, so nothing could be decided. That is no success.
    Undecided,
}

/// Ends of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutEnd {
    /// The release gets all requests, and its numbers hold.
    Done,
    /// The release failed its judgement, and the one before gets all requests again.
    Failed,
    /// A person, a freeze or another release ended it: that says nothing of the release.
    Interrupted,
}

impl VerdictOfStep {
    /// The name in payloads and texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Wait => "wait",
            Self::Stop => "stop",
            Self::Undecided => "undecided",
        }
    }
}

impl RolloutEnd {
    /// The name in payloads and texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Content for RolloutVerdict {
    fn fault(&self) -> Option<&'static str> {
        let fine =
            |text: &String| (1..=REASON_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
        let faults = [
            (self.release >= 1, "release numbers start at 1"),
            (
                (self.step as usize) < STEPS_MAX && self.percent <= 100,
                "a rollout has at most 32 steps, of at most 100 percent",
            ),
            (self.counts.len() <= GROUPS_MAX, "it has counts of more than 8 groups"),
            (
                self.counts.values().all(|counts| counts.fault().is_none()),
                "the counts of a group do not fit each other",
            ),
            (
                self.answers.len() <= QUERIES_MAX
                    && self.answers.values().all(|answer| answer.unsigned_abs() <= NO_LIMIT),
                "it has answers to more than 16 queries, or one that is too large",
            ),
            (
                self.reasons.len() <= REASONS_MAX && self.reasons.iter().all(fine),
                "it has more than 32 reasons, or one is empty, longer than 500 bytes or has control characters",
            ),
            (
                self.verdict != VerdictOfStep::Stop || !self.reasons.is_empty(),
                "a verdict `stop` has no reasons",
            ),
            (
                self.end != Some(RolloutEnd::Done)
                    || (self.percent == 100 && self.verdict == VerdictOfStep::Go && self.probes),
                "a rollout is done only after the whole, with the verdict `go` and probes that passed",
            ),
            (
                self.end != Some(RolloutEnd::Failed) || !self.reasons.is_empty(),
                "a rollout that failed has no reasons",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }

    fn about(&self) -> Option<About> {
        Some(About { release: self.release, artifact: self.artifact, plan: self.plan })
    }

    fn is_intermediate(&self) -> bool {
        self.end.is_none()
    }

    fn bars(&self) -> bool {
        self.end == Some(RolloutEnd::Failed)
    }

    fn facts(&self) -> Value {
        let of_group = |(group, counts): (&Name, &Counts)| {
            let Counts { requests, errors, client_errors, .. } = counts;
            let facts = json!({"requests": requests, "errors": errors, "client_errors": client_errors});
            (group.to_string(), facts)
        };
        let groups: serde_json::Map<_, _> = self.counts.iter().map(of_group).collect();
        json!({
            "verdict": self.verdict,
            "end": self.end.map_or("", RolloutEnd::as_str),
            "step": self.step,
            "percent": self.percent,
            "probes": self.probes,
            "groups": groups,
        })
    }

    fn summary(&self) -> String {
        let Self { step, percent, verdict, .. } = self;
        let end = self.end.map(|end| format!(", rollout {}", end.as_str())).unwrap_or_default();
        format!("step {} ({percent} percent): {}{end}", step + 1, verdict.as_str())
    }

    fn detail(&self) -> String {
        self.reasons.join("; ")
    }
}

const GROUPS_MAX: usize = 8;
const REASONS_MAX: usize = 32;
const REASON_BYTES_MAX: usize = 500;
