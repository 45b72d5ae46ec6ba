//! Layers, applied one after the other to a tree (<https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md>).
//!
//! Invariant: an entry changes only its own path, in a directory that the kernel found below the root and through no link.
//! No device, pipe, setuid bit, owner or extended attribute of a layer is kept, and every step can read everything. A
//! whiteout removes only what lower layers left.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use archive::{Entries, Entry, Kind};
use evidence::{Digest, Hasher};
use flate2::read::MultiGzDecoder;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, fchmod, linkat, mkdirat, openat, symlinkat,
    utimensat,
};
use rustix::io::Errno;

use crate::bounds::Bounds;
use crate::error::{ImageError, failed};
use crate::manifest::Compression;
use crate::place::{Root, kind, names, plain, remove};

/// A tree that is being unpacked.
pub struct Unpacking<'a> {
    root: Root,
    bounds: Bounds,
    going: &'a dyn Fn() -> bool,
    /// Entries of the layers so far, with the directories that no entry describes.
    entries: u64,
    /// Bytes of their paths, which stay in memory.
    path_bytes: u64,
    /// Bytes of the layers so far.
    bytes: Cell<u64>,
    /// Times of directories, which change while something is put into them.
    times: BTreeMap<PathBuf, i64>,
}

/// A layer that is being applied.
struct Layer {
    digest: Digest,
    /// The paths that it wrote, which its own whiteouts do not touch.
    written: HashSet<PathBuf>,
}

impl<'a> Unpacking<'a> {
    /// An unpacking into an empty directory.
    ///
    /// # Errors
    /// `ImageError` if the directory cannot be opened.
    pub fn new(root: &Path, bounds: Bounds, going: &'a dyn Fn() -> bool) -> Result<Self, ImageError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(root, flags, Mode::empty()).map_err(failed("open", root))?;
        // Directories that no entry describes are of the beginning of time.
        let (entries, path_bytes, bytes, times) = (0, 0, Cell::new(0), BTreeMap::from([(PathBuf::new(), 0)]));
        let unpacking = Self { root: Root(opened), bounds, going, entries, path_bytes, bytes, times };
        fchmod(&unpacking.root.0, PROGRAM).map_err(failed("change", root))?;
        Ok(unpacking)
    }

