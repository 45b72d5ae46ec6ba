//! Files of a release on disk, compared with their manifest.
//!
//! Invariant: a file is read when anything that the kernel tells of it changed since it was read last (size, mode, times,
//! number), and in turns although nothing did: a change that hides from these is found when its turn comes. The bytes that
//! one look reads in turns are bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use evidence::observations::Drifted;
use evidence::{Digest, Hasher};
use rustix::fs::OFlags;

use super::found::{Found, Mend};
use super::manifest::{Declared, Manifest};

/// All that is known of the files of a release.
#[derive(Debug, Default)]
pub struct FileLook {
    read: BTreeMap<String, (Stamp, Digest)>,
    /// The path that was read last in turn, and the bytes that may be read until the next one.
    turn: String,
    credit: u64,
}

/// All that the kernel tells of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    mode: u32,
    modified: (i64, i64),
    changed: (i64, i64),
    number: (u64, u64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            size: meta.size(),
            mode: meta.mode(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            number: (meta.dev(), meta.ino()),
        }
    }
}

impl FileLook {
    /// The differences between a directory and its manifest. `programs` are the paths of programs that run.
    pub fn look(&mut self, dir: &Path, manifest: &Manifest, programs: &BTreeSet<String>) -> Vec<Found> {
        self.take_turns(manifest);
        let mut walk = Walk { look: self, manifest, programs, root: dir, seen: 0, found: Vec::new() };
        let mut met = BTreeSet::new();
        walk.directory(dir, "", &mut met);
        let Walk { mut found, seen, .. } = walk;
        if seen > ENTRIES_MAX {
            let name = "(all)";
            let words = format!("more than {ENTRIES_MAX}");
            found.push(Found::new(Drifted::File, name, &manifest.len().to_string(), &words, Mend::None));
            return found;
        }
        for (path, declared) in manifest.iter().filter(|(path, _)| !met.contains(*path)) {
            found.push(of_file(path, Path::new(path), &declared.words(), "absent", programs));
        }
        found
    }

    /// Forgets the digests of files whose turn it is, so that they are read again.
    fn take_turns(&mut self, manifest: &Manifest) {
        self.credit = self.credit.saturating_add(TURN_BYTES).min(CREDIT_MAX);
        let after = manifest.iter().filter(|(path, _)| **path > self.turn);
        let all = after.chain(manifest.iter().filter(|(path, _)| **path <= self.turn));
        let mut last = None;
        for (path, declared) in all.take(TURN_FILES) {
            let size = if let Declared::File { size, .. } = declared { *size } else { 0 };
            // A file that is larger than all that may be read has its turn with the highest credit.
            if size > self.credit && self.credit < CREDIT_MAX {
                break;
            }
            self.credit = self.credit.saturating_sub(size);
            self.read.remove(path);
            last = Some(path.clone());
        }
        self.turn = last.unwrap_or_else(|| self.turn.clone());
    }

    /// Digest of a file, read only if the kernel tells something new of it.
    fn digest(&mut self, path: &str, file: &Path, meta: &Metadata) -> io::Result<Digest> {
        let stamp = Stamp::of(meta);
        if let Some((known, digest)) = self.read.get(path)
            && *known == stamp
        {
            return Ok(*digest);
        }
        let digest = hashed(file, OFlags::NOFOLLOW, meta.size())?;
        self.read.insert(path.to_owned(), (stamp, digest));
        Ok(digest)
    }
}

