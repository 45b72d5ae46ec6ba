//! Statuses that witnesses keep: an agent asks for them beside its work, so that a freeze reaches it while the server is
//! down or hides the freeze.
//!
//! Invariant: a status is taken only if it is signed under a root that follows from the agent's pin, and only if it may
//! take the place of every status that the agent knows. It is written where a person would put it by hand, and judged as that one is.
//! One that cannot be read takes the place of none: what lay there stays in force beside it.
//! A witness that is silent or lies changes nothing.

use std::path::Path;

use evidence::relayed_status::RelayedStatus;
use evidence::status::{Status, StatusFile};
use judge::{KnownStatuses, RelayedError};

use crate::memory::{Memory, MemoryError};
use crate::status_file::{ASIDE_FILE, STATUS_FILE, read_aside, read_status};

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

/// Takes a status of a witness into an agent's directory, if it is newer than what the agent knows; returns its number.
///
/// # Errors
/// `RelayedStatusFault` when it does not count, or cannot be kept.
pub fn take(dir: &Path, given: &RelayedStatus) -> Result<Option<u64>, RelayedStatusFault> {
    let mut memory = Memory::read(dir)?;
    // A file that cannot be read holds back everything, as it does without witnesses, until one takes its place.
    let by_hand = read_status(dir).ok().flatten();
    memory.aside = read_aside(dir).ok().flatten();
    let Some(number) = memory.takes(by_hand.as_ref(), given)? else { return Ok(None) };
    // A status that this program cannot read stops a place, and must not lift what another one stops.
    if let Some(before) = by_hand.filter(|before| is_readable(before) && !is_readable(&given.status)) {
        disk::replace("agent.status", &dir.join(ASIDE_FILE), &before.encode()?, 0o600)?;
    }
    disk::replace("agent.status", &dir.join(STATUS_FILE), &given.status.encode()?, 0o600)?;
    Ok(Some(number))
}

fn is_readable(file: &StatusFile) -> bool {
    [Some(&file.base), file.tightening.as_ref()].into_iter().flatten().all(|one| Status::read(one).is_ok())
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
        let kept = self.unread.iter().chain(&self.status).chain(&self.aside).chain(by_hand).collect();
        let known = KnownStatuses { anchors: &anchors, root: seen.root, status: seen.status, kept };
        Ok(known.newer(given)?.map(|newer| newer.number))
    }
}
