//! Artifact: what a run made, by the digest of its manifest.
//!
//! Words: an artifact is *built* when every runner put together the same bytes. Invariant: an artifact on
//! which the runners differ does not exist.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{Conclude, conclude};
pub use event::Built;
pub use state::{Artifact, State};
