//! The newest status of each installation that the witness has joined, so that a freeze reaches agents while the server is
//! down, or hides it.
//!
//! Invariant: a status is durable before its sender is told so, and those of one installation are decided one after the other.
//! Which one counts is decided by a [`StatusJudge`], not here. If a file cannot be read, the witness stops, because it
//! must not give an older status than it has given.

use std::fmt::Debug;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use evidence::Id;
use evidence::relayed_status::{BYTES_MAX, RelayedStatus};

use crate::store::StoreError;

/// Decides which status of an installation counts.
pub trait StatusJudge: Debug + Send + Sync {
    /// The installation.
    fn installation(&self) -> Id;

    /// Whether a status replaces the one that is kept; `false` if it is the same.
    ///
    /// # Errors
    /// `StatusRefusal` when it does not count, or is not the newer one.
    fn replaces(&self, given: &RelayedStatus, kept: Option<&RelayedStatus>) -> Result<bool, StatusRefusal>;
}

/// Why a status is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusRefusal {
    /// The witness has not joined its installation.
    #[error("this witness has not joined the installation; `countersign witness join` lets it")]
    UnknownInstallation,
    /// It cannot be read.
    #[error("{0}")]
    Unread(String),
    /// It does not count.
    #[error("{0}")]
    Unsound(String),
    /// A newer one is kept.
    #[error("{0}")]
    Older(String),
}

/// The statuses that a witness keeps.
#[derive(Debug, Default)]
pub struct Statuses(Vec<InstallationStatus>);

/// The newest status of one installation.
#[derive(Debug)]
struct InstallationStatus {
    judge: Box<dyn StatusJudge>,
    path: PathBuf,
    /// Held while one is decided about, which takes as long as its signatures.
    newest: Mutex<Option<RelayedStatus>>,
    /// The canonical bytes of the newest one. A question for them waits for no decision.
    bytes: RwLock<Option<Vec<u8>>>,
}

impl Statuses {
    /// Opens the statuses in a directory of a witness's state.
    ///
    /// # Errors
    /// `StoreError` when a file cannot be read or is damaged.
    pub fn open(dir: &Path, judges: Vec<Box<dyn StatusJudge>>) -> Result<Self, StoreError> {
        disk::make_dir(dir)?;
        Ok(Self(
            judges.into_iter().map(|judge| InstallationStatus::open(dir, judge)).collect::<Result<_, _>>()?,
        ))
    }

    /// Decides about one status, and stores it.
    ///
    /// # Errors
    /// A refusal, or the failed operation on disk.
    pub fn add(&self, given: RelayedStatus) -> Result<Result<(), StatusRefusal>, StoreError> {
        // The judge verifies that the status is of this installation; its own word only finds the judge.
        let named = evidence::status::Status::read(&given.status.base).map(|status| status.installation);
        let named = match named {
            Ok(named) => named,
            Err(error) => return Ok(Err(StatusRefusal::Unread(error.to_string()))),
        };
        let Some(kept) = self.of(named) else { return Ok(Err(StatusRefusal::UnknownInstallation)) };
        let mut newest = kept.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.judge.replaces(&given, newest.as_ref()) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(())),
            Err(refusal) => return Ok(Err(refusal)),
        }
        let bytes = match given.encode() {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(StatusRefusal::Unread(error.to_string()))),
        };
        disk::replace("witness.status", &kept.path, &bytes, 0o600)?;
        *kept.bytes.write().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        *newest = Some(given);
        Ok(Ok(()))
    }

    /// The newest status of an installation, in its canonical bytes.
    #[must_use]
    pub fn newest(&self, installation: Id) -> Option<Vec<u8>> {
        self.of(installation)?.bytes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn of(&self, installation: Id) -> Option<&InstallationStatus> {
        self.0.iter().find(|kept| kept.judge.installation() == installation)
    }
}

impl InstallationStatus {
    fn open(dir: &Path, judge: Box<dyn StatusJudge>) -> Result<Self, StoreError> {
        let path = dir.join(format!("{}.status", judge.installation()));
        let newest = match fs::File::open(&path) {
            Ok(file) => Some(Self::read(&path, file, judge.as_ref())?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(StoreError::Io { doing: "open", path, source }),
        };
        let (newest, bytes) = newest.unzip();
        Ok(Self { judge, path, newest: Mutex::new(newest), bytes: RwLock::new(bytes) })
    }

    fn read(
        path: &Path,
        file: fs::File,
        judge: &dyn StatusJudge,
    ) -> Result<(RelayedStatus, Vec<u8>), StoreError> {
        let mut bytes = Vec::new();
        let read = file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|source| StoreError::Io { doing: "read", path: path.to_path_buf(), source })?;
        let damaged = || StoreError::DamagedStatus(path.to_path_buf());
        let kept = RelayedStatus::decode(&bytes).map_err(|_| damaged())?;
        judge.replaces(&kept, None).map_err(|_| damaged())?;
        Ok((kept, bytes))
    }
}
