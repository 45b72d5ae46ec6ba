//! The evidence of the pending release of a place, verified under this person's own pin.
//!
//! Invariant: no part of the evidence is believed before `check`, which relies on the pin and not on the server.

use evidence::Place;
use evidence::bundle::Bundle;
use evidence::pin::Pin;
use judge::{Anchors, Checked, VerificationContext};
use tlog::Checkpoint;
use wire::Client;

use crate::clock::now;
use crate::failure::Failure;
use crate::home::{self, Profile};
use crate::review;
use crate::waiting::runtime;

/// Evidence that was fetched, and the pin that it is checked against.
#[derive(Debug)]
pub struct Dossier {
    /// The evidence, unchecked.
    pub bundle: Bundle,
    /// The person's pin.
    pub pin: Pin,
    anchors: Anchors,
    seen: VerificationContext,
}

impl Dossier {
    /// Fetches the evidence from the server.
    pub fn fetch(profile: &Profile, client: &Client, place: &Place) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let pin = home::read_pin(profile.installation)?.ok_or_else(nothing_pinned)?;
        let bundle = Bundle::decode(&runtime.block_on(client.evidence(place))?)?;
        if [&bundle.project, &bundle.service, &bundle.environment]
            != [&place.project, &place.service, &place.environment]
        {
            return Err(Failure::error("the server sent evidence of another place than the one asked for"));
        }
        let (anchors, mut seen) = review::context_of(&pin, &bundle, Some(now()?));
        let prove = |_: &Checkpoint, old, new| Ok(runtime.block_on(client.consistency(old, new))?);
        seen.ledger = Some(review::kept(&pin, &bundle, false, prove)?);
        Ok(Self { bundle, pin, anchors, seen })
    }

    /// Everything that the evidence proves, or the findings against it.
    pub fn check(&self) -> Result<Checked<'_>, Failure> {
        judge::check(&self.bundle, &self.anchors, &self.seen)
            .map_err(|findings| review::broken(&self.bundle, findings))
    }
}

fn nothing_pinned() -> Failure {
    Failure::error("you have pinned nothing; ask a colleague for their line of `countersign trust pin`")
}
