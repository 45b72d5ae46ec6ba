//! The parts of a release that an agent fetches from its server, and its refusal of those that cannot be used.

use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use evidence::oci::Descriptor;
use wire::{BLOB_BYTES_MAX, Client, ClientError};

use crate::deployer::{Deployer, Layer, RequestedRelease};
use crate::error::AgentError;
use crate::own_thread::OwnThread;

/// The layer that a release needs, unless the server does not have it.
///
/// # Errors
/// `AgentError` if nobody answers.
pub async fn fetched(client: &Client, wanted: &Descriptor) -> Result<Layer, AgentError> {
    let most = usize::try_from(wanted.size).unwrap_or(usize::MAX).min(BLOB_BYTES_MAX);
    match client.blob(&wanted.digest, most).await {
        Ok(bytes) => Ok(Layer::Bytes(bytes)),
        // The client refuses bytes with another digest; the agent reports that, so that it is recorded.
        Err(ClientError::Answer { .. }) => Ok(Layer::Lacking),
        Err(ClientError::Problem(problem)) if problem.status == 404 => Ok(Layer::Lacking),
        // Nobody answered, or not now: that says nothing about the artifact.
        Err(error) => Err(error.into()),
    }
}

/// Refuses evidence that cannot be decoded.
///
/// # Errors
/// `AgentError` if the refusal cannot be kept.
pub async fn unread(
    running: &OwnThread<Deployer>,
    asked: &RequestedRelease,
    what: &str,
) -> Result<Envelope, AgentError> {
    let (asked, what) = (*asked, what.to_owned());
    Ok(running.run(move |running| running.unread(&asked, &what)).await??)
}

/// The proof that the bundle's checkpoint continues the pinned one; empty if nothing is pinned.
///
/// # Errors
/// `AgentError` if the server does not answer.
pub async fn consistency(
    running: &OwnThread<Deployer>,
    client: &Client,
    bundle: &Bundle,
) -> Result<Vec<evidence::Bytes>, AgentError> {
    let seen = running.run(|running| running.memory().checkpoint.clone()).await?;
    let sizes = seen.parse().ok().and_then(|seen| judge::sizes_to_prove(bundle, &seen));
    match sizes {
        Some((old, new)) => Ok(client.consistency(old, new).await?),
        None => Ok(Vec::new()),
    }
}
