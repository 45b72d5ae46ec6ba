//! Looks, while a release is probed, for what ends it: a newer status that stands against it, or a rollback.
//!
//! Invariant: what the server says ends a probe only when its signatures are good and this agent would not begin
//! the release any more; the server can withhold a release anyway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evidence::Place;
use evidence::bundle::Bundle;
use evidence::dsse::ENVELOPE_BYTES_MAX;
use evidence::status::StatusFile;
use evidence::{Bytes, Digest, Moment};
use tokio::time::sleep;
use wire::{AgentWork, Client};

use crate::deployer::read_status;
use crate::memory::Memory;

/// What a release that is probed was judged by.
#[derive(Debug)]
pub struct Lookout<'a> {
    pub client: &'a Client,
    pub dir: PathBuf,
    pub place: Place,
    /// What the agent knew when it judged the release.
    pub memory: Memory,
    pub bundle: Arc<Bundle>,
    pub proof: Arc<Vec<Bytes>>,
    pub now: fn() -> Moment,
}

impl Lookout<'_> {
    /// Resolves when the release is unwanted, with the reason.
    pub async fn unwanted(&self) -> String {
        let mut seen: Option<Digest> = None;
        let mut by_hand = read_status(&self.dir).ok().flatten();
        loop {
            sleep(LOOK_EVERY).await;
            // An unreadable file says nothing yet: the person may still be writing it.
            if let Ok(Some(file)) = read_status(&self.dir)
                && by_hand.as_ref() != Some(&file)
            {
                by_hand = Some(file.clone());
                if let Some(why) = self.against(file).await {
                    return why;
                }
            }
            if let Some(file) = self.newer(&mut seen).await
                && let Some(why) = self.against(file).await
            {
                return why;
            }
            if self.is_rolled_back().await {
                return "a rollback was asked for".into();
            }
        }
    }

    /// A status of the server that was not looked at yet.
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
    async fn against(&self, file: StatusFile) -> Option<String> {
        let (mut memory, now) = (self.memory.clone(), (self.now)());
        let (bundle, proof) = (Arc::clone(&self.bundle), Arc::clone(&self.proof));
        let judged = tokio::task::spawn_blocking(move || {
            let decision = memory.judge_release(&bundle, &proof, Some(&file), now);
            decision.apply.is_none().then(|| decision.words.join("; "))
        });
        let why = judged.await.ok().flatten()?;
        Some(format!("a newer status stands against the release: {why}"))
    }

    /// Whether somebody who may has asked for what runs instead.
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
