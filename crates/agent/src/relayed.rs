//! Statuses that witnesses keep: an agent asks for them beside its work, so that a freeze reaches it while the server is
//! down or hides the freeze.
//!
//! Invariant: a status is taken only if it is signed under a root that follows from the agent's pin, and only if it may
//! take the place of every status that the agent knows. It is written where a person would put it by hand, and judged as that one is.
//! A witness that is silent or lies changes nothing.

use std::path::Path;

use evidence::relayed_status::RelayedStatus;
use evidence::status::StatusFile;
use judge::{KnownStatuses, RelayedError};

use crate::deployer::{STATUS_FILE, read_status};
use crate::memory::{Memory, MemoryError};

/// Why a status of a witness is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RelayedStatusFault {
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

/// Takes a status of a witness, if it is newer than what the agent knows; returns its number.
pub fn take(dir: &Path, given: &RelayedStatus) -> Result<Option<u64>, RelayedStatusFault> {
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
        let kept = self.unread.iter().chain(&self.status).chain(by_hand).collect();
        let known = KnownStatuses { anchors: &anchors, root: seen.root, status: seen.status, kept };
        Ok(known.newer(given)?.map(|newer| newer.number))
    }
}
