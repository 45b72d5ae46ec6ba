//! The evidence of a release, verified under this person's own pin.
//!
//! Input: a profile, a client, a place. Output: the evidence, and what it proves. Invariant: no part of the evidence is
//! believed before `check`, which relies on the pin and not on the server.

use evidence::bundle::{BYTES_MAX, Bundle};
use evidence::pin::Pin;
use evidence::{Digest, Place};
use judge::{Anchors, Checked, PinnedCheckpoint, VerificationContext};
use wire::{Client, ReleaseStage};

use crate::clock::now;
use crate::error::Error;
use crate::evidence_file;
use crate::pinned_review;
use crate::pins;
use crate::places;
use crate::profile::Profile;

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
        let (anchors, mut seen) = pinned_review::context_of(&pin, &bundle, Some(now()?));
        let checkpoint = pin.checkpoint()?;
        let proof = match judge::sizes_to_prove(&bundle, &checkpoint) {
            Some((old, new)) => client.consistency(old, new).await?,
            None => Vec::new(),
        };
        seen.ledger = Some(PinnedCheckpoint { checkpoint, proof, may_be_older: false });
        Ok(Self { bundle, pin, anchors, seen })
    }

    /// The evidence of a release that a gate judged, for a verdict as of its time.
    ///
    /// # Errors
    /// `Error` when nothing is pinned.
    pub fn recorded(bundle: Bundle) -> Result<Self, Error> {
        let pin = pins::read(bundle.installation)?.ok_or_else(nothing_pinned)?;
        let (anchors, seen) = pinned_review::context_of(&pin, &bundle, None);
        // The bundle keeps the verdict of its time: numbers that rose since do not count against it.
        let seen = VerificationContext { root: 0, status: 0, statement: 0, ..seen };
        Ok(Self { bundle, pin, anchors, seen })
    }

    /// The evidence with this digest, of a release that a gate judged.
    ///
    /// # Errors
    /// `Error` when the server does not have it, or nothing is pinned.
    pub async fn stored(client: &Client, digest: &Digest) -> Result<Self, Error> {
        Self::recorded(Bundle::decode(&client.blob(digest, BYTES_MAX).await?)?)
    }

    /// The evidence of the pending release of a place, or of a release that a gate judged, with the stage of the release.
    ///
    /// # Errors
    /// `Error` when the server does not have it, or it is of another place.
    pub async fn of_release(
        profile: &Profile,
        client: &Client,
        place: &Place,
        release: Option<u64>,
    ) -> Result<(Self, ReleaseStage, bool), Error> {
        let view = places::look(client, place).await?;
        let open = view.open.as_ref().filter(|open| release.is_none_or(|number| number == open.release));
        if let Some(open) = open {
            return Ok((Self::fetch(profile, client, place).await?, open.stage, true));
        }
        let meant = evidence_file::meant(client, &view, release).await?;
        let digest = meant.bundle.ok_or_else(|| {
            let number = meant.release.unwrap_or_default();
            Error::unusable(format!("no gate judged release {number} of {place}: it is {}", meant.stage))
        })?;
        Ok((Self::stored(client, &digest).await?, meant.stage, false))
    }

    /// Everything that the evidence proves, or the findings against it.
    pub fn check(&self) -> Result<Checked<'_>, Error> {
        judge::check(&self.bundle, &self.anchors, &self.seen)
            .map_err(|findings| pinned_review::broken(&self.bundle, findings))
    }
}

/// The failure of a person without a pin.
pub fn nothing_pinned() -> Error {
    Error::unusable(
        "you have pinned nothing; ask a colleague for their line of `countersign trust pin`, and pin it with `countersign trust pin --set LINE`",
    )
}
