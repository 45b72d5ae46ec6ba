//! Identity: the trust root in force, the people enrolled under it, and the status of keys and places.
//!
//! Words: a *root* names who may sign what; a *registrar* enrols *persons*, each one natural person by
//! immutable *subject*; a *status* revokes keys, withdraws enrolments, bars digests and freezes places.
//! Invariant: a person, a subject and a key are enrolled once. Signatures are checked at the edge against
//! the root whose version the command names.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{Enrol, SetRoot, SetStatus, enrol, set_root, set_status};
pub use event::{Enrolled, EnrolledKey, Rooted, StatusSet};
pub use state::{Person, State};
