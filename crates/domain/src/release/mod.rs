//! Release: one artifact on its way through the places of its service.
//!
//! Words: an artifact is *wanted* at a place, *proposed* there under a plan and a number, *promoted* by a person if the
//! place is manual, *due* at the place's agent once its gate has passed, and *held* if the gate did not pass; the agent
//! *reports*. Where a place has several agents, they have their *turns*, and those that have a release which fails at another one
//! *retreat*. Invariant: release numbers rise and are never used twice; a release that is due names its evidence.

mod advance;
mod by_hand;
mod decide;
mod event;
mod past;
mod shared;
mod state;
mod turns;

#[cfg(test)]
mod tests;

pub use advance::{Advance, advance};
pub use by_hand::{ReportByHand, report_by_hand};
pub use decide::{
    Conclude, LEAP_MAX, Promote, Propose, Report, Retry, Rollback, Want, conclude, promote, propose, report,
    retry, rollback, want,
};
pub use event::{
    AdvanceRequested, ByHand, Course, Held, Part, Promoted, Proposed, ReleaseDue, Reported,
    RollbackRequested, Unplannable, Wanted,
};
pub use past::EARLIER_MAX;
pub use shared::{Done, Retreat};
pub use state::{
    Current, DUE_FOR_REVIEW, FROZEN, Open, PlaceState, ROLLOUT_FAILED, ROLLOUT_INTERRUPTED, RolledBack,
    Stage, State, TimeHold, UNTIMELY,
};
pub(crate) use state::{is_frozen, is_untimely};
