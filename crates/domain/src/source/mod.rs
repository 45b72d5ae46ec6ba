//! Source: commits that people submit.
//!
//! Words: a *requester* submits a commit for a *run*; its *signer* is the person whose enrolled key signed it; the
//! *pack* holds the objects that prove both. Invariant: nothing is built from a commit whose signer is unknown.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{RecordSource, Signature, take};
pub use event::Taken;
pub use state::{Source, State};
