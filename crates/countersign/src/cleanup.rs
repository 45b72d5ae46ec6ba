//! Files and directories that a verb creates, removed again if the verb fails.
//!
//! Invariant: only paths that did not exist when the verb began are removed: the verb's own files and directories with
//! everything in them, and the directories above those only if they are empty.

use std::fs;
use std::path::{Path, PathBuf};

/// Paths that did not exist. If this is dropped before `keep`, the paths are removed.
#[derive(Debug, Default)]
pub struct Cleanup {
    own: Vec<PathBuf>,
    above: Vec<PathBuf>,
}

impl Cleanup {
    /// Notes which of these paths, and of the directories above them, do not exist.
    pub fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut cleanup = Self::default();
        for path in paths {
            cleanup.expect(path);
        }
        cleanup
    }

    /// Adds one more path that the verb may create.
    pub fn expect(&mut self, path: PathBuf) {
        if fs::symlink_metadata(&path).is_ok() {
            return;
        }
        let above = path.ancestors().skip(1).take_while(|dir| !dir.exists());
        let above: Vec<_> = above.filter(|dir| !self.above.iter().any(|known| known == dir)).collect();
        let above: Vec<_> = above.into_iter().map(Path::to_path_buf).collect();
        self.above.extend(above);
        // A write that failed half way leaves its temporary file under this name.
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        self.own.extend([path, beside.into()]);
    }

    /// Keeps everything that was created.
    pub fn keep(mut self) {
        self.own.clear();
        self.above.clear();
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        for path in &self.own {
            let is_dir = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
            // A failed removal is ignored here: the next `init` detects the path and names it.
            let _ = if is_dir { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        self.above.sort_by_key(|dir| std::cmp::Reverse(dir.components().count()));
        for dir in &self.above {
            let _ = fs::remove_dir(dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cleanup;

    #[test]
    fn only_what_was_not_there_goes_again() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        disk::write(&at("theirs"), b"", 0o600).unwrap();
        for keep in [false, true] {
            let cleanup = Cleanup::of([at("theirs"), at("a/b/own"), at("a/c"), at("never")]);
            std::fs::create_dir_all(at("a/b/own/deep")).unwrap();
            disk::write(&at("a/c.new"), b"", 0o600).unwrap();
            disk::write(&at("a/somebody"), b"", 0o600).unwrap();
            if keep {
                cleanup.keep();
            } else {
                drop(cleanup);
                assert!(!at("a/b").exists() && !at("a/c.new").exists());
                std::fs::remove_file(at("a/somebody")).unwrap();
                std::fs::remove_dir(at("a")).unwrap();
            }
            assert!(at("theirs").exists());
        }
        assert!(at("a/b/own/deep").exists());
    }
}
