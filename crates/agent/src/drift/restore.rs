//! Puts a file of a release back as its layer has it.
//!
//! Invariant: it writes below the release's directory alone: every directory above the file is opened below the one before it,
//! through no link and over no mount, and the new file takes the place of the old one in one step, so nobody reads half of it. A
//! file that the layer does not have is removed; what is mounted there is left alone.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path};

use evidence::oci::{LayerEntry, LayerFiles};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, mkdirat, openat, unlinkat};

use crate::trees::{self, below, in_open, kind};

/// Puts the file at a path back.
///
/// # Errors
/// When the file system refuses, something is mounted there, or the path leads elsewhere.
pub fn put_back(dir: &Path, path: &Path, files: &LayerFiles) -> io::Result<()> {
    let elsewhere = || io::Error::other("its path leads elsewhere");
    let parts = path.components().map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let parts: Vec<&OsStr> = parts.collect::<Option<_>>().ok_or_else(elsewhere)?;
    let (name, above) = parts.split_last().ok_or_else(elsewhere)?;
    let (releases, release) = (dir.parent().ok_or_else(elsewhere)?, dir.file_name().ok_or_else(elsewhere)?);
    let releases = openat(CWD, releases, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut at = below(&releases, release)?;
    for part in above {
        at = opened(&at, || directory(&at, part))?;
    }
    opened(&at, || placed(&at, name, path, files))
}

/// Does something in a directory that is read-only before and afterwards.
fn opened<T>(dir: &OwnedFd, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    trees::set_mode(dir, 0o755)?;
    let done = work();
    trees::set_mode(dir, 0o555)?;
    done
}

/// The directory with a name; it is made where none is, instead of anything else.
fn directory(above: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    match kind(above, name)? {
        Some(FileType::Directory) => return below(above, name),
        Some(_) => unlinkat(above, name, AtFlags::empty())?,
        None => {}
    }
    mkdirat(above, name, Mode::from_raw_mode(0o755))?;
    below(above, name)
}

fn placed(above: &OwnedFd, name: &OsStr, path: &Path, files: &LayerFiles) -> io::Result<()> {
    // A layer has no name that is no text.
    let Some(text) = path.to_str() else { return trees::remove_in(above, name) };
    let beneath = format!("{text}/");
    let is_directory_of_files =
        files.range(beneath.clone()..).next().is_some_and(|(next, _)| next.starts_with(&beneath));
    match files.get(text) {
        None if !is_directory_of_files => trees::remove_in(above, name),
        None | Some(LayerEntry::Directory) => trees::set_mode(directory(above, name)?, 0o555),
        Some(entry) => {
            let new = in_open(above, OsStr::new(NEW));
            trees::remove_in(above, OsStr::new(NEW))?;
            match entry {
                LayerEntry::Link(to) => symlink(to, &new)?,
                LayerEntry::File(file) => {
                    let mode = if file.executable { 0o555 } else { 0o444 };
                    written(&new, &file.bytes, mode)?;
                }
                LayerEntry::Directory => {}
            }
            if kind(above, name)? == Some(FileType::Directory) {
                trees::remove_in(above, name)?;
            }
            disk::rename("agent.restored", &new, &in_open(above, name)).map_err(io::Error::other)
        }
    }
}

fn written(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    disk::write(path, bytes, mode).map_err(io::Error::other)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Name of a file that is not complete yet: no layer needs it, so a later look removes what a crash left.
const NEW: &str = ".countersign-restore.new";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::os::unix::ffi::OsStrExt as _;

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
        paths.iter().for_each(|path| put_back(dir, Path::new(path), &files()).unwrap());
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
        let name = OsStr::from_bytes(b"no text \xff");
        fs::set_permissions(at("lib"), Permissions::from_mode(0o755)).unwrap();
        disk::write(&at("lib").join(name), b"more", 0o644).unwrap();
        put_back(dir.path(), &Path::new("lib").join(name), &files()).unwrap();
        assert!(!at("lib").join(name).exists());
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
            assert!(put_back(dir.path(), Path::new(path), &files()).is_err(), "{path}");
        }
    }
}
