//! The runner's trust: its pin, and the newest numbers that it has seen.
//!
//! Invariant: it begins with the pin that a person gave, and numbers never go down: they are on disk before anything that
//! depends on them is done. No statement of the server alone is believed, nor one of a witness.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::build::Due;
use evidence::pin::Pin;
use evidence::relayed_status::RelayedStatus;
use evidence::run_order::RunOrder;
use evidence::status::StatusFile;
use evidence::{Moment, Name};
use judge::{Anchors, KnownStatuses, OpenedRun, Reasons, RelayedError, VerificationContext, open_run};
use serde::{Deserialize, Serialize};

/// A runner's trust.
#[derive(Debug)]
pub struct Trust {
    anchors: Anchors,
    pinned: Seen,
    file: PathBuf,
    on_disk: Mutex<Option<Seen>>,
}

/// The highest numbers seen, and a status that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// Version of this format; 1.
    v: u8,
    /// Version of the newest trust root.
    root: u32,
    /// Number of the newest status.
    status: u64,
    /// The newest status that a status signer signed and that this program cannot read: until a newer one can be read,
    /// no work is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unread: Option<StatusFile>,
    /// The newest status that was read, from the server or a witness. It holds although the server shows an older one, or
    /// another one that lifts what it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relayed: Option<StatusFile>,
}

/// Why a piece of work is refused.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No authorised person has asked for it.
    #[error("no authorised person asked this runner for the work: {0}")]
    Refused(Reasons),
    /// People did not lend the step the secrets that it names.
    #[error("the step gets no secret: {0}")]
    NotLent(Reasons),
    /// The numbers cannot be read.
    #[error("cannot read `{0}`: {1}")]
    Io(String, io::Error),
    /// The numbers are damaged.
    #[error("`{0}` is damaged: {1}; let the runner join anew, in another directory")]
    Damaged(String, String),
    /// The status of a witness does not count.
    #[error("its status does not count: {0}")]
    Status(#[from] RelayedError),
    /// The numbers did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
}

impl Trust {
    /// Reads the numbers in a runner's directory, beside the pin that it joined with.
    ///
    /// # Errors
    /// `TrustError` if the file exists and cannot be read.
    pub fn open(dir: &Path, pin: &Pin) -> Result<Self, TrustError> {
        let file = dir.join(FILE);
        let damaged = |what: String| TrustError::Damaged(file.display().to_string(), what);
        let on_disk = match fs::read(&file) {
            Ok(bytes) => {
                Some(serde_json::from_slice::<Seen>(&bytes).map_err(|error| damaged(error.to_string()))?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(TrustError::Io(file.display().to_string(), error)),
        };
        if let Some(unknown) = on_disk.as_ref().filter(|seen| seen.v != 1) {
            return Err(damaged(format!("it is of version {}, which this program does not know", unknown.v)));
        }
        let pinned = Seen { v: 1, root: pin.root_version, status: pin.status, unread: None, relayed: None };
        // A runner accepts rehearsals too, because agents decide whether the artifact of a rehearsal counts.
        let anchors = Anchors { version: pin.root_version, digest: pin.root, rehearsal: true };
        Ok(Self { anchors, pinned, file, on_disk: Mutex::new(on_disk) })
    }

    /// Checks that authorised people asked for a piece of work, as far as that needs nothing of the repository, and stores the
    /// newest numbers of their statements. The commit's signature and the agreements remain to be checked.
    ///
    /// # Errors
    /// `TrustError` if the work is refused.
    pub fn open_run<'a>(
        &self,
        order: &RunOrder,
        due: &'a Due,
        runner: &Name,
        now: Moment,
    ) -> Result<OpenedRun<'a>, TrustError> {
        let seen = self.meet(order)?;
        let opened = open_run(order, due, runner, &self.anchors, &seen, now).map_err(TrustError::Refused)?;
        let mut on_disk = self.on_disk();
        let seen = self.newest(on_disk.as_ref());
        let (root, status) = opened.numbers();
        let mut newest = Seen { root: seen.root.max(root), status: seen.status.max(status), ..seen };
        if order.status.claimed_number() == newest.status {
            newest.relayed = Some(order.status.clone());
        }
        self.keep(&mut on_disk, newest)?;
        Ok(opened)
    }

    /// Notes the order's status if a signer signed it and it cannot be read, so that it holds although the server shows an
    /// older one later. Returns what has been seen.
    fn meet(&self, order: &RunOrder) -> Result<VerificationContext, TrustError> {
        let mut on_disk = self.on_disk();
        let mut seen = self.newest(on_disk.as_ref());
        let context = |seen: &Seen| VerificationContext {
            root: seen.root,
            status: seen.status,
            newer: seen.unread.iter().chain(&seen.relayed).cloned().collect(),
            ..VerificationContext::default()
        };
        if let Ok(root) = judge::newest_root(&order.roots, &self.anchors, &context(&seen))
            && order.status.is_unread_after(seen.unread.as_ref(), seen.status, &root)
        {
            seen.unread = Some(order.status.clone());
            self.keep(&mut on_disk, seen.clone())?;
        }
        Ok(context(&seen))
    }

    /// Keeps the status of a witness if it is newer than what the runner knows; returns its number. From then on, a server
    /// that shows an older one is not believed.
    ///
    /// # Errors
    /// `TrustError` if it does not count.
    pub fn take(&self, given: &RelayedStatus) -> Result<Option<u64>, TrustError> {
        let mut on_disk = self.on_disk();
        let mut seen = self.newest(on_disk.as_ref());
        let kept = seen.unread.iter().chain(&seen.relayed).collect();
        let known = KnownStatuses { anchors: &self.anchors, root: seen.root, status: seen.status, kept };
        let Some(newer) = known.newer(given)? else { return Ok(None) };
        if newer.is_read {
            seen.status = seen.status.max(newer.number);
            seen.relayed = Some(given.status.clone());
        } else {
            seen.unread = Some(given.status.clone());
        }
        seen.root = seen.root.max(newer.root);
        self.keep(&mut on_disk, seen)?;
        Ok(Some(newer.number))
    }

    fn keep(&self, on_disk: &mut Option<Seen>, newest: Seen) -> Result<(), TrustError> {
        if on_disk.as_ref() != Some(&newest) {
            let bytes = serde_json::to_vec(&newest)
                .map_err(|error| TrustError::Damaged(self.file.display().to_string(), error.to_string()))?;
            disk::replace("runner.seen", &self.file, &bytes, 0o600)?;
            *on_disk = Some(newest);
        }
        Ok(())
    }

    /// Highest version of a trust root that the runner has seen.
    #[must_use]
    pub fn newest_root(&self) -> u32 {
        self.newest(self.on_disk().as_ref()).root
    }

    fn on_disk(&self) -> MutexGuard<'_, Option<Seen>> {
        self.on_disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self, on_disk: Option<&Seen>) -> Seen {
        let on_disk = on_disk.unwrap_or(&self.pinned);
        Seen {
            v: 1,
            root: self.pinned.root.max(on_disk.root),
            status: self.pinned.status.max(on_disk.status),
            unread: on_disk.unread.clone(),
            relayed: on_disk.relayed.clone(),
        }
    }
}

const FILE: &str = "seen.json";
