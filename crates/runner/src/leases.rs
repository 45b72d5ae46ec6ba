//! The leases of roles that this runner had made for steps: written down before a role is made, and revoked after its step.
//!
//! Invariant: a lease is in the journal before a holder makes its role, and leaves it only after a holder has said that the role is
//! gone. So a runner that was killed knows at its next start every role that may be left. The credential lies beside a lease in
//! sealed form; the key of this one lease that opens it lies in a file that is overwritten and removed with the lease. This process
//! never opens a credential.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use disk::DiskError;
use evidence::Moment;
use evidence::seal::SealKey;
use mint::{Journal, JournalError, Lease, LeaseId};
use tracing::{info, warn};
use vault::SealSecret;

use crate::left_leases::{LeftLease, Revoked};

/// Has leases revoked by a process that opens their credentials.
pub type Revoke<'a> = dyn Fn(Vec<LeftLease>) -> io::Result<Revoked> + 'a;

/// Why a step gets no role.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The key of the lease cannot be written.
    #[error(transparent)]
    Key(#[from] DiskError),
    /// The system gives no randomness.
    #[error("the system gives no randomness for the key of a lease")]
    Randomness,
    /// The runner ends.
    #[error("the runner is about to end")]
    Ending,
}

/// The leases of a runner's directory.
#[derive(Debug)]
pub struct Leases {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Absent until it was read.
    journal: Option<Journal>,
    /// Leases of steps that run, and leases that are being revoked.
    busy: BTreeSet<LeaseId>,
    told: BTreeSet<String>,
    ends: bool,
}

impl State {
    fn journal(&mut self, dir: &Path) -> Result<&mut Journal, JournalError> {
        let journal = match self.journal.take() {
            Some(journal) => journal,
            None => Journal::open(dir)?,
        };
        Ok(self.journal.insert(journal))
    }

    /// Says each fault once.
    fn tell(&mut self, faults: BTreeSet<String>) {
        faults.difference(&self.told).for_each(|what| warn!("{what}"));
        self.told = faults;
    }
}

