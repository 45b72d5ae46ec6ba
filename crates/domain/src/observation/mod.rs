//! Observation: what an agent measured at its own place, in every kind of `evidence::observations`.
//!
//! Words: an agent *observes*; an observation may *bar* the artifact of its release at its place, until that artifact runs
//! there again. Invariant: an observation that is recorded here is only a claim. Each judge verifies the signed one again
//! and decides whether it counts.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{OBSERVATIONS_PER_HOUR, Observe, observe};
pub use event::{Observed, ObservedRelease};
pub use state::{Bar, RecordedObservation, State};
