//! The action `advance`.

use domain::{Command, release};
use evidence::Digest;
use evidence::request::Advance;

use super::form::{AdmitError, Admitted, Known, Sent, arguments, malformed};

pub fn admit(_: &Known<'_>, sent: &Sent<'_>) -> Result<Admitted, AdmitError> {
    let Advance { place, release, plan, step, order, .. } = arguments(sent.request)?;
    let envelope = sent.envelope.encode().map_err(malformed)?;
    let project = Some(place.project.clone());
    let requested = release::AdvanceRequested {
        place,
        release,
        plan,
        step,
        order,
        person: sent.request.person.into(),
        request: Digest::of(&envelope),
    };
    let command = Command::Advance(release::Advance { requested });
    Ok(Admitted { command, project, blobs: vec![envelope] })
}