impl Leases {
    /// The leases of a directory.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), state: Mutex::default() }
    }

    /// Draws the key of a lease that is to begin, and writes it down. `end` has to be called in any case.
    ///
    /// # Errors
    /// `LeaseError` when it cannot be drawn or written.
    pub fn key(&self, id: LeaseId) -> Result<SealKey, LeaseError> {
        let mut drawn = Ok(());
        let secret = SealSecret::filled(|bytes| drawn = SystemRandom::new().fill(bytes));
        drawn.map_err(|_| LeaseError::Randomness)?;
        let public = secret.public().map_err(|_| LeaseError::Randomness)?;
        self.state().busy.insert(id);
        disk::private_dir(&self.keys())?;
        disk::write(&self.key_file(id), secret.line().as_bytes(), 0o600)?;
        disk::sync_dir(&self.keys())?;
        Ok(public)
    }

    /// Writes a lease down, before its role is made.
    ///
    /// # Errors
    /// `LeaseError`: then the role must not be made.
    pub fn begin(&self, lease: Lease) -> Result<(), LeaseError> {
        let mut state = self.state();
        if state.ends {
            return Err(LeaseError::Ending);
        }
        Ok(state.journal(&self.dir)?.begin(lease)?)
    }

    /// Revokes the lease of a step that has ended, and waits for that. Answers with why the role may be left.
    pub fn end(&self, id: LeaseId, revoke: &Revoke<'_>) -> Option<String> {
        let lease = match self.state().journal(&self.dir) {
            Ok(journal) => journal.leases().find(|lease| lease.id == id).cloned(),
            Err(error) => return Some(error.to_string()),
        };
        let left = lease.and_then(|lease| self.revoked(vec![lease], revoke).into_iter().next());
        let mut state = self.state();
        state.busy.remove(&id);
        if left.is_none() {
            drop(forget_key(&self.key_file(id)));
        }
        left
    }

    /// Revokes what no step uses any more. A lease whose credential was kept for a day beyond its time is given up.
    pub fn look(&self, revoke: &Revoke<'_>, now: Moment) {
        let mut state = self.state();
        let busy = state.busy.clone();
        let all: Vec<Lease> = match state.journal(&self.dir) {
            Ok(journal) => journal.leases().filter(|lease| !busy.contains(&lease.id)).cloned().collect(),
            Err(error) => return state.tell([error.to_string()].into()),
        };
        let (over, mut due): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|lease| lease.terms.until.later_by(KEPT) < now);
        due.truncate(TOGETHER_MAX);
        state.busy.extend(due.iter().map(|lease| lease.id));
        for lease in &over {
            warn!(
                "the role {} of the database {} is given up: it took no password for a day, and its credential is removed here now; drop it there by hand",
                lease.id.role(),
                lease.target
            );
        }
        let over: Vec<_> = over.iter().map(|lease| lease.id).collect();
        let ended = state.journal(&self.dir).and_then(|journal| journal.end(&over));
        drop(state);
        let ids: Vec<_> = due.iter().map(|lease| lease.id).collect();
        let mut left: BTreeSet<String> = ended.err().into_iter().map(|error| error.to_string()).collect();
        left.extend(self.revoked(due, revoke).into_iter().map(|why| {
            format!("a role of a database is left, and takes no password any more after its time; it is tried again: {why}")
        }));
        let mut state = self.state();
        state.busy.retain(|id| !ids.contains(id));
        state.tell(left);
        drop(state);
        self.forget_keys();
    }

    /// Begins no lease any more, and revokes all, also of steps that run: they end with this process.
    pub fn close(&self, revoke: &Revoke<'_>) {
        let mut state = self.state();
        state.ends = true;
        let all: Vec<Lease> = match state.journal(&self.dir) {
            Ok(journal) => journal.leases().take(TOGETHER_MAX).cloned().collect(),
            Err(error) => return state.tell([error.to_string()].into()),
        };
        drop(state);
        for why in self.revoked(all, revoke) {
            warn!("a role of a database is left; the next start of this runner tries again: {why}");
        }
    }

    /// Has leases revoked, and takes those out of the journal whose roles are gone. Answers with why others may be left.
    fn revoked(&self, leases: Vec<Lease>, revoke: &Revoke<'_>) -> Vec<String> {
        if leases.is_empty() {
            return Vec::new();
        }
        let names: BTreeMap<LeaseId, String> =
            leases.iter().map(|lease| (lease.id, lease.target.to_string())).collect();
        let leases =
            leases.into_iter().map(|lease| LeftLease { key: self.key_file(lease.id), lease }).collect();
        let Revoked { gone, mut left } = match revoke(leases) {
            Ok(revoked) => revoked,
            Err(error) => return vec![format!("roles of databases cannot be revoked: {error}")],
        };
        let ended = self.state().journal(&self.dir).and_then(|journal| journal.end(&gone));
        for (id, at) in names.iter().filter(|(id, _)| gone.contains(id)) {
            info!("the role {} of the database {at} is gone", id.role());
            if ended.is_ok() {
                drop(forget_key(&self.key_file(*id)));
            }
        }
        left.extend(ended.err().map(|error| error.to_string()));
        left
    }

    /// Removes keys whose lease is gone, as a runner that was killed may leave them.
    fn forget_keys(&self) {
        for file in fs::read_dir(self.keys()).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let id: Option<LeaseId> = name.strip_suffix(KEY_SUFFIX).and_then(|text| text.parse().ok());
            let mut state = self.state();
            let is_busy = id.is_some_and(|id| state.busy.contains(&id));
            let Ok(journal) = state.journal(&self.dir) else { return };
            let is_kept = journal.leases().any(|lease| Some(lease.id) == id);
            if !is_busy && !is_kept {
                drop(forget_key(&file.path()));
            }
        }
    }

    fn keys(&self) -> PathBuf {
        self.dir.join(KEYS)
    }

    fn key_file(&self, id: LeaseId) -> PathBuf {
        self.keys().join(format!("{id}{KEY_SUFFIX}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Overwrites and removes a key. Copies that a disk or file system keeps of old blocks stay.
fn forget_key(path: &Path) -> io::Result<()> {
    let mut file = fs::File::options().write(true).open(path)?;
    let bytes = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
    file.flush()?;
    disk::sync(&file, path).map_err(io::Error::other)?;
    fs::remove_file(path)
}

/// How soon what could not be revoked is tried again.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Directory of the keys.
const KEYS: &str = "leases";
const KEY_SUFFIX: &str = ".key";
/// How long a credential is kept after the time of a role that cannot be revoked.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Most leases that one process revokes.
const TOGETHER_MAX: usize = 64;

#[cfg(test)]
mod tests;