    /// Applies a layer whose blob was hashed. Its content without compression must have the digest `expected`.
    ///
    /// # Errors
    /// `ImageError` names the entry, or the bound that it would break.
    pub fn apply(
        &mut self,
        digest: Digest,
        expected: Digest,
        blob: &File,
        compression: Compression,
    ) -> Result<(), ImageError> {
        let from: Box<dyn Read + '_> = match compression {
            Compression::None => Box::new(io::BufReader::new(blob)),
            Compression::Gzip => Box::new(MultiGzDecoder::new(io::BufReader::new(blob))),
        };
        let limit = self.bounds.unpacked_bytes;
        let bytes = Cell::new(self.bytes.get());
        let mut counted = BoundedHash { from, hash: Hasher::default(), bytes: &bytes, limit };
        let mut layer = Layer { digest, written: HashSet::new() };
        let mut entries = Entries::new(&mut counted);
        let applied = self
            .entries(&mut entries, &mut layer)
            .and_then(|()| entries.drain().map_err(|error| ImageError::Layer(digest, error.to_string())));
        if bytes.get() > limit {
            return Err(ImageError::Bound {
                limit,
                what: "bytes when it is unpacked",
                option: "--image-unpacked-mib",
            });
        }
        applied?;
        self.bytes.set(bytes.get());
        let found = counted.hash.finish();
        if found == expected { Ok(()) } else { Err(ImageError::Differs(expected, found)) }
    }

    /// Gives directories the times that the layers say. Returns the bytes of all layers.
    ///
    /// # Errors
    /// `ImageError` if the file system fails.
    pub fn finish(self) -> Result<u64, ImageError> {
        for (path, time) in &self.times {
            match self.root.dir(path) {
                // A later layer removed it, or put something else there.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                opened => {
                    let opened = opened.map_err(failed("open", path))?;
                    rustix::fs::futimens(&opened, &times(*time)).map_err(failed("change", path))?;
                }
            }
        }
        rustix::fs::syncfs(&self.root.0).map_err(failed("sync", Path::new("the unpacked image")))?;
        Ok(self.bytes.get())
    }

    fn entries<R: Read>(&mut self, entries: &mut Entries<R>, layer: &mut Layer) -> Result<(), ImageError> {
        let digest = layer.digest;
        while let Some(entry) = entries.next_entry().map_err(unread_at(digest))? {
            if !(self.going)() {
                return Err(ImageError::Unwanted);
            }
            self.entries += 1;
            self.path_bytes += entry.path.len() as u64;
            self.fits()?;
            let shown = String::from_utf8_lossy(&entry.path).chars().take(SHOWN_MAX).collect::<String>();
            let wrong = |what: String| ImageError::Entry { layer: digest, entry: shown.clone(), what };
            self.entry(entries, &entry, layer).map_err(wrong)?;
            // Directories that no entry describes count too.
            self.fits()?;
        }
        Ok(())
    }

    /// Whether entries and paths are within the operator's bounds.
    fn fits(&self) -> Result<(), ImageError> {
        let entries = self.bounds.entries;
        let paths = entries.saturating_mul(PATH_BYTES);
        let (limit, what) = match (self.entries > entries, self.path_bytes > paths) {
            (true, _) => (entries, "files"),
            (_, true) => (paths, "bytes of paths, 256 for each file that it may have"),
            _ => return Ok(()),
        };
        Err(ImageError::Bound { limit, what, option: "--image-entries" })
    }

    /// Applies one entry. The error is a sentence about it.
    fn entry<R: Read>(
        &mut self,
        entries: &mut Entries<R>,
        entry: &Entry,
        layer: &mut Layer,
    ) -> Result<(), String> {
        let path = plain(&entry.path).map_err(|fault| fault.to_string())?;
        let Some(name) = path.file_name().map(OsStr::to_os_string) else {
            // The root itself.
            self.times.insert(PathBuf::new(), entry.mtime);
            return if entry.kind == Kind::Directory {
                Ok(())
            } else {
                Err("is the root, and no directory".into())
            };
        };
        let parent = path.parent().unwrap_or(Path::new(""));
        if let Some(hidden) = name.as_bytes().strip_prefix(b".wh.") {
            return self.whiteout(parent, OsStr::from_bytes(hidden), layer);
        }
        if entry.kind == Kind::Special {
            return Ok(());
        }
        let (times, made, path_bytes) = (&mut self.times, &mut self.entries, &mut self.path_bytes);
        let dir = self.root.made(parent, &mut |path, dir| {
            *made += 1;
            times.insert(path.to_path_buf(), 0);
            *path_bytes += path.as_os_str().len() as u64;
            fchmod(dir, PROGRAM)
        });
        let dir = dir.map_err(|error| said("has a directory that cannot be used", error))?;
        let found = kind(&dir, &name).map_err(|error| said("cannot be found", error))?;
        if entry.kind == Kind::HardLink {
            self.hard_link(entry, &path, (&dir, &name), found)?;
        } else {
            if found.is_some() && !(found == Some(FileType::Directory) && entry.kind == Kind::Directory) {
                remove(&dir, &name, &path, &|_| false).map_err(|error| said("cannot be replaced", error))?;
            }
            match entry.kind {
                Kind::Directory => self.directory(entry, &path, (&dir, &name), found)?,
                Kind::Link => self.link(entry, (&dir, &name))?,
                _ => self.file(entries, entry, (&dir, &name))?,
            }
        }
        layer.written.insert(path);
        Ok(())
    }

    /// Removes what lower layers left at a name, or with the opaque whiteout, in a whole directory.
    fn whiteout(&self, parent: &Path, hidden: &OsStr, layer: &Layer) -> Result<(), String> {
        if [&b""[..], b".", b".."].contains(&hidden.as_bytes()) {
            return Err("hides no name of its directory".into());
        }
        let dir = match self.root.dir(parent) {
            // There is nothing to hide.
            Err(Errno::NOENT) => return Ok(()),
            opened => opened.map_err(|error| said("has a directory that cannot be used", error))?,
        };
        let kept = |path: &Path| layer.written.contains(path);
        let hidden = if hidden == OPAQUE {
            names(&dir).map_err(|error| said("has a directory that cannot be read", error))?
        } else if hidden.as_bytes().starts_with(b".wh.") {
            // Marks of a file system that layers should not hold. They hide nothing.
            return Ok(());
        } else {
            vec![hidden.to_os_string()]
        };
        for name in hidden {
            remove(&dir, &name, &parent.join(&name), &kept)
                .map_err(|error| said("cannot hide a file", error))?;
        }
        Ok(())
    }

    fn hard_link(
        &self,
        entry: &Entry,
        path: &Path,
        (dir, name): (&OwnedFd, &OsString),
        found: Option<FileType>,
    ) -> Result<(), String> {
        let target = plain(&entry.target).map_err(|what| format!("is a hard link whose target {what}"))?;
        let (Some(parent), Some(last)) = (target.parent(), target.file_name()) else {
            return Err("is a hard link to no file".into());
        };
        if target == path {
            return Ok(());
        }
        let from =
            self.root.dir(parent).map_err(|error| said("is a hard link to what cannot be used", error))?;
        if found.is_some() {
            remove(dir, name, path, &|_| false).map_err(|error| said("cannot be replaced", error))?;
        }
        linkat(&from, last, dir, name, AtFlags::empty())
            .map_err(|error| said("is a hard link to what cannot be used", error))
    }

    fn directory(
        &mut self,
        entry: &Entry,
        path: &Path,
        (dir, name): (&OwnedFd, &OsString),
        found: Option<FileType>,
    ) -> Result<(), String> {
        if found != Some(FileType::Directory) {
            mkdirat(dir, name, Mode::from_raw_mode(0o700)).map_err(|error| said("cannot be made", error))?;
        }
        // The layer does not decide: a step runs as one user or as another, and both see the same. So do later layers.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made =
            openat(dir, name, flags, Mode::empty()).map_err(|error| said("cannot be opened", error))?;
        fchmod(&made, PROGRAM).map_err(|error| said("cannot be changed", error))?;
        self.times.insert(path.to_path_buf(), entry.mtime);
        timed(dir, name, entry.mtime).map_err(|error| said("cannot be changed", error))
    }

    fn link(&self, entry: &Entry, (dir, name): (&OwnedFd, &OsString)) -> Result<(), String> {
        if entry.target.is_empty() || entry.target.contains(&0) {
            return Err("is a link to nothing".into());
        }
        // Where it leads is resolved inside the step's root alone.
        symlinkat(OsStr::from_bytes(&entry.target), dir, name)
            .map_err(|error| said("cannot be made", error))?;
        timed(dir, name, entry.mtime).map_err(|error| said("cannot be changed", error))
    }

    fn file<R: Read>(
        &self,
        entries: &mut Entries<R>,
        entry: &Entry,
        (dir, name): (&OwnedFd, &OsString),
    ) -> Result<(), String> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(dir, name, flags, Mode::from_raw_mode(0o600));
        let mut file = File::from(made.map_err(|error| said("cannot be made", error))?);
        io::copy(entries, &mut file).map_err(|error| format!("cannot be written: {error}"))?;
        let mode = if entry.mode & 0o111 == 0 { PLAIN } else { PROGRAM };
        fchmod(file.as_fd(), mode).map_err(|error| said("cannot be changed", error))?;
        drop(file);
        timed(dir, name, entry.mtime).map_err(|error| said("cannot be changed", error))
    }
}

