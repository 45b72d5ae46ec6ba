//! Source: commits that people put forward.
//!
//! Words: a *requester* puts a commit forward for a *run*; its *signer* is the person whose enrolled key
//! signed it; the *pack* holds the objects that prove both. Invariant: nothing is built from a commit whose
//! signer is not known.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{RecordSource, Signature, take};
pub use event::Taken;
pub use state::{Source, State};
