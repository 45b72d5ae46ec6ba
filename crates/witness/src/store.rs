//! State of a witness: one cosigned checkpoint for each log, each in a separate file.
//!
//! Invariant: a crash leaves the old checkpoint or the new one, never a part of either. If a file cannot be read, the
//! witness stops, because it must not forget which checkpoint it signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Instant;

use listen::Health;

use tlog::{
    AddCheckpoint, Checkpoint, CosignatureKey, Latest, Note, NoteSignature, NoteVerifier, SigningError,
    WitnessRefusal, add_checkpoint,
};

/// A witnessed log.
#[derive(Debug)]
pub struct Log {
    key: NoteVerifier,
    path: PathBuf,
    latest: Mutex<Option<Note>>,
}

/// All witnessed logs, and the keys that cosign them: more than one while a key is renewed, so that whichever the readers
/// know has cosigned.
#[derive(Debug)]
pub struct Store {
    keys: RwLock<Vec<CosignatureKey>>,
    logs: Vec<Log>,
    cosigned: AtomicU64,
}

/// Reasons why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A write did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The file system failed.
    #[error("cannot {doing} `{path}`: {source}", path = path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The file does not contain the checkpoint that was written.
    #[error("`{0}` is damaged; this witness must not sign without it: restore it, or make a new witness key")]
    Damaged(PathBuf),
    /// The file does not contain the status that was written.
    #[error(
        "`{0}` is damaged; restore it, or remove it and have the newest status sent here again with `countersign trust status --witness URL`"
    )]
    DamagedStatus(PathBuf),
    /// The key could not sign. Nothing was stored.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl Store {
    /// Opens the state of a witness in a directory.
    ///
    /// # Errors
    /// `StoreError` when a file cannot be read or is damaged.
    pub fn open(dir: &Path, keys: Vec<CosignatureKey>, logs: Vec<NoteVerifier>) -> Result<Self, StoreError> {
        disk::make_dir(dir)?;
        let open = |log: NoteVerifier| Log::open(dir, log);
        Ok(Self {
            cosigned: AtomicU64::default(),
            keys: RwLock::new(keys),
            logs: logs.into_iter().map(open).collect::<Result<_, _>>()?,
        })
    }

    /// Cosigns with these keys from now on.
    pub fn cosign_with(&self, keys: Vec<CosignatureKey>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Decides one request, stores the new state, and only then cosigns.
    ///
    /// # Errors
    /// A refusal of the protocol, or the failed operation on disk.
    pub fn add(
        &self,
        request: &AddCheckpoint,
        time_seconds: u64,
    ) -> Result<Result<Vec<NoteSignature>, WitnessRefusal>, StoreError> {
        let log = self.logs.iter().find(|log| log.key.name() == request.claimed_origin());
        let Some(log) = log else { return Ok(Err(WitnessRefusal::UnknownOrigin)) };
        let mut latest = log.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = std::slice::from_ref(&log.key);
        let before = latest.as_ref().and_then(latest_of);
        if let Err(refusal) = add_checkpoint(request, log.key.name(), known, before) {
            return Ok(Err(refusal));
        }
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let signatures: Vec<_> =
            keys.iter().map(|key| key.cosign(&request.note, time_seconds)).collect::<Result<_, _>>()?;
        drop(keys);
        let mut note = request.note.clone();
        note.extend(signatures.iter().cloned());
        write(&log.path, note.to_string().as_bytes())?;
        *latest = Some(note);
        self.cosigned.fetch_add(1, Ordering::Relaxed);
        Ok(Ok(signatures))
    }

    /// Its health: without a log it has nothing to do.
    pub fn health(&self, since: Instant) -> Health {
        let unready = "no ledger is known here: `countersign witness join`, then start it again".to_owned();
        let entries = self.logs.iter().filter_map(|log| {
            let latest = log.latest.lock().unwrap_or_else(PoisonError::into_inner);
            latest.as_ref().and_then(latest_of).map(|latest| latest.size)
        });
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (cosigned, entries) = (self.cosigned.load(Ordering::Relaxed), entries.max().unwrap_or(0));
        Health {
            unready: self.logs.is_empty().then_some(unready),
            figures: vec![
                ("cosigned_checkpoints", "Checkpoints that were cosigned since the start", cosigned),
                ("cosigned_entries", "Entries of the largest checkpoint that was cosigned", entries),
                ("ledgers", "Ledgers that are cosigned", count(self.logs.len())),
                ("uptime_seconds", "Seconds since the process started", since.elapsed().as_secs()),
            ],
        }
    }

    /// The last cosigned checkpoint of the log whose origin has this hash.
    #[must_use]
    pub fn latest(&self, origin_hash: &str) -> Option<Note> {
        let log = self.logs.iter().find(|log| origin_hash_of(log.key.name()) == origin_hash)?;
        log.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Log {
    fn open(dir: &Path, key: NoteVerifier) -> Result<Self, StoreError> {
        let path = dir.join(format!("{}.checkpoint", origin_hash_of(key.name())));
        let latest = match fs::read(&path) {
            Ok(bytes) => {
                let note = Note::parse(&bytes).map_err(|_| StoreError::Damaged(path.clone()))?;
                let opened = Checkpoint::open(&note, key.name(), std::slice::from_ref(&key));
                opened.map_err(|_| StoreError::Damaged(path.clone()))?;
                Some(note)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(io("read", &path)(error)),
        };
        Ok(Self { key, path, latest: Mutex::new(latest) })
    }
}

/// Lower-case hex SHA-256 of an origin, which names the log in the monitoring path.
fn origin_hash_of(origin: &str) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, origin.as_bytes()).as_ref())
}

fn latest_of(note: &Note) -> Option<Latest> {
    let checkpoint: Checkpoint = note.text().parse().ok()?;
    Some(Latest { size: checkpoint.size, root: checkpoint.root })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    Ok(disk::replace("witness.state", path, bytes, 0o600)?)
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |source| StoreError::Io { doing, path, source }
}
