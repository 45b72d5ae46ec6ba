//! The places at which a value appears: files of a directory, a repository's history, logs of runs and services, and artifacts.
//!
//! Invariant: the value is read by this process alone; no request, path or answer has it. A file, log or artifact that was not
//! read is named, and then nobody may conclude that the value is nowhere. Values are found as `mask` finds them: encoded and
//! wrapped too, but not compressed or encrypted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use evidence::oci::{LayerEntry, MANIFEST_BYTES_MAX, Manifest, open_layer};
use evidence::{Digest, Place};
use mask::Masker;
use serde::Serialize;
use wire::{BLOB_BYTES_MAX, Client, LOG_PIECE_BYTES_MAX, RunView};

use crate::changes::{Repository, VersionKind};
use crate::error::Error;
use crate::source_tree;

/// A place at which the value stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "in")]
pub enum Leak {
    /// A file of the directory.
    File {
        /// Its path.
        path: String,
        /// The line in which it ends.
        line: usize,
    },
    /// A file of a commit.
    History {
        /// The first commit that was read with it.
        commit: String,
        /// The path there.
        path: String,
        /// The line in which it ends.
        line: usize,
    },
    /// The log of a step, an artifact or a check.
    Log {
        /// Run, work and runner.
        log: String,
        /// The line in which it ends.
        line: usize,
    },
    /// The log of a service, as far as the server has it.
    Service {
        /// The service's place.
        place: Place,
        /// The line in which it ends, from the first one that is kept.
        line: usize,
    },
    /// A file of an artifact.
    Artifact {
        /// Digest of the artifact.
        artifact: Digest,
        /// Its name.
        name: String,
        /// The path in it.
        path: String,
    },
}

/// A search for one value.
#[derive(Debug)]
pub struct LeakSearch {
    masker: Masker,
    /// The places that were found.
    pub leaks: BTreeSet<Leak>,
    /// Number of files, contents, logs and artifacts that were read.
    pub read: usize,
    /// The ones that were not read, with the reason.
    pub unread: BTreeMap<String, String>,
    /// Artifacts that were read.
    artifacts: BTreeSet<Digest>,
}

impl LeakSearch {
    /// A search.
    ///
    /// # Errors
    /// `Error` if the value is too short to be looked for.
    pub fn new(value: &[u8]) -> Result<Self, Error> {
        let value = value.trim_ascii();
        if value.len() < mask::BYTES_MIN {
            return Err(Error::unusable(format!(
                "a value below {} bytes cannot be told from other text; give a longer part of it",
                mask::BYTES_MIN
            )));
        }
        let masker = Masker::new([value]).map_err(|error| Error::unusable(error.to_string()))?;
        let (leaks, unread) = (BTreeSet::new(), BTreeMap::new());
        Ok(Self { masker, leaks, read: 0, unread, artifacts: BTreeSet::new() })
    }

    /// Looks into the files of a directory, those that its repository does not ignore.
    ///
    /// # Errors
    /// `Error` if it cannot be listed.
    pub fn directory(&mut self, path: &Path) -> Result<(), Error> {
        source_tree::each(path, |file| {
            match file.content {
                Ok(bytes) => {
                    let found = |line| Leak::File { path: file.path.clone(), line };
                    self.look(&bytes, found);
                }
                Err(why) => self.missed(file.path, why),
            }
            Ok(())
        })
    }

    /// Looks into all commits that a reference leads to, the newest first. Messages of commits are not read.
    ///
    /// # Errors
    /// `Error` if the directory is in no repository, or git fails.
    pub fn history(&mut self, path: &Path, commits_max: u32) -> Result<(), Error> {
        let repository = Repository::open(Some(path))?;
        let history = repository.history(commits_max)?;
        let (mut contents, mut seen) = (repository.contents()?, BTreeSet::new());
        for part in history.commits.chunks(COMMITS_AT_ONCE) {
            for version in repository.brought(part)? {
                let is_file =
                    matches!(version.kind, VersionKind::File | VersionKind::Conflict | VersionKind::Link);
                if !is_file || !seen.insert(version.blob.clone()) {
                    continue;
                }
                let path = String::from_utf8_lossy(&version.path).into_owned();
                match contents.read(&version.blob)?.bytes {
                    Ok(bytes) => {
                        let commit = version.commit.unwrap_or_default();
                        self.look(&bytes, |line| Leak::History {
                            commit: commit.clone(),
                            path: path.clone(),
                            line,
                        });
                    }
                    Err(why) => self.missed(path, why),
                }
            }
        }
        if history.is_more {
            self.missed(
                "history".into(),
                format!("only the newest {commits_max} commits were read; raise --commits-max"),
            );
        }
        if history.is_cut {
            self.missed("history".into(), "this clone is shallow; `git fetch --unshallow`".into());
        }
        Ok(())
    }

    /// Looks into the logs and artifacts of a run.
    pub async fn run(&mut self, client: &Client, run: &RunView) {
        for work in &run.works {
            let Some(runner) = &work.runner else { continue };
            let name = format!("{}/{}/{}/{runner}", run.run, work.kind, work.name);
            let (mut lines, mut from) = (Lines::default(), 0);
            loop {
                match client.log(&name, from).await {
                    Ok((bytes, is_complete)) => {
                        from += bytes.len() as u64;
                        let found = |line| Leak::Log { log: name.clone(), line };
                        self.leaks.extend(lines.add(&self.masker, &bytes).into_iter().map(found));
                        if is_complete {
                            self.read += 1;
                            break;
                        }
                        if bytes.len() < LOG_PIECE_BYTES_MAX {
                            // It could get the value a moment later.
                            self.missed(name, "its step has not ended; look again afterwards".into());
                            break;
                        }
                    }
                    Err(error) => {
                        self.missed(name, error.to_string());
                        break;
                    }
                }
            }
        }
        for (name, digest) in &run.artifacts {
            if self.artifacts.insert(*digest)
                && let Err(why) = self.artifact(client, name, digest).await
            {
                self.missed(format!("artifact {name} {digest}"), why.to_string());
            }
        }
    }

