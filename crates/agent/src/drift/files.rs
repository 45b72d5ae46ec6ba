//! Files of a release on disk, compared with their manifest.
//!
//! Invariant: a file is read when anything that the kernel tells of it changed since it was read last (size, mode, times,
//! number), and in turns although nothing did: a change that hides from these is found when its turn comes. The bytes that
//! one look reads in turns are bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use evidence::observations::Drifted;
use evidence::{Digest, Hasher};
use rustix::fs::OFlags;

use super::found::{Found, Mend};
use super::manifest::{Declared, Manifest};

/// All that is known of the files of a release. A look goes over all of them every few seconds, so each file costs a look-up in its
/// own directory, and no path is put together for one that is as it was.
#[derive(Debug, Default)]
pub struct FileLook {
    /// The declared directories. The first one is the release's own.
    directories: Vec<Directory>,
    /// The files in the order of their turns.
    turns: Vec<(usize, OsString)>,
    /// The next turn, and the bytes that may be read until the next look.
    turn: usize,
    credit: u64,
    /// Number of the look.
    number: u64,
}

/// A directory.
#[derive(Debug, Default)]
struct Directory {
    /// Its path with a slash behind it; empty for the first one.
    prefix: String,
    entries: BTreeMap<OsString, Entry>,
}

/// A file, link or directory in a directory.
#[derive(Debug)]
struct Entry {
    declared: Declared,
    /// Its place among the directories, if it is one.
    below: Option<usize>,
    /// The digest that it had when it was read last.
    read: Option<(Stamp, Digest)>,
    /// The look that met it last.
    met: u64,
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
    /// Nothing is known yet of the files of a manifest.
    pub fn of(manifest: &Manifest) -> Self {
        let mut look = Self { directories: vec![Directory::default()], ..Self::default() };
        let mut known: BTreeMap<&str, usize> = BTreeMap::from([("", 0)]);
        // A manifest has each directory, and has it before what is in it.
        for (path, declared) in manifest.iter() {
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path.as_str()));
            let Some(above) = known.get(above).copied() else { continue };
            let name = OsString::from(name);
            let below = (*declared == Declared::Directory).then(|| {
                known.insert(path, look.directories.len());
                look.directories.push(Directory { prefix: format!("{path}/"), ..Directory::default() });
                look.directories.len() - 1
            });
            if matches!(declared, Declared::File { .. }) {
                look.turns.push((above, name.clone()));
            }
            let entry = Entry { declared: declared.clone(), below, read: None, met: 0 };
            if let Some(directory) = look.directories.get_mut(above) {
                directory.entries.insert(name, entry);
            }
        }
        look
    }

    /// The differences between a directory and the manifest. `programs` are the paths of programs that run.
    pub fn look(&mut self, dir: &Path, programs: &BTreeSet<String>) -> Vec<Found> {
        self.number += 1;
        self.take_turns();
        let mut walk = Walk { look: self, programs, root: dir, seen: 0, found: Vec::new() };
        walk.directory(0, dir);
        let Walk { mut found, seen, .. } = walk;
        let entries =
            || self.directories.iter().flat_map(|of| of.entries.iter().map(move |entry| (of, entry)));
        if seen > ENTRIES_MAX {
            let (name, count) = ("(all)", entries().count().to_string());
            let words = format!("more than {ENTRIES_MAX}");
            found.push(Found::new(Drifted::File, name, &count, &words, Mend::None));
            return found;
        }
        for (directory, (name, entry)) in entries().filter(|(_, (_, entry))| entry.met != self.number) {
            let path = directory.path_of(name);
            found.push(of_file(&path, Path::new(&path), &entry.declared.words(), "absent", programs));
        }
        found
    }

    /// Forgets the digests of files whose turn it is, so that they are read again.
    fn take_turns(&mut self) {
        self.credit = self.credit.saturating_add(TURN_BYTES).min(CREDIT_MAX);
        for _ in 0..TURN_FILES.min(self.turns.len()) {
            let Some((at, name)) = self.turns.get(self.turn) else { return };
            let directory = self.directories.get_mut(*at);
            let Some(entry) = directory.and_then(|directory| directory.entries.get_mut(name)) else { return };
            let size = if let Declared::File { size, .. } = entry.declared { size } else { 0 };
            // A file that is larger than all that may be read has its turn with the highest credit.
            if size > self.credit && self.credit < CREDIT_MAX {
                return;
            }
            self.credit = self.credit.saturating_sub(size);
            entry.read = None;
            self.turn = (self.turn + 1) % self.turns.len();
        }
    }
}

