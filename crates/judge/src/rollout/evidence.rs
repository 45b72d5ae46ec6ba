//! The evidence of a step of a rollout.
//!
//! Invariant: everything that a verdict reads is here. Nothing in it is a wish: a probe that was not asked is unknown, and a
//! window that nobody measured is absent.

use std::collections::BTreeMap;

use evidence::Name;
use evidence::rollout_counts::GroupCounts;

/// The evidence of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepEvidence {
    /// Time since the step began, or since it was resumed, in milliseconds.
    pub in_step_ms: u64,
    /// The agent's own probes of the new release.
    pub probes: Probes,
    /// Counts since the step began.
    pub step: GroupCounts,
    /// Counts over each window that `Rollout::windows` names, by its milliseconds. They reach back over earlier steps, but not to
    /// a time before the new release got requests.
    pub windows: BTreeMap<u64, GroupCounts>,
    /// Answers to the queries of the plan, by their names. One that was not asked in this step, or too long ago, is absent.
    pub answers: BTreeMap<Name, Answered>,
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A number, in millionths.
    Number(i64),
    /// No number, for this reason. It decides nothing.
    Unread(String),
}

/// The answer of the agent's own probes of the new release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probes {
    /// They have not answered yet.
    #[default]
    Unknown,
    /// Every process of the new release works.
    Pass,
    /// One does not, after as many tries as the plan allows.
    Fail,
}