/// Gives an entry its time.
fn timed(dir: &OwnedFd, name: &OsStr, time: i64) -> Result<(), Errno> {
    utimensat(dir, name, &times(time), AtFlags::SYMLINK_NOFOLLOW)
}

fn times(seconds: i64) -> Timestamps {
    let time = Timespec { tv_sec: seconds.clamp(0, TIME_MAX), tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

fn said(what: &str, error: Errno) -> String {
    match error {
        Errno::LOOP => format!("{what}: a part of its path is a link"),
        Errno::NOTDIR => format!("{what}: a part of its path is no directory"),
        error => format!("{what}: {error}"),
    }
}

fn unread_at(layer: Digest) -> impl Fn(io::Error) -> ImageError {
    move |error| ImageError::Layer(layer, error.to_string())
}

/// Hashes and counts what is read, and stops above a limit.
struct BoundedHash<'a, R> {
    from: R,
    hash: Hasher,
    bytes: &'a Cell<u64>,
    limit: u64,
}

impl<R: Read> Read for BoundedHash<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.bytes.set(self.bytes.get().saturating_add(count as u64));
        if self.bytes.get() > self.limit {
            return Err(io::Error::other("is larger than allowed"));
        }
        self.hash.update(into.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// The name of the opaque whiteout behind its first `.wh.`.
const OPAQUE: &str = ".wh..opq";
const SHOWN_MAX: usize = 200;
/// Bytes of paths for each entry that an image may have, all together.
const PATH_BYTES: u64 = 256;
const PLAIN: Mode = Mode::from_raw_mode(0o644);
/// Of programs and directories.
const PROGRAM: Mode = Mode::from_raw_mode(0o755);
/// 2242-03-16, where archives end.
const TIME_MAX: i64 = 8_589_934_591;
