//! Artifact: the result of a run, named by the digest of its manifest.
//!
//! Words: an artifact is *built* once every runner has produced the same bytes. Invariant: an artifact on which the
//! runners differ does not exist.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{Conclude, conclude};
pub use event::{Built, PlannedChecks};
pub use state::{Artifact, State};
