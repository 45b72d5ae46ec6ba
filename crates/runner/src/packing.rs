//! The objects of one commit as a pack of git: the commit, its trees and its files, without history.
//!
//! Invariant: an object that is missing is an error here, on the machine of the person, before anything is signed or sent.

use std::path::Path;

use evidence::CommitId;

use crate::budget::Budget;
use crate::git::Git;
use crate::repository::RepositoryError;

/// The pack of a commit.
///
/// # Errors
/// `RepositoryError` if an object is missing, or the pack would have more than `most` bytes.
pub fn packed(path: &Path, commit: &CommitId, most: u64) -> Result<Vec<u8>, RepositoryError> {
    let at = |error| RepositoryError::io(path, error);
    let list = ["rev-list", "--objects", "--no-object-names", "--no-walk", "--end-of-options"];
    let arguments = [list.as_slice(), &[commit.as_str(), "--"]].concat();
    let listed = Git::output(path, &arguments, Budget::default(), LIST_BYTES_MAX).map_err(at)?;
    if !listed.status.success() {
        return Err(RepositoryError::Git(path.to_path_buf(), listed.complaint));
    }
    let arguments = ["pack-objects", "--stdout", "--quiet", "--delta-base-offset"];
    let mut git = Git::start(path, &arguments, Budget::default()).map_err(at)?;
    for id in String::from_utf8_lossy(&listed.output).lines() {
        git.ask(id).map_err(at)?;
    }
    let said = git.finish(most).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => RepositoryError::Pack { commit: commit.clone(), max: most },
        _ => at(error),
    })?;
    if said.status.success() {
        return Ok(said.output);
    }
    Err(RepositoryError::Git(path.to_path_buf(), said.complaint))
}

/// The list for a tree of 200,000 files has as many lines of 66 bytes, and directories.
const LIST_BYTES_MAX: u64 = 64 << 20;
