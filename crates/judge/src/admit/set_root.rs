//! The action `set-root`.

use std::collections::BTreeSet;

use domain::Command;
use domain::identity::{Rooted, SetRoot};
use evidence::trust_root::{TrustRoot, TrustRootError};
use evidence::{Digest, Name};

use super::form::{AdmitError, Admitted, Known, MORE_SIGN, SIGN_AGAIN, Sent, bare, malformed, named, refuse};

pub fn admit(known: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (envelope, _) = named(sent)?;
    match known.root.next(envelope) {
        Ok(next) => {
            let bytes = envelope.encode().map_err(malformed)?;
            let facts = Rooted::of(&next, Digest::of(&bytes)).map_err(malformed)?;
            let command =
                Command::SetRoot(SetRoot { root: facts, runners: runner_names(&next), issued: next.issued });
            Ok(Admitted { command, project: None, blobs: vec![bytes] })
        }
        Err(error @ TrustRootError::Threshold { .. }) => {
            Ok(bare(refuse("holders-missing", &error, MORE_SIGN)))
        }
        Err(error @ TrustRootError::Succession { .. }) => {
            Ok(bare(refuse("root-out-of-order", &error, "amend the root in force and sign again")))
        }
        Err(error) => Ok(bare(refuse("root-unsound", &error, SIGN_AGAIN))),
    }
}

/// Names of the runners in a root.
#[must_use]
pub fn runner_names(root: &TrustRoot) -> BTreeSet<Name> {
    root.runners.iter().map(|runner| runner.name.clone()).collect()
}
