//! The layer that an agent keeps beside a release, fetched again where it is missing: an older program kept none, or its bytes
//! are damaged.
//!
//! Invariant: only bytes with the digest of the running release's layer are kept, and no more of them are fetched than the
//! artifact's manifest says, whose digest people approved. The server gets no new power by this: it can only withhold them.

use std::time::{Duration, Instant};

use evidence::Digest;
use evidence::oci::{MANIFEST_BYTES_MAX, Manifest};
use tracing::{info, warn};
use wire::BLOB_BYTES_MAX;

use crate::deployer::Deployer;
use crate::error::{AgentError, DeployError};
use crate::serve::Life;
use crate::store::ReleaseError;

/// A release without its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingLayer {
    artifact: Digest,
    layer: Digest,
}

/// When a missing layer was asked for last, and whether people were told that it is missing.
#[derive(Debug, Default)]
pub struct LayerRequests {
    last: Option<(MissingLayer, Instant)>,
}

impl Deployer {
    /// The running release, if its layer is not here.
    pub(super) fn missing_layer(&self) -> Option<MissingLayer> {
        let known = self.memory.running.as_ref()?;
        let missing = MissingLayer { artifact: known.artifact, layer: known.layer };
        (!self.hands.releases().has_layer(&missing.artifact)).then_some(missing)
    }

    /// Keeps the layer of a release.
    ///
    /// # Errors
    /// `DeployError` when its bytes have another digest, or cannot be written.
    pub(super) fn keep_layer(
        &self,
        artifact: &Digest,
        layer: &Digest,
        bytes: &[u8],
    ) -> Result<(), DeployError> {
        Ok(self.hands.releases().keep_layer(artifact, layer, bytes)?)
    }
}

impl Life {
    /// Fetches a missing layer again, at most once in a while; returns whether it is here now.
    pub(super) async fn fetch_layer(&self, missing: MissingLayer, requests: &mut LayerRequests) -> bool {
        let is_known = requests.last.is_some_and(|(of, _)| of == missing);
        if is_known && requests.last.is_some_and(|(_, at)| at.elapsed() < AGAIN) {
            return false;
        }
        requests.last = Some((missing, Instant::now()));
        let MissingLayer { artifact, layer } = missing;
        match self.fetched_layer(missing).await {
            Ok(()) => {
                info!("the layer of the running release was missing here; the server gave it again: {layer}");
                true
            }
            Err(error) => {
                // One line for each release: a server may be away for long.
                if !is_known {
                    warn!(
                        "the layer {layer} of the running release {artifact} is missing on this host, so a changed file cannot \
                         be put back: {error}; the agent asks the server again every minute, and the next release brings its own"
                    );
                }
                false
            }
        }
    }

    async fn fetched_layer(&self, missing: MissingLayer) -> Result<(), AgentError> {
        let MissingLayer { artifact, layer } = missing;
        let manifest = self.client.blob(&artifact, MANIFEST_BYTES_MAX).await?;
        let manifest = Manifest::decode(&manifest).map_err(ReleaseError::from).map_err(DeployError::from)?;
        let size = manifest.layers.iter().find(|one| one.digest == layer).map_or(0, |one| one.size);
        let bytes =
            self.client.blob(&layer, usize::try_from(size).unwrap_or(usize::MAX).min(BLOB_BYTES_MAX)).await?;
        let kept = self.running.run(move |running| running.keep_layer(&artifact, &layer, &bytes)).await?;
        Ok(kept?)
    }
}

const AGAIN: Duration = Duration::from_mins(1);
