//! What a step left in its workspace, read through the one descriptor that outlives the sandbox.
//!
//! Invariant: read only after every process of the step is dead, never through a link, and within limits.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, openat2, readlinkat, statat};

use crate::spec::stays_below;

/// The workspace after the step.
#[derive(Debug)]
pub struct Outputs(OwnedFd);

/// One file or link of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutputFile {
    /// Path below the workspace.
    pub path: PathBuf,
    /// What it is.
    pub kind: OutputKind,
}

/// What an output is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputKind {
    /// A file, with its size in bytes and whether it can be run.
    File {
        /// Size.
        bytes: u64,
        /// Whether its owner can run it.
        executable: bool,
    },
    /// A symbolic link with its target; it is never followed.
    Link(PathBuf),
}

/// Why outputs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The file system failed, or a link stands where a file was asked for.
    #[error("output `{path}`: {source}", path = path.display())]
    Io {
        /// The output.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither file, directory nor link.
    #[error("output `{0}` is a socket, pipe or device, which cannot be an output")]
    Kind(PathBuf),
    /// Too many.
    #[error("the step left more than {0} files")]
    Many(usize),
    /// Too deep.
    #[error("output `{0}` lies more than {DEPTH_MAX} directories deep")]
    Deep(PathBuf),
}

impl Outputs {
    pub(crate) const fn new(workspace: OwnedFd) -> Self {
        Self(workspace)
    }

    /// A directory as if a step had left it.
    ///
    /// # Errors
    /// `OutputError::Io` when it cannot be opened.
    pub fn of_dir(dir: &Path) -> Result<Self, OutputError> {
        let opened = File::open(dir);
        opened
            .map(|dir| Self(dir.into()))
            .map_err(|source| OutputError::Io { path: dir.to_path_buf(), source })
    }

    /// Every file and link below a path, sorted by path; `""` for the whole workspace.
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
            for entry in Dir::read_from(&directory).map_err(io)? {
                let entry = entry.map_err(io)?;
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                if name == "." || name == ".." {
                    continue;
                }
                match kind(&directory, name, &path.join(name))? {
                    None => open.push(path.join(name)),
                    Some(kind) => found.push(OutputFile { path: path.join(name), kind }),
                }
                if found.len() + open.len() > files_max {
                    return Err(OutputError::Many(files_max));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Opens one file for reading.
    ///
    /// # Errors
    /// `OutputError` when it is absent, not a plain file, or reached through a link.
    pub fn open(&self, path: &Path) -> Result<File, OutputError> {
        let io = |source: io::Error| OutputError::Io { path: path.to_path_buf(), source };
        if !stays_below(path) {
            return Err(io(io::Error::other("it does not lie below the workspace")));
        }
        let opened =
            self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(|errno| io(errno.into()))?;
        let file = File::from(opened);
        if file.metadata().map_err(io)?.is_file() {
            Ok(file)
        } else {
            Err(OutputError::Kind(path.to_path_buf()))
        }
    }

    fn open_at(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        openat2(self.0.as_fd(), path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }
}

/// What an entry is; `None` for a directory.
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
        _ => Err(OutputError::Kind(path.to_path_buf())),
    }
}

const DEPTH_MAX: usize = 64;
