//! The time at which a release begins, where its place has windows: a newer checkpoint than that of its evidence.
//!
//! Invariant: evidence may be minutes old before it is applied, so its time says too little. The judge proves the newer
//! checkpoint like the other one; what the server says of it counts for nothing. Without windows nothing is asked.

use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use judge::FreshCheckpoint;
use tlog::{Checkpoint, Note};
use wire::{Client, ClientError};

use crate::deployer::Deployer;

/// The newest checkpoint that witnesses signed, if the place of a release has windows and the server has a newer one.
///
/// # Errors
/// `ClientError` if the server does not answer.
pub async fn fresh(client: &Client, bundle: &Bundle) -> Result<Option<FreshCheckpoint>, ClientError> {
    if bundle.windows.is_none() {
        return Ok(None);
    }
    let note = client.witnessed_checkpoint().await?;
    let (Some(older), Some(newer)) = (size(&bundle.checkpoint), size(&note)) else { return Ok(None) };
    // An older one has nothing to say.
    if newer < older {
        return Ok(None);
    }
    let proof = if older == newer { Vec::new() } else { client.consistency(older, newer).await? };
    Ok(Some(FreshCheckpoint { note, proof }))
}

/// Number of entries of a checkpoint; `None` if it cannot be read.
fn size(note: &str) -> Option<u64> {
    let note = Note::parse(note.as_bytes()).ok()?;
    note.text().parse::<Checkpoint>().ok().map(|checkpoint| checkpoint.size)
}

impl Deployer {
    /// Takes the checkpoint by whose time the next release is judged, the reports of the agents that have it already, and a
    /// newer statement.
    pub fn shown(&mut self, fresh: Option<FreshCheckpoint>, ahead: Vec<Envelope>, newer: Option<Envelope>) {
        self.memory.fresh = fresh;
        self.memory.ahead = ahead;
        self.memory.newer = newer;
    }
}
