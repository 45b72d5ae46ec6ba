//! The outputs of a step in its workspace, read through the one descriptor that remains after the sandbox.
//!
//! Invariant: outputs are read only after every process of the step is dead, never through a link, and within limits.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat, statat};

use crate::spec::stays_below;

/// The workspace after the step.
#[derive(Debug)]
pub struct Outputs(OwnedFd);

/// One file, link or empty directory of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutputFile {
    /// Path below the workspace.
    pub path: PathBuf,
    /// Kind of the output.
    pub kind: OutputKind,
}

/// Kinds of outputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputKind {
    /// A file.
    File {
        /// Size in bytes.
        bytes: u64,
        /// Whether its owner can execute it.
        executable: bool,
    },
    /// A symbolic link, with its target. It is never followed.
    Link(PathBuf),
    /// An empty directory.
    Directory,
}

/// Reasons why outputs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The file system failed, or a link is where a file was expected.
    #[error("output `{path}`: {source}", path = path.display())]
    Io {
        /// The output.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A directory is where a file was expected.
    #[error("output `{0}` is a directory")]
    Directory(PathBuf),
    /// The entry is neither a file nor a directory nor a link.
    #[error("output `{path}` is a {what}, which cannot be an output; remove it at the end of the step", path = .0.display(), what = .1)]
    Kind(PathBuf, &'static str),
    /// There are too many files.
    #[error("the step left more than {0} files")]
    Many(usize),
    /// A file is too many directories deep.
    #[error("output `{0}` lies more than {DEPTH_MAX} directories deep")]
    Deep(PathBuf),
}

impl Outputs {
    /// The workspace whose directory is open at this descriptor.
    #[must_use]
    pub const fn new(workspace: OwnedFd) -> Self {
        Self(workspace)
    }

    /// The descriptor of the workspace, to hand it to another process.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Treats a directory as the workspace of a step.
    ///
    /// # Errors
    /// `OutputError::Io` when it cannot be opened.
    pub fn of_dir(dir: &Path) -> Result<Self, OutputError> {
        let opened = File::open(dir);
        opened
            .map(|dir| Self(dir.into()))
            .map_err(|source| OutputError::Io { path: dir.to_path_buf(), source })
    }

    /// All files, links and empty directories below a directory, sorted by path; `""` is the whole workspace. The
    /// directory itself is listed if it is empty.
    ///
    /// # Errors
    /// `OutputError` when something cannot be an output, or there are more than `files_max`.
    pub fn list(&self, below: &Path, files_max: usize) -> Result<Vec<OutputFile>, OutputError> {
        let mut found = Vec::new();
        let mut open = vec![below.to_path_buf()];
        while let Some(path) = open.pop() {
            let io =
                |source: rustix::io::Errno| OutputError::Io { path: path.clone(), source: source.into() };
            if path.components().count() > DEPTH_MAX {
                return Err(OutputError::Deep(path));
            }
            let directory = self.open_at(&path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(io)?;
            let mut empty = true;
            for entry in Dir::read_from(&directory).map_err(io)? {
                let entry = entry.map_err(io)?;
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                if name == "." || name == ".." {
                    continue;
                }
                empty = false;
                match kind(&directory, name, &path.join(name))? {
                    None => open.push(path.join(name)),
                    Some(kind) => found.push(OutputFile { path: path.join(name), kind }),
                }
                if found.len() + open.len() > files_max {
                    return Err(OutputError::Many(files_max));
                }
            }
            if empty && !path.as_os_str().is_empty() {
                found.push(OutputFile { path, kind: OutputKind::Directory });
            }
        }
        found.sort();
        Ok(found)
    }

    /// Opens one file for reading.
    ///
    /// # Errors
    /// `OutputError` when the file is missing, is not a plain file, or is a link or reached through one.
    pub fn open(&self, path: &Path) -> Result<File, OutputError> {
        let io = |source: io::Error| OutputError::Io { path: path.to_path_buf(), source };
        if !stays_below(path) {
            return Err(io(io::Error::other("it does not lie below the workspace")));
        }
        // The kind is checked before the real open, so that a pipe or socket is never opened.
        let named = self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW).map_err(|errno| io(errno.into()))?;
        match FileType::from_raw_mode(fstat(&named).map_err(|errno| io(errno.into()))?.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(OutputError::Directory(path.to_path_buf())),
            FileType::Symlink => return Err(io(rustix::io::Errno::LOOP.into())),
            other => return Err(OutputError::Kind(path.to_path_buf(), special(other))),
        }
        let opened =
            self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(|errno| io(errno.into()))?;
        Ok(File::from(opened))
    }

    /// Target of the link at a path.
    ///
    /// # Errors
    /// `OutputError` when there is no link at the path, or it is reached through another one.
    pub fn link(&self, path: &Path) -> Result<PathBuf, OutputError> {
        let io =
            |errno: rustix::io::Errno| OutputError::Io { path: path.to_path_buf(), source: errno.into() };
        let named = self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW).map_err(io)?;
        let target = readlinkat(&named, "", Vec::new()).map_err(io)?;
        Ok(OsStr::from_bytes(target.to_bytes()).into())
    }

    fn open_at(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        openat2(self.0.as_fd(), path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }
}

/// Kind of an entry; `None` for a directory.
fn kind(directory: &OwnedFd, name: &OsStr, path: &Path) -> Result<Option<OutputKind>, OutputError> {
    let io = |source: rustix::io::Errno| OutputError::Io { path: path.to_path_buf(), source: source.into() };
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(io)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(None),
        FileType::RegularFile => {
            let bytes = u64::try_from(stat.st_size).unwrap_or(0);
            Ok(Some(OutputKind::File { bytes, executable: stat.st_mode & 0o100 != 0 }))
        }
        FileType::Symlink => {
            let target = readlinkat(directory, name, Vec::new()).map_err(io)?;
            Ok(Some(OutputKind::Link(OsStr::from_bytes(target.to_bytes()).into())))
        }
        other => Err(OutputError::Kind(path.to_path_buf(), special(other))),
    }
}

const fn special(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "named pipe",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        _ => "file of an unknown kind",
    }
}

const DEPTH_MAX: usize = 64;
