//! Release: one artifact on its way into one place after another.
//!
//! Words: an artifact is *wanted* at a place, *proposed* there under a plan and a number, *promoted* by a
//! person where that is asked for, *due* at the place's agent once its gate has passed, *held* when not;
//! the agent *reports*. Invariant: numbers rise and are never given twice; what is due names its evidence.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{
    Conclude, LEAP_MAX, Promote, Propose, Report, Retry, Rollback, Want, conclude, promote, propose, report,
    retry, rollback, want,
};
pub use event::{
    Course, Held, Promoted, Proposed, ReleaseDue, Reported, RollbackRequested, Unplannable, Wanted,
};
pub(crate) use state::is_frozen;
pub use state::{Current, EARLIER_MAX, Open, PlaceState, RolledBack, Stage, State};
