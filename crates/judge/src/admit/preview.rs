//! The action `preview-remove`.

use domain::{Command, gate};
use evidence::Digest;
use evidence::request::RemovePreview;

use super::form::{AdmitError, Admitted, Known, Sent, arguments, malformed};

pub fn remove(_: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let RemovePreview { place, number } = arguments(sent.request)?;
    let envelope = sent.envelope.encode().map_err(malformed)?;
    let project = Some(place.project.clone());
    let request = Digest::of(&envelope);
    let ending = gate::PreviewEnding { place, number, person: sent.request.person.into(), request };
    Ok(Admitted { command: Command::EndPreview(gate::EndPreview { ending }), project, blobs: vec![envelope] })
}