impl Directory {
    fn path_of(&self, name: &OsStr) -> String {
        format!("{}{}", self.prefix, name.to_string_lossy())
    }
}

/// One walk over a directory.
struct Walk<'a> {
    look: &'a mut FileLook,
    programs: &'a BTreeSet<String>,
    root: &'a Path,
    seen: usize,
    found: Vec<Found>,
}

impl Walk<'_> {
    fn directory(&mut self, at: usize, dir: &Path) {
        let listed = match fs::read_dir(dir) {
            Ok(listed) => listed,
            Err(error) => {
                let prefix = self.look.directories.get(at).map_or("", |directory| directory.prefix.as_str());
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
            let Ok(meta) = item.metadata() else { continue };
            let (name, number) = (item.file_name(), self.look.number);
            let Some(directory) = self.look.directories.get_mut(at) else { return };
            let (below, differs) = match directory.entries.get_mut(&name) {
                None => (None, Some(("absent".to_owned(), kind_of(&meta).to_owned()))),
                Some(entry) => {
                    entry.met = number;
                    (entry.below.filter(|_| meta.is_dir()), entry.compared(&item, &meta))
                }
            };
            if let Some((declared, found)) = differs {
                let (path, file) = (directory.path_of(&name), item.path());
                // The name of an extra file need not be a text.
                let file = file.strip_prefix(self.root).unwrap_or(Path::new(&path));
                self.found.push(of_file(&path, file, &declared, &found, self.programs));
            }
            if let Some(below) = below {
                self.directory(below, &item.path());
            }
        }
    }
}

