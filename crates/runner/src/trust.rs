//! What a runner believes, and the newest of it that it has seen.
//!
//! Invariant: it begins with the pin that a person gave, and goes only forwards: the numbers are on disk before
//! anything is done that rests on them. The server is believed in nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::build::Due;
use evidence::pin::Pin;
use evidence::run_order::RunOrder;
use evidence::{Moment, Name};
use judge::{Anchors, Findings, OpenedRun, VerificationContext, open_run};
use serde::{Deserialize, Serialize};

/// A runner's trust.
#[derive(Debug)]
pub struct Trust {
    anchors: Anchors,
    pinned: Numbers,
    file: PathBuf,
    on_disk: Mutex<Option<Numbers>>,
}

/// The highest numbers that were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    /// Version of this format; 1.
    v: u8,
    /// Of a trust root.
    root: u32,
    /// Of a status.
    status: u64,
}

/// Why a piece of work is not done.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Nobody who may has asked for it.
    #[error("this runner does not do what nobody asked for: {0}")]
    Refused(Findings),
    /// The numbers cannot be read.
    #[error("cannot read `{0}`: {1}")]
    Io(String, io::Error),
    /// The numbers are damaged.
    #[error("`{0}` is damaged: {1}; let the runner join anew, in another directory")]
    Damaged(String, String),
    /// The numbers did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
}

impl Trust {
    /// What lies in a runner's directory, beside the pin that it joined with.
    ///
    /// # Errors
    /// `TrustError` when the file is there and cannot be read.
    pub fn open(dir: &Path, pin: &Pin) -> Result<Self, TrustError> {
        let file = dir.join(FILE);
        let damaged = |what: String| TrustError::Damaged(file.display().to_string(), what);
        let on_disk = match fs::read(&file) {
            Ok(bytes) => {
                Some(serde_json::from_slice::<Numbers>(&bytes).map_err(|error| damaged(error.to_string()))?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(TrustError::Io(file.display().to_string(), error)),
        };
        if let Some(unknown) = on_disk.filter(|numbers| numbers.v != 1) {
            return Err(damaged(format!("it is of version {}, which this program does not know", unknown.v)));
        }
        let pinned = Numbers { v: 1, root: pin.root_version, status: pin.status };
        // What a rehearsal builds counts only where a rehearsal counts: that is for agents to say.
        let anchors = Anchors { version: pin.root_version, digest: pin.root, rehearsal: true };
        Ok(Self { anchors, pinned, file, on_disk: Mutex::new(on_disk) })
    }

    /// Checks that people asked for a piece of work, as far as that needs nothing of the repository, and remembers what
    /// is newest of what they signed. The commit's signature and the agreements are still to be checked.
    ///
    /// # Errors
    /// `TrustError` when it is not to be done.
    pub fn open_run<'a>(
        &self,
        order: &RunOrder,
        due: &'a Due,
        runner: &Name,
        now: Moment,
    ) -> Result<OpenedRun<'a>, TrustError> {
        let seen = self.newest(*self.on_disk());
        let seen =
            VerificationContext { root: seen.root, status: seen.status, ..VerificationContext::default() };
        let opened = open_run(order, due, runner, &self.anchors, &seen, now).map_err(TrustError::Refused)?;
        let mut on_disk = self.on_disk();
        let seen = self.newest(*on_disk);
        let (root, status) = opened.numbers();
        let newest = Numbers { v: 1, root: seen.root.max(root), status: seen.status.max(status) };
        if *on_disk != Some(newest) {
            let bytes = serde_json::to_vec(&newest)
                .map_err(|error| TrustError::Damaged(self.file.display().to_string(), error.to_string()))?;
            disk::replace("runner.seen", &self.file, &bytes, 0o600)?;
            *on_disk = Some(newest);
        }
        Ok(opened)
    }

    /// Highest version of a trust root that was seen.
    #[must_use]
    pub fn newest_root(&self) -> u32 {
        self.newest(*self.on_disk()).root
    }

    fn on_disk(&self) -> MutexGuard<'_, Option<Numbers>> {
        self.on_disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self, on_disk: Option<Numbers>) -> Numbers {
        let on_disk = on_disk.unwrap_or(self.pinned);
        Numbers {
            v: 1,
            root: self.pinned.root.max(on_disk.root),
            status: self.pinned.status.max(on_disk.status),
        }
    }
}

const FILE: &str = "seen.json";
