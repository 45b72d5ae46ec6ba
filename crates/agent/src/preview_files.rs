//! The files of a preview: where they are, and their removal.
//!
//! Invariant: links are removed, never followed. The files of a service belong to its account and may be read-only;
//! the agent's memory of the preview and its outbox are the last to go.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::memory;
use crate::store::{self, ReleaseError};

/// The directories that an agent keeps for a place: its own, and that of services, if that is another one.
pub fn kept_in(dir: &Path, home: &Path) -> Vec<PathBuf> {
    let home = (home != dir).then(|| home.to_path_buf());
    std::iter::once(dir.to_path_buf()).chain(home).collect()
}

/// Removes everything but the memory and the outbox.
///
/// # Errors
/// `ReleaseError` when something cannot be removed.
pub fn remove_what_was_left(dir: &Path, home: &Path) -> Result<(), ReleaseError> {
    if home != dir {
        store::clear(home)?;
    }
    for item in fs::read_dir(dir).map_err(|error| failed(dir, error))? {
        let path = item.map_err(|error| failed(dir, error))?.path();
        let stays = [memory::FILE, OUTBOX].iter().any(|name| path.ends_with(name));
        if stays {
            continue;
        }
        store::clear(&path)?;
    }
    Ok(())
}

/// Removes the directory of a preview itself, the memory last: a crash before that goes on here.
///
/// # Errors
/// `ReleaseError` when something cannot be removed.
pub fn remove_dir(dir: &Path) -> Result<(), ReleaseError> {
    store::clear(&dir.join(OUTBOX))?;
    store::clear(&dir.join(memory::FILE))?;
    store::clear(dir)
}

fn failed(path: &Path, error: io::Error) -> ReleaseError {
    ReleaseError::Io("remove", path.to_path_buf(), error)
}

/// Directory of observations that were not sent yet.
const OUTBOX: &str = "observations";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::trees::size_of;

    #[test]
    fn everything_goes_but_the_memory_and_the_outbox_and_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let (dir, outside) = (root.path().join("pr-1"), root.path().join("outside"));
        for at in ["state/deep", "releases/one", "observations"] {
            fs::create_dir_all(dir.join(at)).unwrap();
        }
        disk::write(&outside, b"stays", 0o644).unwrap();
        for (at, text) in [("state/deep/a", "123"), ("releases/one/app", "12"), ("memory.json", "{}")] {
            disk::write(&dir.join(at), text.as_bytes(), 0o644).unwrap();
        }
        symlink(&outside, dir.join("state/link")).unwrap();
        symlink("releases/one", dir.join("current")).unwrap();
        fs::set_permissions(dir.join("releases/one"), fs::Permissions::from_mode(0o555)).unwrap();
        let size = size_of(&kept_in(&dir, &dir));
        assert_eq!(size.files, 5, "two links are files of their own");
        remove_what_was_left(&dir, &dir).unwrap();
        let mut left: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|item| item.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["memory.json", "observations"]);
        remove_dir(&dir).unwrap();
        assert!(!dir.exists());
        assert_eq!(fs::read_to_string(&outside).unwrap(), "stays");
    }
}
