//! Directories that services write into: their removal, and their size.
//!
//! Invariant: a name is looked up only in a directory that is already open, through no link and over no mount, so nothing outside
//! of the tree changes, whatever a process does there meanwhile. A directory belongs to this agent alone before its content is
//! removed. Depth costs neither stack nor descriptors: a directory that lies deep is moved up first.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, chownat, fstat, openat, openat2, renameat,
    statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilesSize {
    /// Number of files and links.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes whatever is at a path, with everything below it. Its directory has to be the agent's own.
///
/// # Errors
/// When the file system refuses, or something is mounted there.
pub fn remove(path: &Path) -> io::Result<()> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
    match openat(CWD, above, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT) => Ok(()),
        opened => remove_in(&opened?, name),
    }
}

/// Removes whatever has a name in a directory of the agent.
///
/// # Errors
/// As above.
pub fn remove_in(above: impl AsFd, name: &OsStr) -> io::Result<()> {
    let above = above.as_fd();
    match kind(above, name)? {
        None => Ok(()),
        Some(FileType::Directory) => {
            let mut removal = Removal { top: taken(above, name)?, moved: 0 };
            removal.empty_top()?;
            Ok(unlinkat(above, name, AtFlags::REMOVEDIR)?)
        }
        Some(_) => Ok(unlinkat(above, name, AtFlags::empty())?),
    }
}

/// Opens a directory below another one: through no link, and not if something is mounted over it.
///
/// # Errors
/// The system's, and one for a mount.
pub fn below(above: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    openat2(above, name, flags, Mode::empty(), resolve).map_err(|error| match error {
        Errno::XDEV => io::Error::other(format!(
            "something is mounted at `{}`, and what is there is left alone; unmount it",
            name.display()
        )),
        other => other.into(),
    })
}

/// A path of what has a name in an open directory, whatever becomes of the path by which that was opened.
pub fn in_open(dir: impl AsFd, name: &OsStr) -> PathBuf {
    path_of(dir.as_fd()).join(name)
}

/// Sets the mode of an open directory.
///
/// # Errors
/// The system's.
pub fn set_mode(dir: impl AsFd, mode: u32) -> io::Result<()> {
    // The kernel changes no mode by a descriptor that was opened for its path alone.
    fs::set_permissions(path_of(dir.as_fd()), Permissions::from_mode(mode))
}

/// Counts what is below these directories, up to `COUNTED_MAX` entries and `DEPTH_MAX` directories deep.
pub fn size_of(dirs: &[PathBuf]) -> FilesSize {
    let (mut size, mut met) = (FilesSize::default(), 0);
    for dir in dirs {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let top = openat(CWD, dir, flags, Mode::empty());
        // One that is not there, or closed to this agent, has nothing to count.
        let mut open: Vec<Dir> = top.and_then(entries).into_iter().collect();
        loop {
            let depth = open.len();
            let Some(at) = open.last_mut() else { break };
            let Some(Ok(item)) = at.read() else {
                open.pop();
                continue;
            };
            let name = OsString::from_vec(item.file_name().to_bytes().to_vec());
            if name == "." || name == ".." {
                continue;
            }
            met += 1;
            if met > COUNTED_MAX {
                return size;
            }
            let Some((stat, dir)) = at.fd().ok().and_then(|dir| Some((looked_up(dir, &name)?, dir))) else {
                continue;
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                size.files += 1;
                size.bytes += u64::try_from(stat.st_size).unwrap_or(0);
            } else if depth < DEPTH_MAX
                && let Ok(next) = below(dir, &name)
            {
                open.extend(entries(next));
            }
        }
    }
    size
}

/// The removal of a directory.
struct Removal {
    top: OwnedFd,
    /// Number of directories that were moved up.
    moved: u64,
}

impl Removal {
    fn empty_top(&mut self) -> io::Result<()> {
        loop {
            let names = some_names(&self.top)?;
            if names.is_empty() {
                return Ok(());
            }
            for name in names {
                match kind(&self.top, &name)? {
                    None => {}
                    Some(FileType::Directory) => {
                        let below = taken(self.top.as_fd(), &name)?;
                        self.empty(&below)?;
                        unlinkat(&self.top, name.as_os_str(), AtFlags::REMOVEDIR)?;
                    }
                    Some(_) => unlinkat(&self.top, name.as_os_str(), AtFlags::empty())?,
                }
            }
        }
    }

    /// Removes the files of a directory, and moves the directories in it to the top.
    fn empty(&mut self, dir: &OwnedFd) -> io::Result<()> {
        loop {
            let names = some_names(dir)?;
            if names.is_empty() {
                return Ok(());
            }
            for name in names {
                match kind(dir, &name)? {
                    None => {}
                    Some(FileType::Directory) => {
                        taken(dir.as_fd(), &name)?;
                        let free = self.free_name()?;
                        renameat(dir, name.as_os_str(), &self.top, free.as_os_str())?;
                    }
                    Some(_) => unlinkat(dir, name.as_os_str(), AtFlags::empty())?,
                }
            }
        }
    }

    /// A name that nothing at the top has: it belongs to this agent alone.
    fn free_name(&mut self) -> io::Result<OsString> {
        loop {
            self.moved += 1;
            let name = OsString::from(format!("removed-{}", self.moved));
            if kind(&self.top, &name)?.is_none() {
                return Ok(name);
            }
        }
    }
}

/// Opens a directory whose name is in one of the agent, and makes it the agent's alone.
fn taken(above: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let dir = below(above, name)?;
    let user = geteuid();
    if fstat(&dir)?.st_uid != user.as_raw() {
        chownat(&dir, "", Some(user), None, AtFlags::EMPTY_PATH)?;
    }
    set_mode(&dir, 0o700)?;
    Ok(dir)
}

/// Kind of what has a name in a directory; `None` if nothing has it.
///
/// # Errors
/// The system's.
pub fn kind(dir: impl AsFd, name: &OsStr) -> io::Result<Option<FileType>> {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn looked_up(dir: BorrowedFd<'_>, name: &OsStr) -> Option<Stat> {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()
}

/// The first names in a directory.
fn some_names(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for item in entries(dir)? {
        let name = item?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
        if names.len() >= NAMES_AT_ONCE {
            break;
        }
    }
    Ok(names)
}

/// Reads a directory that was opened for its path alone.
fn entries(dir: impl AsFd) -> rustix::io::Result<Dir> {
    Dir::new(openat(dir, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn path_of(dir: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd()))
}

/// Highest number of entries that are counted.
const COUNTED_MAX: u64 = 1_000_000;
/// Depth below which nothing is counted: each one on the way has a descriptor.
const DEPTH_MAX: usize = 128;
/// Names that are read at once.
const NAMES_AT_ONCE: usize = 4_096;

#[cfg(test)]
mod tests;
