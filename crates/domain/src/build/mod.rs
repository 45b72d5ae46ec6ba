//! Build: runs of a pipeline, step by step, on every runner.
//!
//! Words: a *run* takes a commit through its pipeline; each step is *due* on each runner; the runner *reports* it with
//! a receipt; an approval node waits until enough people have *agreed*. Invariant: every runner does every step. So
//! runners never compete for work, and no result rests on one runner alone.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub(crate) use decide::of_due;
pub use decide::{
    Agree, Cancel, DueNext, Lose, Report, Run, agree, cancel, due_next, lose, nonce, report, run, seed,
    without,
};
pub use event::{Agreed, Agreement, Due, Ended, Reported, RunOutcome, ServiceChecks, Started, StepPlan};
pub use state::{Progress, State};
