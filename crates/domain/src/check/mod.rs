//! Check: what runners detect about a release once its agent has brought it up.
//!
//! Words: the checks of a release are *due* on every runner of its run as soon as the agent reports that it runs; a runner
//! *reports* each one with a receipt; checks are *finished* once all are reported, or *lost* if a runner is gone.
//! Invariant: checks belong to one release of one place. When another release runs there, they are forgotten.
//! Work that is due and reports of it have the events of context `build`; this context decides about them.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{DueChecks, due, lose, report, without};
pub use event::ChecksLost;
pub use state::{Checks, State};
