//! A pack that a person uploaded: unpacked into a separate repository, read, and removed.
//!
//! Invariant: the pack is believed by object ids alone. Git unpacks it within limits on time, memory and disk, in a directory
//! that lives as long as the reading.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evidence::{CommitId, Digest};

use crate::budget::Budget;
use crate::git::Git;
use crate::host::IsWanted;
use crate::mirror;
use crate::origin_error::OriginError;
use crate::repository::RepositoryError;
use crate::transport;

/// Unpacks a pack at a path that is free, and hands the repository to `read`.
pub fn unpacked<T, E: From<OriginError>>(
    dir: &Path,
    pack: &[u8],
    commit: &CommitId,
    (time, bytes): (Duration, u64),
    wanted: IsWanted<'_>,
    read: &dyn Fn(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let scratch = Scratch(dir.to_path_buf());
    mirror::make(dir, commit.as_str().len())?;
    let name = format!("objects/pack/pack-{}.pack", &Digest::of(pack).hex()[..40]);
    let file = dir.join(&name);
    disk::write(&file, pack, 0o600).map_err(OriginError::from)?;
    let budget = Budget::new(time, wanted).writing(dir, bytes);
    // A commit is uploaded without its history, so links from it may lead nowhere.
    let said = Git::reaching(dir, &["index-pack", "--fsck-objects", &name], &transport::unpacking(), budget)
        .and_then(|git| git.finish(ANSWER_BYTES_MAX))
        .map_err(|error| OriginError::Upload(RepositoryError::io(dir, error).to_string()))?;
    if !said.status.success() {
        return Err(OriginError::Upload(shown::line(&said.complaint)).into());
    }
    let done = read(dir);
    drop(scratch);
    done
}

/// A directory that goes when it is not used any more.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

const ANSWER_BYTES_MAX: u64 = 1024;
