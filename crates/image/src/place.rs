//! Places below the root of a tree that is being unpacked.
//!
//! Invariant: the kernel resolves each path below the root and through no link (`openat2` with `RESOLVE_BENEATH` and
//! `RESOLVE_NO_SYMLINKS`), and the last part is created or removed by name in its directory, so nothing outside is reached
//! whatever the layers hold.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, statat, unlinkat,
};
use rustix::io::Errno;

/// The root of a tree.
#[derive(Debug)]
pub struct Root(pub OwnedFd);

/// Why the path of an entry cannot be used.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathFault {
    /// It is too long.
    #[error("has a path of more than 4096 bytes")]
    Long,
    /// It leads upwards.
    #[error("has `..` in its path")]
    Upwards,
    /// It begins at the root of the host.
    #[error("has an absolute path")]
    Absolute,
    /// It is too deep.
    #[error("lies more than 128 directories deep")]
    Deep,
}

/// The path of an entry, in parts that are plain names.
///
/// # Errors
/// The fault.
pub fn plain(path: &[u8]) -> Result<PathBuf, PathFault> {
    if path.len() > PATH_MAX {
        return Err(PathFault::Long);
    }
    let path = Path::new(OsStr::from_bytes(path));
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => plain.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err(PathFault::Upwards),
            Component::RootDir | Component::Prefix(_) => return Err(PathFault::Absolute),
        }
    }
    if plain.components().count() > DEPTH_MAX {
        return Err(PathFault::Deep);
    }
    Ok(plain)
}

impl Root {
    /// Opens a directory below the root, through no link.
    ///
    /// # Errors
    /// `Errno`; `LOOP` if a part of the path is a link.
    pub fn dir(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat2(&self.0, path, flags, Mode::empty(), RESOLVE)
    }

    /// Opens a directory below the root; those that are missing are made.
    ///
    /// # Errors
    /// `Errno`, as above.
    pub fn made(
        &self,
        path: &Path,
        made: &mut dyn FnMut(&Path, &OwnedFd) -> Result<(), Errno>,
    ) -> Result<OwnedFd, Errno> {
        match self.dir(path) {
            Err(Errno::NOENT) => {}
            opened => return opened,
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::INVAL) };
        let parent = self.made(parent, made)?;
        mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
        let dir = self.dir(path)?;
        made(path, &dir)?;
        Ok(dir)
    }
}

/// Kind of what has a name in a directory; `None` if nothing has it.
///
/// # Errors
/// `Errno`.
pub fn kind(dir: &OwnedFd, name: &OsStr) -> Result<Option<FileType>, Errno> {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes what has a name in a directory, with everything below it that `kept` does not name. Returns whether all is
/// gone.
///
/// # Errors
/// `Errno`.
pub fn remove(dir: &OwnedFd, name: &OsStr, path: &Path, kept: &dyn Fn(&Path) -> bool) -> Result<bool, Errno> {
    match kind(dir, name)? {
        None => Ok(true),
        Some(FileType::Directory) => {
            let inner = inner(dir, name)?;
            let mut all = true;
            for child in names(&inner)? {
                all &= remove(&inner, &child, &path.join(&child), kept)?;
            }
            if !all || kept(path) {
                return Ok(false);
            }
            unlinkat(dir, name, AtFlags::REMOVEDIR).map(|()| true)
        }
        Some(_) if kept(path) => Ok(false),
        Some(_) => unlinkat(dir, name, AtFlags::empty()).map(|()| true),
    }
}

/// Names in a directory.
///
/// # Errors
/// `Errno`.
pub fn names(dir: &OwnedFd) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for item in Dir::read_from(dir)? {
        let name = item?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

fn inner(dir: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::empty())
}

const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);
const PATH_MAX: usize = 4096;
const DEPTH_MAX: usize = 128;
