//! The lift of a bar: the observation by which an artifact failed its judgement at a place, and the page that a person reads
//! before they sign.
//!
//! Invariant: the observation is verified under the environment statement that the evidence proves, so people read what the
//! agent signed.

use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::observations::Observation;
use evidence::statements::{Lift, Scope};
use judge::Checked;
use wire::{BarView, Client, PlaceView};

use super::Until;
use crate::error::Error;

/// A bar of the pending release, with what its agent signed.
#[derive(Clone, Debug)]
pub struct SignedBar {
    /// The signed observation.
    pub envelope: Envelope,
}

/// The bars of the pending release of a place.
///
/// # Errors
/// `Error` if its artifact is not barred there, or an observation cannot be fetched.
pub async fn bars(client: &Client, view: &PlaceView) -> Result<Vec<SignedBar>, Error> {
    let artifact = view.open.as_ref().map(|open| open.artifact);
    let mut found = Vec::new();
    for BarView { envelope, .. } in view.bars.iter().filter(|bar| Some(bar.artifact) == artifact) {
        let bytes = client.blob(envelope, evidence::dsse::ENVELOPE_BYTES_MAX).await?;
        let envelope = Envelope::decode(&bytes).map_err(|error| Error::unusable(error.to_string()))?;
        found.push(SignedBar { envelope });
    }
    if found.is_empty() {
        let place = &view.place;
        return Err(Error::unusable(format!(
            "the pending release is not barred at {place}; `countersign status` shows what is"
        )));
    }
    Ok(found)
}

/// The observation of a bar, verified, and the lift of it.
///
/// # Errors
/// `Error` if no agent of the place signed it, or it bars another artifact.
pub fn body(checked: &Checked<'_>, bar: &SignedBar) -> Result<(Digest, Lift, Observation), Error> {
    let observation = Observation::open(&bar.envelope, &checked.trust.environment)
        .map_err(|error| Error::unusable(error.to_string()))?;
    let artifact = checked.bundle.artifact();
    let about = observation.about().filter(|_| observation.barred() == Some(artifact));
    let about = about.ok_or_else(|| {
        Error::unusable("the server shows an observation that does not bar the pending release")
    })?;
    Ok((bar.envelope.payload_digest(), Lift { artifact, release: about.release }, observation))
}

/// The page that a person reads before the signature.
pub fn page(checked: &Checked<'_>, observations: &[Observation], scope: &Scope, until: Until) -> String {
    let told = |observation: &Observation| {
        let release = observation.about().map_or(0, |about| about.release);
        let (agent, time) = (&observation.agent, observation.time);
        let why = Some(observation.body.detail()).filter(|why| !why.is_empty());
        let why = why.map(|why| format!("\n    {}", shown::line(&why))).unwrap_or_default();
        format!("\n  release {release}, by agent {agent} at {time}: {}{why}", observation.body.summary())
    };
    let told: String = observations.iter().map(told).collect();
    format!(
        "lift the bar of release {} in {scope}, until {} in UTC; it failed its judgement there:{told}\nartifact: {}",
        checked.bundle.release,
        until.0,
        checked.bundle.artifact()
    )
}
