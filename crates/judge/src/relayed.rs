//! A status that came by way of a witness: whether it counts, and whether it replaces the one that is known.
//!
//! Invariant: the roots are walked from the reader's own pin. A status counts only if enough status signers of the newest
//! of these roots signed it; it replaces a known one only as the server would let it, so nobody loosens a status alone.

use evidence::Digest;
use evidence::relayed_status::RelayedStatus;
use evidence::status::{StatusError, StatusFile, StatusInForce};
use evidence::trust_root::TrustRoot;

use crate::context::{Anchors, VerificationContext};
use crate::reasons::Reasons;
use crate::roots::newest_root;

/// Why a relayed status does not count.
#[derive(Debug, thiserror::Error)]
pub enum RelayedError {
    /// The roots do not lead from the pin.
    #[error("{0}")]
    Roots(Box<Reasons>),
    /// The pinned root is not among the roots.
    #[error("root {0}, the pinned one, is not among its roots")]
    NotPinned(Digest),
    /// It is not signed as a status of this installation.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The status asks for a newer root.
    #[error("the status asks for root version {0} or later, the newest here is {1}")]
    RootTooOld(u32, u32),
    /// A newer one is known, or another one with the same number.
    #[error("status {0} is known, this is {1}; amend the newer one")]
    Older(u64, u64),
    /// It does not keep everything that is stopped, and its base is not newer than what is known.
    #[error(
        "status {0} lifts something that status {1} stops, which only a newer base may; amend the newer one"
    )]
    Loosens(u64, u64),
}

/// A relayed status whose signatures were verified.
#[derive(Clone, Debug)]
pub struct RelayedInForce {
    /// The newest root.
    pub root: TrustRoot,
    /// The statement in force.
    pub status: StatusInForce,
}

/// The knowledge of an agent or a runner before it reads a relayed status.
#[derive(Clone, Debug)]
pub struct KnownStatuses<'a> {
    /// The root that it pinned.
    pub anchors: &'a Anchors,
    /// Highest version of a root seen.
    pub root: u32,
    /// Highest number of a status seen.
    pub status: u64,
    /// The statuses that it keeps.
    pub kept: Vec<&'a StatusFile>,
}

/// A relayed status that is newer than what was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewerStatus {
    /// Its number; the highest one if it cannot be read.
    pub number: u64,
    /// Version of the newest root that came with it.
    pub root: u32,
    /// Whether this program can read it.
    pub is_read: bool,
}

impl KnownStatuses<'_> {
    /// Whether a relayed status is newer than what is known. One that cannot be read may stop anything, so it is newer too
    /// unless a newer one was read.
    ///
    /// # Errors
    /// `RelayedError` when it does not count.
    pub fn newer(&self, given: &RelayedStatus) -> Result<Option<NewerStatus>, RelayedError> {
        let root = relayed_root(given, self.anchors, self.root)?;
        let opened = self.kept.iter().filter_map(|file| file.open(&root).ok());
        let known = opened.max_by_key(|known| known.status.number);
        let read = known.as_ref().map_or(0, |known| known.status.number).max(self.status);
        let unread: Vec<_> = self.kept.iter().filter_map(|file| Some((*file, file.unread(&root)?))).collect();
        if let Some(met) = given.status.unread(&root) {
            let after = |noted| given.status.is_unread_after(noted, read, &root);
            let is_newer = after(None) && unread.iter().all(|(noted, _)| after(Some(*noted)));
            let number = met.number.unwrap_or(u64::MAX);
            return Ok(is_newer.then_some(NewerStatus { number, root: root.version, is_read: false }));
        }
        let RelayedInForce { root, status } = open_relayed(given, self.anchors, self.root)?;
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
        let is_outranked = unread.iter().any(|(_, noted)| noted.outranks(number));
        let is_newer = number >= self.status && !is_outranked;
        Ok(is_newer.then_some(NewerStatus { number, root: root.version, is_read: true }))
    }
}

/// The newest root of a relayed status, walked from the pinned one; at least as new as the newest that was seen.
///
/// # Errors
/// `RelayedError` when the roots are not trusted.
pub fn relayed_root(given: &RelayedStatus, anchors: &Anchors, seen: u32) -> Result<TrustRoot, RelayedError> {
    let roots = given.roots_from(&anchors.digest);
    if roots.is_empty() {
        return Err(RelayedError::NotPinned(anchors.digest));
    }
    let seen = VerificationContext { root: seen, ..VerificationContext::default() };
    newest_root(roots, anchors, &seen).map_err(|reasons| RelayedError::Roots(Box::new(reasons)))
}

/// Verifies a relayed status under the pinned root; the newest root that was seen is not newer than its own.
///
/// # Errors
/// `RelayedError` names the fault.
pub fn open_relayed(
    given: &RelayedStatus,
    anchors: &Anchors,
    seen: u32,
) -> Result<RelayedInForce, RelayedError> {
    let root = relayed_root(given, anchors, seen)?;
    let status = given.status.open(&root)?;
    let least = status.status.minimum_root;
    if root.version < least {
        return Err(RelayedError::RootTooOld(least, root.version));
    }
    Ok(RelayedInForce { root, status })
}

/// Whether a relayed status replaces the one that is kept; `false` if it is the same.
///
/// # Errors
/// `RelayedError` when it does not count, or is not the newer one.
pub fn replaces(
    given: &RelayedStatus,
    kept: Option<&RelayedStatus>,
    anchors: &Anchors,
) -> Result<bool, RelayedError> {
    let Some(kept) = kept else { return open_relayed(given, anchors, 0).map(|_| true) };
    let known = open_relayed(kept, anchors, 0)?;
    let new = open_relayed(given, anchors, known.root.version)?;
    if new.status == known.status {
        return Ok(new.root.version > known.root.version);
    }
    supersedes(&new.status, &known.status).map(|()| true)
}

/// Whether a status may take the place of another one.
///
/// # Errors
/// `RelayedError` when it is not newer, or loosens without a newer base.
pub fn supersedes(new: &StatusInForce, known: &StatusInForce) -> Result<(), RelayedError> {
    let (given, before) = (new.status.number, known.status.number);
    match (given > before, new.follows(known)) {
        (false, _) => Err(RelayedError::Older(before, given)),
        (true, false) => Err(RelayedError::Loosens(given, before)),
        (true, true) => Ok(()),
    }
}
