//! The action `agree`.

use domain::{Command, build};
use evidence::Digest;
use evidence::trust_root::Mode;

use super::form::{AdmitError, Admitted, Known, Sent, arguments, malformed};
use crate::arguments::AgreeArguments;

pub fn admit(known: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let arguments: AgreeArguments = arguments(sent.request)?;
    let envelope = sent.envelope.encode().map_err(malformed)?;
    let command = Command::Agree(build::Agree {
        run: arguments.run,
        step: arguments.step,
        commit: arguments.commit,
        person: sent.request.person.into(),
        request: Digest::of(&envelope),
        solo: known.root.mode == Mode::Solo,
    });
    Ok(Admitted { command, project: known.project_of(arguments.run), blobs: vec![envelope] })
}
