//! Free space on the disk: some of it is reserved, so that people can still stop things when the disk is full.
//!
//! Invariant: with less than `LOW` bytes free, or without the whole reserve on disk, only commands for a full disk are
//! accepted (`Command::is_allowed_when_disk_full`); the reserve is released before such a command is written. Once there
//! is enough space, the reserve is made again, and everything continues automatically.

use std::fs;
use std::path::{Path, PathBuf};

use domain::Command;
use tracing::warn;

/// The free space of one data directory.
#[derive(Clone, Debug)]
pub struct DiskSpace {
    dir: PathBuf,
}

/// The disk is too full for the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server's disk is full: {free} bytes are free, {} are needed. Nothing was recorded. Statuses, trust roots \
     and rollbacks are still accepted; free space on the disk, and everything continues automatically",
    LOW + RESERVE
)]
pub struct DiskFull {
    /// Free bytes, without the reserve.
    pub free: u64,
}

impl DiskSpace {
    /// The free space of a data directory.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// Checks that there is space for any command; makes the reserve again if possible.
    ///
    /// # Errors
    /// `DiskFull` if only commands for a full disk are accepted.
    pub fn for_anything(&self) -> Result<(), DiskFull> {
        let Some(free) = self.free() else { return Ok(()) };
        let path = self.reserve();
        if fs::metadata(&path).is_ok_and(|found| found.len() == RESERVE) {
            return if free >= LOW { Ok(()) } else { Err(DiskFull { free }) };
        }
        if free < LOW + RESERVE {
            return Err(DiskFull { free });
        }
        match disk::reserve("server.reserve", &path, RESERVE) {
            Ok(()) => Ok(()),
            Err(error) => {
                warn!("the reserve file on the disk cannot be made: {error}");
                Err(DiskFull { free })
            }
        }
    }

    /// Checks that there is space for a command; a command for a full disk releases the reserve.
    ///
    /// # Errors
    /// `DiskFull` if there is not enough.
    pub fn for_command(&self, command: &Command) -> Result<(), DiskFull> {
        match self.for_anything() {
            Err(_) if command.is_allowed_when_disk_full() => {
                // A missing reserve file counts as released.
                drop(fs::remove_file(self.reserve()));
                Ok(())
            }
            other => other,
        }
    }

    /// Whether there is space for any command, as far as this can be told without making the reserve.
    pub(crate) fn has_space(&self) -> bool {
        let reserved = fs::metadata(self.reserve()).is_ok_and(|found| found.len() == RESERVE);
        self.free().is_none_or(|free| free >= LOW + if reserved { 0 } else { RESERVE })
    }

    fn reserve(&self) -> PathBuf {
        self.dir.join("reserve")
    }

    /// Bytes that this process may still write; `None` if the system does not report them.
    pub(crate) fn free(&self) -> Option<u64> {
        let found = rustix::fs::statvfs(&self.dir).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// Free bytes below which only commands for a full disk are accepted.
const LOW: u64 = 8 << 20;
/// Size of the reserve.
const RESERVE: u64 = 16 << 20;