impl Entry {
    /// The declared and the found state, if they differ.
    fn compared(&mut self, item: &fs::DirEntry, meta: &Metadata) -> Option<(String, String)> {
        let differs = |found: String| Some((self.declared.words(), found));
        match &self.declared {
            Declared::Directory if !meta.is_dir() => return differs(kind_of(meta).into()),
            Declared::Link(to) => {
                let found = fs::read_link(item.path()).map(|to| to.to_string_lossy().into_owned());
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
            Declared::File { digest, .. } => match digest_of(&mut self.read, item, meta) {
                Ok(found) if found == *digest => {}
                Ok(found) => return differs(found.to_string()),
                Err(error) => return differs(format!("cannot be read: {error}")),
            },
            Declared::Directory => {}
        }
        let mode = meta.mode() & 0o7777;
        (mode != self.declared.mode())
            .then(|| (format!("mode {:03o}", self.declared.mode()), format!("mode {mode:03o}")))
    }
}

/// Digest of a file, read only if the kernel tells something new of it.
fn digest_of(read: &mut Option<(Stamp, Digest)>, item: &fs::DirEntry, meta: &Metadata) -> io::Result<Digest> {
    let stamp = Stamp::of(meta);
    if let Some((known, digest)) = read
        && *known == stamp
    {
        return Ok(*digest);
    }
    let digest = hashed(&item.path(), OFlags::NOFOLLOW, meta.size())?;
    *read = Some((stamp, digest));
    Ok(digest)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use evidence::oci::{LayerEntry, LayerFile, LayerFiles};

    use super::*;

    const TEXT: &str = "limit: 10\n";

    /// A release on disk with this many files in a directory, and what was declared of it.
    fn release(many: usize) -> (tempfile::TempDir, FileLook) {
        let file = |executable| LayerEntry::File(LayerFile { bytes: TEXT.into(), executable });
        let numbered = (0..many).map(|number| (format!("data/{number}"), file(false)));
        let named = [
            ("bin/app", file(true)),
            ("etc/deep/settings", file(false)),
            ("etc/link", LayerEntry::Link("deep/settings".into())),
            ("spool", LayerEntry::Directory),
        ];
        let named = named.map(|(path, entry)| (path.to_owned(), entry));
        let files: LayerFiles = named.into_iter().chain(numbered).collect();
        let dir = tempfile::tempdir().unwrap();
        for (path, entry) in &files {
            let at = dir.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            match entry {
                LayerEntry::Directory => fs::create_dir(&at).unwrap(),
                LayerEntry::Link(to) => symlink(to, &at).unwrap(),
                LayerEntry::File(file) => write(&at, TEXT, if file.executable { 0o555 } else { 0o444 }),
            }
        }
        let above = ["bin", "data", "etc", "etc/deep", "spool"].map(|path| dir.path().join(path));
        above.iter().filter(|path| path.exists()).for_each(|path| mode(path, 0o555));
        (dir, FileLook::of(&Manifest::of(&files)))
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn write(path: &Path, text: &str, bits: u32) {
        disk::write(path, text.as_bytes(), 0o644).unwrap();
        mode(path, bits);
    }

    fn said(look: &mut FileLook, dir: &Path) -> Vec<String> {
        let programs = BTreeSet::from(["bin/app".to_owned()]);
        let found = look.look(dir, &programs);
        let mut said: Vec<_> =
            found.iter().map(|one| format!("{} {}: {}", one.what.as_str(), one.name, one.found)).collect();
        said.sort();
        said
    }

    #[test]
    fn each_sort_of_difference_is_named() {
        let (dir, mut look) = release(3);
        let at = |path: &str| -> PathBuf { dir.path().join(path) };
        let other = Digest::of(b"limit: 99\n");
        assert_eq!(said(&mut look, dir.path()), [""; 0]);
        ["bin", "etc", "etc/deep", "data"].iter().for_each(|path| mode(&at(path), 0o755));
        fs::remove_file(at("bin/app")).unwrap();
        fs::remove_file(at("etc/link")).unwrap();
        symlink("/etc/passwd", at("etc/link")).unwrap();
        write(&at("etc/deep/settings"), "limit: 99\n", 0o444);
        fs::create_dir(at("etc/more")).unwrap();
        write(&at("etc/more/inside"), "x", 0o444);
        mode(&at("data/0"), 0o600);
        fs::remove_file(at("data/1")).unwrap();
        fs::create_dir(at("data/1")).unwrap();
        ["bin", "etc", "etc/deep", "data"].iter().for_each(|path| mode(&at(path), 0o555));
        let expected = [
            "binary bin/app: absent".to_owned(),
            "file data/0: mode 600".to_owned(),
            "file data/1: a directory".to_owned(),
            format!("file etc/deep/settings: {other}"),
            "file etc/link: a link to /etc/passwd".to_owned(),
            "file etc/more: a directory".to_owned(),
        ];
        assert_eq!(said(&mut look, dir.path()), expected);
        assert_eq!(said(&mut look, dir.path()), expected, "and again, as long as it is so");
        // Everything below a directory that is gone is absent, too.
        ["etc", "etc/deep"].iter().for_each(|path| mode(&at(path), 0o755));
        fs::remove_dir_all(at("etc")).unwrap();
        let gone = said(&mut look, dir.path());
        let of_etc: Vec<_> = gone.iter().filter(|line| line.contains(" etc")).collect();
        let expected = [
            "file etc/deep/settings: absent",
            "file etc/deep: absent",
            "file etc/link: absent",
            "file etc: absent",
        ];
        assert_eq!(of_etc, expected);
    }

    /// Somebody who sets the clock back can give a changed file the times that it had.
    #[test]
    fn attack_a_change_that_hides_from_the_kernels_words_is_found_in_its_turn() {
        let many = 3 * TURN_FILES;
        let (dir, mut look) = release(many);
        assert_eq!(said(&mut look, dir.path()), [""; 0]);
        let changed = dir.path().join("data/7");
        mode(&dir.path().join("data"), 0o755);
        write(&changed, "limit: 99\n", 0o444);
        mode(&dir.path().join("data"), 0o555);
        // As if all that the kernel tells were as before.
        let stamp = Stamp::of(&fs::symlink_metadata(&changed).unwrap());
        let mut entries = look.directories.iter_mut().flat_map(|of| of.entries.iter_mut());
        let (_, entry) = entries.find(|(name, _)| name.to_str() == Some("7")).unwrap();
        entry.read = Some((stamp, Digest::of(TEXT.as_bytes())));
        let looks = (1..=4).find(|_| !said(&mut look, dir.path()).is_empty());
        assert!(looks.is_some(), "four looks read each of {many} files");
    }

    #[test]
    fn a_large_file_has_its_turn_once_there_is_credit_for_it() {
        let (_, mut look) = release(0);
        for directory in &mut look.directories {
            for entry in directory.entries.values_mut() {
                if let Declared::File { size, .. } = &mut entry.declared {
                    *size = 3 * TURN_BYTES;
                    entry.read = Some((
                        Stamp { size: 0, mode: 0, modified: (0, 0), changed: (0, 0), number: (0, 0) },
                        Digest::of(b""),
                    ));
                }
            }
        }
        let forgotten = |look: &FileLook| {
            let all = look.directories.iter().flat_map(|of| of.entries.values());
            all.filter(|one| matches!(one.declared, Declared::File { .. }) && one.read.is_none()).count()
        };
        let counted: Vec<_> = (0..6)
            .map(|_| {
                look.take_turns();
                forgotten(&look)
            })
            .collect();
        assert_eq!(counted, [0, 0, 1, 1, 1, 2]);
    }
}
