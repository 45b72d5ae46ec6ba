//! Identity: the trust root in force, the people enrolled under it, and the status of keys and places.
//!
//! Words: a *root* names the keys that may sign each kind of statement; a *registrar* enrols *persons*, each of them
//! one natural person with one permanent *subject*; a *status* revokes keys, withdraws enrolments, bars digests and
//! freezes places. Invariant: a person, a subject and a key are enrolled once. The server verifies signatures against
//! the root whose version the command names, before the command is decided.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{Enrol, SetRoot, SetStatus, enrol, set_root, set_status};
pub use event::{Enrolled, EnrolledKey, Rooted, StatusSet};
pub use state::{Person, State};