/// One walk over a directory.
struct Walk<'a> {
    look: &'a mut FileLook,
    manifest: &'a Manifest,
    programs: &'a BTreeSet<String>,
    root: &'a Path,
    seen: usize,
    found: Vec<Found>,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &Path, prefix: &str, met: &mut BTreeSet<String>) {
        let listed = match fs::read_dir(dir) {
            Ok(listed) => listed,
            Err(error) => {
                let name = if prefix.is_empty() { "." } else { prefix };
                let words = format!("cannot be read: {error}");
                self.found.push(Found::new(Drifted::File, name, "a directory", &words, Mend::None));
                return;
            }
        };
        for item in listed.flatten() {
            self.seen += 1;
            if self.seen > ENTRIES_MAX {
                return;
            }
            let path = format!("{prefix}{}", item.file_name().to_string_lossy());
            let Ok(meta) = item.metadata() else { continue };
            if meta.is_dir() && self.manifest.get(&path) == Some(&Declared::Directory) {
                self.directory(&item.path(), &format!("{path}/"), met);
            }
            let words = self.compared(&path, &item.path(), &meta);
            if let Some((declared, found)) = words {
                // The name of an extra file need not be a text.
                let file = item.path();
                let file = file.strip_prefix(self.root).unwrap_or(Path::new(&path));
                self.found.push(of_file(&path, file, &declared, &found, self.programs));
            }
            met.insert(path);
        }
    }

    /// The declared and the found state of a path, if they differ.
    fn compared(&mut self, path: &str, file: &Path, meta: &Metadata) -> Option<(String, String)> {
        let Some(declared) = self.manifest.get(path) else {
            return Some(("absent".into(), kind_of(meta).into()));
        };
        let differs = |found: String| Some((declared.words(), found));
        match declared {
            Declared::Directory if !meta.is_dir() => return differs(kind_of(meta).into()),
            Declared::Link(to) => {
                let found = fs::read_link(file).map(|to| to.to_string_lossy().into_owned());
                return match found {
                    Ok(found) if found == *to => None,
                    Ok(found) => differs(format!("a link to {found}")),
                    Err(_) => differs(kind_of(meta).into()),
                };
            }
            Declared::File { .. } if !meta.is_file() => return differs(kind_of(meta).into()),
            Declared::File { size, .. } if meta.size() > (*size).max(FILE_BYTES_MAX) => {
                return differs(format!("a file of {} bytes", meta.size()));
            }
            Declared::File { digest, .. } => match self.look.digest(path, file, meta) {
                Ok(found) if found == *digest => {}
                Ok(found) => return differs(found.to_string()),
                Err(error) => return differs(format!("cannot be read: {error}")),
            },
            Declared::Directory => {}
        }
        let mode = meta.mode() & 0o7777;
        (mode != declared.mode())
            .then(|| (format!("mode {:03o}", declared.mode()), format!("mode {mode:03o}")))
    }
}

/// A difference of a file; that of a program that runs is one of the binary.
fn of_file(path: &str, file: &Path, declared: &str, found: &str, programs: &BTreeSet<String>) -> Found {
    let what = if programs.contains(path) { Drifted::Binary } else { Drifted::File };
    Found::new(what, path, declared, found, Mend::File(file.to_owned()))
}

fn kind_of(meta: &Metadata) -> &'static str {
    match (meta.is_dir(), meta.is_symlink(), meta.is_file()) {
        (true, _, _) => "a directory",
        (_, true, _) => "a link",
        (_, _, true) => "a file",
        _ => "a special file",
    }
}

/// Digest of the bytes of a file of this size. It never waits: a pipe in the place of a file is an error, and so is a file that
/// grows meanwhile.
pub fn hashed(file: &Path, flags: OFlags, size: u64) -> io::Result<Digest> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let open = fs::File::options().read(true).custom_flags(flags).open(file)?;
    if !open.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut open = open.take(size.saturating_add(1));
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 64 * 1024];
    let mut read = 0;
    loop {
        match open.read(&mut buffer) {
            Ok(0) if read > size => return Err(io::Error::other("it grows")),
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => {
                read += count as u64;
                hasher.update(buffer.get(..count).unwrap_or_default());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A file that is larger than this and than declared is not read.
const FILE_BYTES_MAX: u64 = CREDIT_MAX;
/// Highest number of files, links and directories that one look meets.
const ENTRIES_MAX: usize = 200_000;
/// Files and bytes that one look reads in turns.
const TURN_FILES: usize = 64;
const TURN_BYTES: u64 = 1024 * 1024;
const CREDIT_MAX: u64 = 64 * 1024 * 1024;
