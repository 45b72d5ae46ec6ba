//! Admission of people's submissions: verifies all signatures and makes a command of the request.
//!
//! Invariant: a submission that cannot be read is an error and leaves no entry. A readable submission of a known person
//! that is invalid becomes a command that refuses it, so that the refusal is recorded. Replay calls the same function
//! with the bytes from the ledger. A new action is one file here and a row in the table.

mod advance;
mod agree;
mod approve;
mod cancel;
mod chosen;
mod enrol;
mod enrolment;
mod form;
mod preview;
mod promote;
mod rollback;
mod run;
mod secret;
mod set_environment;
mod set_root;
mod set_status;
mod state;

use domain::State;
use evidence::trust_root::TrustRoot;

use self::form::{Known, malformed};
use crate::store::Store;

pub use enrolment::{enrolment_at, enrolment_envelope_at};
pub use form::{AdmitError, Admitted, Sent};
pub use set_root::runner_names;
pub use set_status::status_command;

type Admission = fn(&Known<'_>, &Sent<'_>) -> Result<Admitted, AdmitError>;

/// Makes a command of a submission.
///
/// # Errors
/// `AdmitError` when the submission cannot be read. A refusal is not an error but a command.
pub fn admit(
    state: &State,
    root: &TrustRoot,
    store: &dyn Store,
    sent: &Sent<'_>,
) -> Result<Admitted, AdmitError> {
    let action = sent.request.action.as_str();
    match TABLE.iter().find(|(name, _)| *name == action) {
        Some((_, admission)) => admission(&Known { state, root, store }, sent),
        None => {
            let names: Vec<_> = TABLE.iter().map(|(name, _)| *name).collect();
            Err(malformed(format!("`{action}` is no action; known are {}", names.join(", "))))
        }
    }
}

/// The table of actions.
const TABLE: &[(&str, Admission)] = &[
    ("enrol", enrol::admit),
    ("set-root", set_root::admit),
    ("set-status", set_status::admit),
    ("set-environment", set_environment::admit),
    ("run", run::admit),
    ("agree", agree::admit),
    ("cancel", cancel::admit),
    ("approve", approve::admit),
    ("state", state::admit),
    ("promote", promote::admit),
    ("rollback", rollback::admit),
    ("advance", advance::admit),
    ("preview-remove", preview::remove),
    ("secret-put", secret::put),
    ("secret-destroy", secret::destroy),
];
