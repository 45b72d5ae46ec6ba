//! Statuses that witnesses keep: an agent asks for them beside its work, so that a freeze reaches it while the server is
//! down or hides the freeze.
//!
//! Invariant: a status is taken only if it is signed under a root that follows from the agent's pin, and only if it may
//! take the place of every status that the agent knows. It is written where a person would put it by hand, and judged as that one is.
//! A witness that is silent or lies changes nothing.

use std::path::Path;
use std::time::Duration;

use evidence::relayed_status::RelayedStatus;
use evidence::status::{StatusFile, StatusInForce};
use evidence::trust_root::TrustRoot;
use judge::{RelayedError, open_relayed, relayed_root, supersedes};
use tracing::{info, warn};
use wire::{RelayError, StatusRelay};

use crate::deployer::{STATUS_FILE, read_status};
use crate::memory::{Memory, MemoryError};

/// Why a status of a witness is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RelayedStatusFault {
    /// The witness gives none.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// It does not count.
    #[error("its status does not count: {0}")]
    Status(#[from] RelayedError),
    /// The agent's own memory cannot be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// It cannot be written.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// It cannot be encoded.
    #[error(transparent)]
    Encoding(#[from] evidence::status::StatusError),
}

/// Asks every witness again and again. Runs until it is dropped.
pub async fn follow(relays: &[StatusRelay], dir: &Path) {
    let mut failing = vec![false; relays.len()];
    loop {
        for (relay, failing) in relays.iter().zip(&mut failing) {
            let taken = asked(relay, dir).await;
            match &taken {
                Ok(Some(number)) => info!("status {number} came from the witness at {}", relay.url()),
                Ok(None) => {}
                Err(fault) if !*failing => warn!("the witness at {}: {fault}; asking again", relay.url()),
                Err(_) => {}
            }
            *failing = taken.is_err();
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn asked(relay: &StatusRelay, dir: &Path) -> Result<Option<u64>, RelayedStatusFault> {
    let installation = Memory::read(dir)?.installation;
    let Some(given) = relay.newest(installation).await? else { return Ok(None) };
    let dir = dir.to_path_buf();
    let judged = tokio::task::spawn_blocking(move || take(&dir, &given));
    judged.await.unwrap_or(Ok(None))
}

/// Takes a status of a witness, if it is newer than what the agent knows; returns its number.
fn take(dir: &Path, given: &RelayedStatus) -> Result<Option<u64>, RelayedStatusFault> {
    let memory = Memory::read(dir)?;
    // A file that cannot be read holds back everything, as it does without witnesses, until one takes its place.
    let by_hand = read_status(dir).ok().flatten();
    let Some(number) = memory.takes(by_hand.as_ref(), given)? else { return Ok(None) };
    disk::replace("agent.status", &dir.join(STATUS_FILE), &given.status.encode()?, 0o600)?;
    Ok(Some(number))
}

impl Memory {
    /// The number of a witness's status, if it is newer than what the agent knows, with the file that a person may have
    /// given it by hand.
    ///
    /// # Errors
    /// `RelayedError` when it does not count.
    pub fn takes(
        &self,
        by_hand: Option<&StatusFile>,
        given: &RelayedStatus,
    ) -> Result<Option<u64>, RelayedError> {
        let (anchors, seen) = self.context(self.seen_time);
        let root = relayed_root(given, &anchors, seen.root)?;
        let known = newest(self, by_hand, &root);
        let read = known.as_ref().map_or(0, |known| known.status.number).max(self.seen_status);
        let unread = self.unread.as_ref().filter(|unread| unread.unread(&root).is_some());
        let unread = unread.or(by_hand.filter(|file| file.unread(&root).is_some()));
        // One that cannot be read may stop anything, so it is taken too, and stops everything.
        if let Some(met) = given.status.unread(&root) {
            let is_newer = given.status.is_unread_after(unread, read, &root);
            return Ok(is_newer.then(|| met.number.unwrap_or(u64::MAX)));
        }
        let status = open_relayed(given, &anchors, seen.root)?.status;
        let number = status.status.number;
        if known.as_ref().is_some_and(|known| known.status == status.status) {
            return Ok(None);
        }
        if let Some(known) = &known {
            // A witness that has seen less than the server is behind, not at fault.
            if number < known.status.number {
                return Ok(None);
            }
            supersedes(&status, known)?;
        }
        let is_outranked = unread.and_then(|file| file.unread(&root)).is_some_and(|it| it.outranks(number));
        Ok((number >= self.seen_status && !is_outranked).then_some(number))
    }
}

/// The newest status that the agent knows and can read.
fn newest(memory: &Memory, by_hand: Option<&StatusFile>, root: &TrustRoot) -> Option<StatusInForce> {
    let known = memory.status.iter().chain(by_hand).filter_map(|file| file.open(root).ok());
    known.max_by_key(|known| known.status.number)
}

/// Pause between two rounds of questions.
const ASK_EVERY: Duration = Duration::from_secs(10);
