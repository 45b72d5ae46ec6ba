//! The evaluator of rollouts: what the counts of a step say, and what happens next. Formulas: `docs/release/judgement.md`.
//!
//! Invariant: a pure function of its arguments with integers alone, so that agent, simulator and reader compute the same.
//! Without data there is no success: a step without evidence is undecided, and what is undecided for too long has failed.
//! A number can stop a rollout; widening it also needs the agent's own probes. The module has no clock and counts nothing.

mod evidence;
mod logarithm;
mod measures;
mod progress;
mod queries;
mod sequential;
mod share;
mod verdict;

pub use self::evidence::{Answered, Probes, StepEvidence};
pub use measures::measures;
pub use progress::{Action, Ending, Event, Hold, Progress, next};
pub use verdict::{Verdict, verdict};
