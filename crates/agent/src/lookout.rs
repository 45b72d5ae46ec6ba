//! Watches, while a release is probed, for a reason to end the probe: a newer status against the release, or a rollback.
//!
//! Invariant: an answer of the server ends a probe only if its signatures are valid and this agent would not begin the
//! release any more. This gives the server no new power, because it can withhold a release anyway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::release::UNTIMELY;
use evidence::Place;
use evidence::bundle::Bundle;
use evidence::dsse::ENVELOPE_BYTES_MAX;
use evidence::status::StatusFile;
use evidence::{Bytes, Digest, Moment};
use tokio::time::sleep;
use wire::{AgentWork, Client};

use crate::memory::Memory;
use crate::status_file::read_status;

/// The inputs under which the probed release was judged.
#[derive(Debug)]
pub struct Lookout<'a> {
    pub client: &'a Client,
    pub dir: PathBuf,
    /// The status that lay there before the release was judged: one that comes meanwhile is another one.
    pub by_hand: Option<StatusFile>,
    pub place: Place,
    /// The agent's memory at that time.
    pub memory: Memory,
    pub bundle: Arc<Bundle>,
    pub proof: Arc<Vec<Bytes>>,
    pub now: fn() -> Moment,
}

/// Why a release is not wanted any more.
#[derive(Debug)]
pub struct Unwanted {
    pub why: String,
    /// The status that forbids it.
    pub status: Option<StatusFile>,
}

impl Lookout<'_> {
    /// Resolves once the release is not wanted any more.
    pub async fn unwanted(&self) -> Unwanted {
        let mut seen: Option<Digest> = None;
        let mut by_hand = self.by_hand.clone();
        loop {
            sleep(LOOK_EVERY).await;
            // A file that cannot be read is read again at the next look: a person may still be writing it.
            if let Ok(Some(file)) = read_status(&self.dir)
                && by_hand.as_ref() != Some(&file)
            {
                by_hand = Some(file.clone());
                if let Some(unwanted) = self.against(file).await {
                    return unwanted;
                }
            }
            if let Some(file) = self.newer(&mut seen).await
                && let Some(unwanted) = self.against(file).await
            {
                return unwanted;
            }
            if self.is_rolled_back().await {
                return Unwanted { why: "a rollback was asked for".into(), status: None };
            }
        }
    }

    /// A status of the server that was not checked yet.
    async fn newer(&self, seen: &mut Option<Digest>) -> Option<StatusFile> {
        let status = self.client.installation().await.ok()?.status?;
        let known = self.bundle.status.encode().map(|bytes| Digest::of(&bytes)).ok();
        if Some(status.file) == known || Some(status.file) == *seen {
            return None;
        }
        let bytes = self.client.blob(&status.file, 2 * ENVELOPE_BYTES_MAX).await.ok()?;
        *seen = Some(status.file);
        StatusFile::decode(&bytes).ok()
    }

    /// Why the release would not be begun under this status.
    async fn against(&self, file: StatusFile) -> Option<Unwanted> {
        let (mut memory, now) = (self.memory.clone(), (self.now)());
        let (bundle, proof) = (Arc::clone(&self.bundle), Arc::clone(&self.proof));
        let judged = tokio::task::spawn_blocking(move || {
            let decision = memory.judge_release(&bundle, &proof, Some(&file), now);
            // A window that closed meanwhile ends nothing that has begun in it.
            let is_of_time = decision.reasons.iter().all(|code| UNTIMELY.contains(&code.as_str()));
            let stays = decision.apply.is_some() || is_of_time;
            (!stays).then(|| (decision.words.join("; "), file))
        });
        let (why, file) = judged.await.ok().flatten()?;
        let why = format!("a newer status forbids the release: {why}");
        Some(Unwanted { why, status: Some(file) })
    }

    /// Whether an authorised person has asked for a rollback.
    async fn is_rolled_back(&self) -> bool {
        let Ok(Some(AgentWork::Rollback(order))) = self.client.agent_work(&self.place).await else {
            return false;
        };
        let (memory, artifact) = (self.memory.clone(), self.bundle.artifact());
        let now = (self.now)();
        let judged = tokio::task::spawn_blocking(move || memory.is_stopped_by(&order, &artifact, now));
        judged.await.unwrap_or_default()
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
