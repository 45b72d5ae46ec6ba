//! The action `rollback`.

use domain::{Command, release};
use evidence::Digest;

use super::form::{AdmitError, Admitted, Known, Sent, arguments, malformed};
use crate::arguments::RollbackArguments;

pub fn admit(_: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let arguments: RollbackArguments = arguments(sent.request)?;
    let envelope = sent.envelope.encode().map_err(malformed)?;
    let project = Some(arguments.place.project.clone());
    let command = Command::Rollback(release::Rollback {
        place: arguments.place,
        from: arguments.from,
        to: arguments.to,
        release: arguments.release,
        ends: arguments.ends,
        person: sent.request.person.into(),
        request: Digest::of(&envelope),
    });
    Ok(Admitted { command, project, blobs: vec![envelope] })
}
