//! Room on the disk: some of it is held back, so that people can still stop things when it is full.
//!
//! Invariant: with less than `LOW` bytes free, or without the whole reserve on disk, only the reserved lane is
//! open (`Command::is_allowed_when_disk_full`); it gives the reserve up before it writes. Once there is room again the
//! reserve is made anew, and everything goes on by itself.

use std::fs;
use std::path::{Path, PathBuf};

use domain::Command;

/// The room of one data directory.
#[derive(Clone, Debug)]
pub struct Room {
    dir: PathBuf,
}

/// There is no room for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server's disk is full: {free} bytes are free, {} are needed. Nothing was recorded. Statuses, trust roots \
     and returns are still taken; make room on the disk and everything goes on by itself",
    LOW + RESERVE
)]
pub struct Full {
    /// Bytes that are free, without the reserve.
    pub free: u64,
}

impl Room {
    /// The room of a data directory.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// Whether there is room for anything; holds some back again where that is possible.
    ///
    /// # Errors
    /// `Full` when only the reserved lane is open.
    pub fn for_anything(&self) -> Result<(), Full> {
        let Some(free) = self.free() else { return Ok(()) };
        let path = self.reserve();
        if fs::metadata(&path).is_ok_and(|found| found.len() == RESERVE) {
            return if free >= LOW { Ok(()) } else { Err(Full { free }) };
        }
        if free < LOW + RESERVE {
            return Err(Full { free });
        }
        match disk::reserve("server.reserve", &path, RESERVE) {
            Ok(()) => Ok(()),
            Err(error) => {
                shown::say(&format!("warning: no room can be held back: {error}"));
                Err(Full { free })
            }
        }
    }

    /// Whether there is room for a command; the reserved lane gives the reserve up for it.
    ///
    /// # Errors
    /// `Full` when there is not.
    pub fn for_command(&self, command: &Command) -> Result<(), Full> {
        match self.for_anything() {
            Err(_) if command.is_allowed_when_disk_full() => {
                // What is gone already is given up already.
                drop(fs::remove_file(self.reserve()));
                Ok(())
            }
            other => other,
        }
    }

    fn reserve(&self) -> PathBuf {
        self.dir.join("reserve")
    }

    /// Bytes that this process may still write; `None` where the system does not say.
    fn free(&self) -> Option<u64> {
        let found = rustix::fs::statvfs(&self.dir).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// Bytes below which nothing but the reserved lane is open.
const LOW: u64 = 8 << 20;
/// Bytes that are held back.
const RESERVE: u64 = 16 << 20;
