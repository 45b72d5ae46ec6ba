//! Limits for reading one source: time, tree entries, bytes, and space on the disk; and whether the source is still wanted.
//!
//! Invariant: every wait and every loop over untrusted objects checks the budget, so a hostile repository cannot occupy a
//! worker for longer than the time limit. A budget reserves nothing: work that ends earlier costs nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use evidence::tree_list::FILES_MAX;

use crate::disk_limit;
use crate::host::IsWanted;

/// Limits of one use of a repository.
#[derive(Clone, Copy)]
pub struct Budget<'a> {
    until: Instant,
    time: Duration,
    wanted: IsWanted<'a>,
    disk: Option<(&'a Path, u64)>,
    /// Most files and directories of a tree, each counted as often as it appears.
    pub entries_max: usize,
    /// Most bytes of all files of a tree.
    pub bytes_max: u64,
}

/// Why reading must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// The time limit is reached.
    #[error("reading the repository took longer than {} seconds; make the tree smaller, or the repository faster to read", .0.as_secs())]
    Late(Duration),
    /// The run was cancelled, or has failed elsewhere.
    #[error("the source is not wanted any more: the run has ended")]
    Unwanted,
    /// More than the limit was written to the disk.
    #[error("more than {} MiB were written", .0 >> 20)]
    Disk(u64),
}

impl<'a> Budget<'a> {
    /// A budget that ends after some time, or as soon as the result is not wanted any more.
    #[must_use]
    pub fn new(time: Duration, wanted: IsWanted<'a>) -> Self {
        let until = Instant::now() + time;
        Self { until, time, wanted, disk: None, entries_max: FILES_MAX, bytes_max: BYTES_MAX }
    }

    /// The same budget for a program that writes to a directory: as soon as that takes up more, the program has to end.
    #[must_use]
    pub const fn writing(mut self, dir: &'a Path, bytes_max: u64) -> Self {
        self.disk = Some((dir, bytes_max));
        self
    }

    /// Most bytes that may be written; `None` if the program writes nothing.
    #[must_use]
    pub fn writes_max(&self) -> Option<u64> {
        self.disk.map(|(_, most)| most)
    }

    /// The same budget with other limits for a tree.
    #[must_use]
    pub const fn of(mut self, entries_max: usize, bytes_max: u64) -> Self {
        (self.entries_max, self.bytes_max) = (entries_max, bytes_max);
        self
    }

    /// Checks that time is left and that the source is still wanted.
    ///
    /// # Errors
    /// `BudgetError` if not.
    pub fn check(&self) -> Result<(), BudgetError> {
        if !(self.wanted)() {
            return Err(BudgetError::Unwanted);
        }
        if let Some((dir, most)) = self.disk
            && disk_limit::taken_up(dir, most) > most
        {
            return Err(BudgetError::Disk(most));
        }
        if Instant::now() < self.until { Ok(()) } else { Err(BudgetError::Late(self.time)) }
    }
}

impl Default for Budget<'_> {
    /// Ten minutes, for a source that stays wanted.
    fn default() -> Self {
        Self::new(TIME_MAX, &|| true)
    }
}

impl std::fmt::Debug for Budget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget").field("time", &self.time).finish_non_exhaustive()
    }
}

/// Time limit for one source.
pub const TIME_MAX: Duration = Duration::from_mins(10);
const BYTES_MAX: u64 = 4 << 30;