    /// Looks into the log of a service, as far as the server has it.
    pub async fn service(&mut self, client: &Client, place: &Place) {
        let (mut lines, mut from) = (Lines::default(), 0);
        for _ in 0..SERVICE_PIECES_MAX {
            match client.service_log(place, from, false).await {
                Ok(found) => {
                    let leak = |line| Leak::Service { place: place.clone(), line };
                    self.leaks.extend(lines.add(&self.masker, &found.bytes.0).into_iter().map(leak));
                    if found.bytes.0.is_empty() {
                        self.read += 1;
                        return;
                    }
                    from = found.next;
                }
                Err(error) => return self.missed(format!("service {place}"), error.to_string()),
            }
        }
        self.missed(format!("service {place}"), "it writes faster than its log is read; look again".into());
    }

    async fn artifact(&mut self, client: &Client, name: &str, digest: &Digest) -> Result<(), Error> {
        let manifest = client.blob(digest, MANIFEST_BYTES_MAX).await?;
        let manifest = Manifest::decode(&manifest).map_err(|error| Error::unusable(error.to_string()))?;
        for layer in &manifest.layers {
            let bytes = client.blob(&layer.digest, BLOB_BYTES_MAX).await?;
            let (files, _) = open_layer(&bytes).map_err(|error| Error::unusable(error.to_string()))?;
            for (path, entry) in &files {
                let bytes = match entry {
                    LayerEntry::File(file) => file.bytes.as_slice(),
                    LayerEntry::Link(target) => target.as_bytes(),
                    LayerEntry::Directory => &[],
                };
                if self.masker.finds(bytes) || self.masker.finds(path.as_bytes()) {
                    let (name, path) = (name.to_owned(), path.clone());
                    self.leaks.insert(Leak::Artifact { artifact: *digest, name, path });
                }
            }
        }
        self.read += 1;
        Ok(())
    }

    fn look(&mut self, bytes: &[u8], leak: impl Fn(usize) -> Leak) {
        self.read += 1;
        self.leaks.extend(Lines::default().add(&self.masker, bytes).into_iter().map(leak));
    }

    fn missed(&mut self, what: String, why: String) {
        self.unread.insert(what, why);
    }
}

/// Numbers of the lines of a text that comes in pieces.
#[derive(Default)]
struct Lines {
    /// Line breaks before what is kept.
    before: usize,
    /// The end of the last piece, in which a value may begin that ends in the next one.
    kept: Vec<u8>,
}

impl Lines {
    /// The lines in which a value ends, among those that this piece adds to.
    fn add(&mut self, masker: &Masker, piece: &[u8]) -> Vec<usize> {
        self.kept.extend_from_slice(piece);
        let mut search = mask::Search::new(masker);
        let mut found = Vec::new();
        for (at, line) in self.kept.split_inclusive(|byte| *byte == b'\n').enumerate() {
            // The rest of a line with a match is not looked at: one line is told once.
            if search.push(line) {
                found.push(self.before + at + 1);
                search = mask::Search::new(masker);
            }
        }
        let keep = self.kept.len().saturating_sub(KEPT_BYTES);
        self.before += self.kept.iter().take(keep).filter(|byte| **byte == b'\n').count();
        self.kept.drain(..keep);
        found
    }
}

/// Most pieces of a service's log that are read: the server keeps fewer, and a service may write on.
const SERVICE_PIECES_MAX: usize = 1_000;
const COMMITS_AT_ONCE: usize = 1_000;
/// A text that is looked for, with a line break behind each of its bytes.
const KEPT_BYTES: usize = 2 * mask::TEXT_MAX;

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const VALUE: &[u8] = b"correct-horse-battery";

    #[test]
    fn lines_are_counted_over_pieces() {
        let masker = Masker::new([VALUE]).unwrap();
        let text = format!("{}\nx correct-horse-battery y\nz correct-\nhorse-battery\n", "a\n".repeat(4_000));
        for size in [1, 7, 1_000, text.len()] {
            let mut lines = Lines::default();
            let found: BTreeSet<usize> =
                text.as_bytes().chunks(size).flat_map(|piece| lines.add(&masker, piece)).collect();
            assert_eq!(found.into_iter().collect::<Vec<_>>(), [4_002, 4_004], "pieces of {size}");
        }
    }

    #[test]
    fn files_with_the_value_are_named_however_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| disk::write(&dir.path().join(name), bytes, 0o600).unwrap();
        write("clear.txt", b"one\ntoken=correct-horse-battery\n");
        write("encoded.txt", format!("{}\n", STANDARD.encode([b"ab", VALUE, b"c"].concat())).as_bytes());
        write("other.txt", b"correct-horse-batter\n");
        let mut search = LeakSearch::new(b"correct-horse-battery\n").unwrap();
        search.directory(dir.path()).unwrap();
        let file = |path: &str, line| Leak::File { path: path.into(), line };
        let expected = BTreeSet::from([file("clear.txt", 2), file("encoded.txt", 1)]);
        assert_eq!((search.leaks, search.read, search.unread), (expected, 3, BTreeMap::new()));
    }

    #[test]
    fn a_short_value_is_refused() {
        let error = LeakSearch::new(b" ab1\n").unwrap_err().to_string();
        assert!(error.contains("below 6 bytes") && !error.contains("ab1"), "{error}");
    }
}
