//! The action `promote`.

use domain::{Command, release};
use evidence::Digest;

use super::form::{AdmitError, Admitted, Known, Sent, arguments, malformed};
use crate::arguments::PromoteArguments;

pub fn admit(_: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let arguments: PromoteArguments = arguments(sent.request)?;
    let envelope = sent.envelope.encode().map_err(malformed)?;
    let project = Some(arguments.place.project.clone());
    let promoted = release::Promoted {
        place: arguments.place,
        release: arguments.release,
        person: sent.request.person.into(),
        request: Digest::of(&envelope),
    };
    let command = Command::Promote(release::Promote { promoted, artifact: arguments.artifact });
    Ok(Admitted { command, project, blobs: vec![envelope] })
}
