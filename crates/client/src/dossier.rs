//! The evidence of the pending release of a place, verified under this person's own pin.
//!
//! Input: a profile, a client, a place. Output: the evidence, and what it proves. Invariant: no part of the evidence is
//! believed before `check`, which relies on the pin and not on the server.

use evidence::Place;
use evidence::bundle::Bundle;
use evidence::pin::Pin;
use judge::{Anchors, Checked, PinnedCheckpoint, VerificationContext};
use wire::Client;

use crate::clock::now;
use crate::error::Error;
use crate::pins;
use crate::profile::Profile;
use crate::review;

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
    pub async fn fetch(profile: &Profile, client: &Client, place: &Place) -> Result<Self, Error> {
        let pin = pins::read(profile.installation)?.ok_or_else(nothing_pinned)?;
        let bundle = Bundle::decode(&client.evidence(place).await?)?;
        if [&bundle.project, &bundle.service, &bundle.environment]
            != [&place.project, &place.service, &place.environment]
        {
            return Err(Error::unusable("the server sent evidence of another place than the one asked for"));
        }
        let (anchors, mut seen) = review::context_of(&pin, &bundle, Some(now()?));
        let checkpoint = pin.checkpoint()?;
        let proof = match judge::sizes_to_prove(&bundle, &checkpoint) {
            Some((old, new)) => client.consistency(old, new).await?,
            None => Vec::new(),
        };
        seen.ledger = Some(PinnedCheckpoint { checkpoint, proof, may_be_older: false });
        Ok(Self { bundle, pin, anchors, seen })
    }

    /// Everything that the evidence proves, or the findings against it.
    pub fn check(&self) -> Result<Checked<'_>, Error> {
        judge::check(&self.bundle, &self.anchors, &self.seen)
            .map_err(|findings| review::broken(&self.bundle, findings))
    }
}

/// The failure of a person without a pin.
pub fn nothing_pinned() -> Error {
    Error::unusable(
        "you have pinned nothing; ask a colleague for their line of `countersign trust pin`, and pin it with `countersign trust pin --set LINE`",
    )
}
