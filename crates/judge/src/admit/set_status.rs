//! The action `set-status`.

use domain::Command;
use domain::identity::{SetStatus, StatusSet};
use evidence::Digest;
use evidence::status::{StatusFile, StatusInForce};

use super::form::{AdmitError, Admitted, Known, SIGN_AGAIN, Sent, bare, malformed, named, refuse};

pub fn admit(known: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let (base, tightening) = named(sent)?;
    let file = StatusFile { base: base.clone(), tightening: tightening.cloned() };
    match file.open(known.root) {
        Ok(opened) => {
            let bytes = file.encode().map_err(malformed)?;
            let command = status_command(opened, Digest::of(&bytes), known.root.version);
            Ok(Admitted { command, project: None, blobs: vec![bytes] })
        }
        Err(error) => Ok(bare(refuse("status-unsound", &error, SIGN_AGAIN))),
    }
}

/// The command that brings a status into force. The signatures were verified before.
#[must_use]
pub fn status_command(opened: StatusInForce, file: Digest, root: u32) -> Command {
    let issued = opened.status.issued;
    Command::SetStatus(SetStatus { status: StatusSet::of(opened, file, root), issued })
}
