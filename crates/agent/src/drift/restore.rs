//! Puts a file of a release back as its layer has it.
//!
//! Invariant: it writes below the release's directory alone: every directory above the file is a real one at the time of the
//! look, and the new file takes the place of the old one in one step, so nobody reads half of it. A file that the layer does not
//! have is removed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use evidence::oci::{LayerEntry, LayerFiles};

/// Puts the file at a path back.
///
/// # Errors
/// When the file system refuses, or something above the path is no directory.
pub fn put_back(dir: &Path, path: &str, files: &LayerFiles) -> io::Result<()> {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| ["", ".", ".."].contains(part)) {
        return Err(io::Error::other("its path leads elsewhere"));
    }
    let Some((name, above)) = parts.split_last() else { return Ok(()) };
    let mut at = dir.to_path_buf();
    for part in above {
        opened(&at, || is_directory(&at.join(part)))?;
        at = at.join(part);
    }
    let target = at.join(name);
    opened(&at, || placed(&at, &target, path, files))
}

/// Does something in a directory that is read-only before and afterwards.
fn opened<T>(dir: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if !fs::symlink_metadata(dir)?.is_dir() {
        return Err(io::Error::other(format!("`{}` is no directory", dir.display())));
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755))?;
    let done = work();
    fs::set_permissions(dir, Permissions::from_mode(0o555))?;
    done
}

/// Makes a directory where none is, instead of anything else.
fn is_directory(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => fs::remove_file(path).and_then(|()| fs::create_dir(path)),
        Err(_) => fs::create_dir(path),
    }
}

fn placed(above: &Path, target: &Path, path: &str, files: &LayerFiles) -> io::Result<()> {
    let below = format!("{path}/");
    let is_directory_of_files =
        files.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below));
    match files.get(path) {
        None if !is_directory_of_files => clear(target),
        None | Some(LayerEntry::Directory) => {
            is_directory(target)?;
            fs::set_permissions(target, Permissions::from_mode(0o555))
        }
        Some(entry) => {
            let new = above.join(NEW);
            clear(&new)?;
            match entry {
                LayerEntry::Link(to) => symlink(to, &new)?,
                LayerEntry::File(file) => {
                    let mode = if file.executable { 0o555 } else { 0o444 };
                    written(&new, &file.bytes, mode)?;
                }
                LayerEntry::Directory => {}
            }
            if fs::symlink_metadata(target).is_ok_and(|meta| meta.is_dir()) {
                clear(target)?;
            }
            disk::rename("agent.restored", &new, target).map_err(io::Error::other)
        }
    }
}

fn written(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    disk::write(path, bytes, mode).map_err(io::Error::other)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Removes whatever is at a path, without following a link.
fn clear(path: &Path) -> io::Result<()> {
    let Ok(meta) = fs::symlink_metadata(path) else { return Ok(()) };
    if !meta.is_dir() {
        return fs::remove_file(path);
    }
    let mut open: Vec<PathBuf> = vec![path.to_path_buf()];
    while let Some(at) = open.pop() {
        fs::set_permissions(&at, Permissions::from_mode(0o755))?;
        for item in fs::read_dir(&at)?.flatten() {
            if item.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(item.path());
            }
        }
    }
    fs::remove_dir_all(path)
}

/// Name of a file that is not complete yet: no layer needs it, so a later look removes what a crash left.
const NEW: &str = ".countersign-restore.new";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use evidence::oci::LayerFile;

    use super::*;

    fn files() -> LayerFiles {
        let file = |text: &str, executable| {
            LayerEntry::File(LayerFile { bytes: text.as_bytes().to_vec(), executable })
        };
        LayerFiles::from([
            ("bin/app".to_owned(), file("app", true)),
            ("lib/x.txt".to_owned(), file("x", false)),
            ("lib/y".to_owned(), LayerEntry::Link("x.txt".into())),
            ("spool".to_owned(), LayerEntry::Directory),
        ])
    }

    fn put(dir: &Path, paths: &[&str]) {
        paths.iter().for_each(|path| put_back(dir, path, &files()).unwrap());
    }

    #[test]
    fn each_sort_of_change_is_put_back() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), &["bin", "bin/app", "lib", "lib/x.txt", "lib/y", "spool"]);
        let at = |path: &str| dir.path().join(path);
        let mode = |path: &str| fs::symlink_metadata(at(path)).unwrap().permissions().mode() & 0o7777;
        let check = || {
            assert_eq!(fs::read(at("bin/app")).unwrap(), b"app");
            assert_eq!(
                (mode("bin/app"), mode("lib/x.txt"), mode("lib"), mode("spool")),
                (0o555, 0o444, 0o555, 0o555)
            );
            assert_eq!(fs::read_link(at("lib/y")).unwrap(), Path::new("x.txt"));
        };
        check();
        for path in ["lib", "bin", "spool"] {
            fs::set_permissions(at(path), Permissions::from_mode(0o755)).unwrap();
        }
        fs::remove_file(at("bin/app")).unwrap();
        fs::create_dir_all(at("bin/app/deep")).unwrap();
        fs::remove_file(at("lib/y")).unwrap();
        symlink("/etc/passwd", at("lib/y")).unwrap();
        disk::write(&at("lib/extra"), b"more", 0o644).unwrap();
        fs::remove_dir(at("spool")).unwrap();
        disk::write(&at("spool"), b"no directory", 0o644).unwrap();
        put(dir.path(), &["bin/app", "lib/y", "lib/extra", "spool"]);
        check();
        assert!(!at("lib/extra").exists());
    }

    /// A link in the place of a directory would lead the agent's write to any other directory.
    #[test]
    fn attack_a_directory_that_became_a_link_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        put(dir.path(), &["lib", "lib/x.txt"]);
        fs::set_permissions(dir.path().join("lib"), Permissions::from_mode(0o755)).unwrap();
        fs::remove_dir_all(dir.path().join("lib")).unwrap();
        symlink(elsewhere.path(), dir.path().join("lib")).unwrap();
        put(dir.path(), &["lib/x.txt"]);
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
        assert_eq!(fs::read(dir.path().join("lib/x.txt")).unwrap(), b"x");
        for path in ["../x", "lib/../../x", "/x", ""] {
            assert!(put_back(dir.path(), path, &files()).is_err(), "{path}");
        }
    }
}
