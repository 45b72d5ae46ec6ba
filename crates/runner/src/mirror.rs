//! A runner's own copy of a project's remote: a bare repository that git fetches into, within the operator's limits.
//!
//! Invariant: it is only a cache. Every object that counts is read through `Repository`, which checks its id, so a remote can
//! withhold and delay and nothing else. One fetch at a time writes to it (`origins.rs`). Git asks for the one ref or commit that
//! is needed; if a remote gives no commit by its id, for all branches.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evidence::git::{ObjectKind, RefName};
use evidence::{CommitId, Digest, Name};

use crate::budget::Budget;
use crate::containment;
use crate::disk_limit;
use crate::git::{Git, Reach};
use crate::host::IsWanted;
use crate::origin_error::OriginError;
use crate::remotes::Remote;
use crate::repository::{Repository, RepositoryError};

/// The copy of one remote.
#[derive(Debug)]
pub struct Mirror<'a> {
    dir: PathBuf,
    project: &'a Name,
    remote: &'a Remote,
    reach: Reach,
    time: Duration,
    bytes: u64,
}

impl<'a> Mirror<'a> {
    /// The copy of a remote below a directory, for commits with ids of this length.
    pub fn of(
        below: &Path,
        (project, remote): (&'a Name, &'a Remote),
        reach: Reach,
        (time, bytes): (Duration, u64),
        commit: &CommitId,
    ) -> Self {
        // Another URL is another copy, and so is another length of ids.
        let url = remote.digest().hex();
        let dir = below.join(format!("{project}.{}.{}", &url[..16], commit.as_str().len()));
        Self { dir, project, remote, reach, time, bytes }
    }

    /// Path of the repository.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Makes the repository unless it is there. Returns whether it is new.
    pub fn prepare(&self, commit: &CommitId) -> Result<bool, OriginError> {
        let packs = self.dir.join("objects/pack");
        let names = || fs::read_dir(&packs).into_iter().flatten().flatten();
        for left in names().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"tmp_")) {
            drop(fs::remove_file(left.path()));
        }
        if self.dir.join(MADE).exists() && names().count() <= PACK_FILES_MAX {
            return Ok(false);
        }
        self.remove()?;
        if let Some(below) = self.dir.parent() {
            self.remove_others(below);
        }
        make(&self.dir, commit.as_str().len())?;
        disk::private_dir(&self.dir.join(NO_AUTHORITIES))?;
        let made = self.dir.join(MADE);
        disk::write(&made, b"", 0o600)?;
        Ok(true)
    }

    /// Removes copies of other remotes that the project had.
    fn remove_others(&self, below: &Path) {
        let begins = format!("{}.", self.project);
        for entry in fs::read_dir(below).into_iter().flatten().flatten() {
            let of_project = entry.file_name().to_str().is_some_and(|name| name.starts_with(&begins));
            if of_project && entry.path() != self.dir {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
    }

    /// Removes the repository.
    pub fn remove(&self) -> Result<(), OriginError> {
        removed(&self.dir)
    }

    /// Fetches a ref and returns the commit that it names.
    pub fn tip(&self, name: &RefName, wanted: IsWanted<'_>) -> Result<CommitId, OriginError> {
        let digest = Digest::of(name.as_str().as_bytes()).hex();
        let own = format!("refs/countersign/{}", &digest[..32]);
        self.fetch(&[], &format!("+{name}:{own}"), wanted).map_err(|error| match error {
            OriginError::Fetch(project, words) if words.contains(UNKNOWN) => {
                OriginError::NoRef(project, name.clone())
            }
            other => other,
        })?;
        let found = containment::tip(&self.dir, &own, Budget::new(self.time, wanted))?;
        found.ok_or_else(|| OriginError::NoRef(self.project.clone(), name.clone()))
    }

    /// Fetches a commit, unless it is here.
    pub fn commit(&self, id: &CommitId, wanted: IsWanted<'_>) -> Result<(), OriginError> {
        if self.has(id, wanted)? {
            return Ok(());
        }
        match self.fetch(&[], &format!("+{id}:refs/countersign/commit"), wanted) {
            Err(OriginError::Fetch(_, words)) if BY_ID.iter().any(|word| words.contains(word)) => {
                self.fetch(&["--prune"], "+refs/heads/*:refs/countersign/heads/*", wanted)?;
            }
            other => other?,
        }
        match self.has(id, wanted)? {
            true => Ok(()),
            false => Err(OriginError::NoCommit(self.project.clone(), id.clone())),
        }
    }

    /// Checks that the remote answers, and returns the number of its branches.
    pub fn branches(&self, wanted: IsWanted<'_>) -> Result<usize, OriginError> {
        let arguments = ["ls-remote", "--quiet", "--heads", "--end-of-options", &self.remote.url];
        let said = self.run(&arguments, wanted)?;
        Ok(said.iter().filter(|byte| **byte == b'\n').count())
    }

    fn has(&self, id: &CommitId, wanted: IsWanted<'_>) -> Result<bool, OriginError> {
        let mut open = Repository::open(&self.dir, Budget::new(self.time, wanted))?;
        match open.object(ObjectKind::Commit, id) {
            Ok(_) => Ok(true),
            Err(RepositoryError::Missing { .. } | RepositoryError::Incomplete { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn fetch(&self, more: &[&str], refs: &str, wanted: IsWanted<'_>) -> Result<(), OriginError> {
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap="];
        let from = ["--end-of-options", &self.remote.url, refs];
        self.run(&[&fetch, more, &from].concat(), wanted).map(drop)
    }

    fn run(&self, arguments: &[&str], wanted: IsWanted<'_>) -> Result<Vec<u8>, OriginError> {
        let budget = Budget::new(self.time, wanted).writing(&self.dir, self.bytes);
        let no_authorities = self.dir.join(NO_AUTHORITIES);
        let only = format!("http.sslCAPath={}", no_authorities.display());
        // A file of authorities stands beside the system's directory of them, which would be believed too.
        let only = self.remote.ca_file.as_ref().map(|_| ["-c", &only]);
        let arguments = [only.as_ref().map_or(&[][..], |only| only), arguments].concat();
        let said = Git::reaching(&self.dir, &arguments, &self.reach, budget)
            .and_then(|git| git.finish(ANSWER_BYTES_MAX))
            .map_err(|error| RepositoryError::io(&self.dir, error));
        let said = said
            .map_err(|error| OriginError::of_budget(self.project, error, self.time.as_secs(), self.bytes))?;
        if said.status.success() {
            return Ok(said.output);
        }
        // The limit on one file ends the program that writes it, mostly without a word, and its file stays.
        let is_full = disk_limit::taken_up(&self.dir, self.bytes) > self.bytes;
        if is_full || TOO_LONG.iter().any(|word| said.complaint.contains(word)) {
            return Err(OriginError::Large(self.project.clone(), self.bytes >> 20));
        }
        if let Some(known) = &self.remote.known_hosts_file
            && said.complaint.lines().any(|line| line == OTHER_HOST)
        {
            return Err(OriginError::HostKey(self.project.clone(), known.clone()));
        }
        Err(OriginError::Fetch(self.project.clone(), shown::line(&said.complaint)))
    }
}

/// Makes a bare repository without hooks, for ids of this length.
pub fn make(dir: &Path, id_length: usize) -> Result<(), OriginError> {
    let at = |error: io::Error| OriginError::Io(dir.to_path_buf(), error);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at)?;
    let form = if id_length == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
    let arguments = ["init", "--quiet", "--bare", "--template=", form, "."];
    let said = Git::output(dir, &arguments, Budget::default(), ANSWER_BYTES_MAX).map_err(at)?;
    if said.status.success() { Ok(()) } else { Err(at(io::Error::other(said.complaint))) }
}

/// Removes a directory, if it is there.
pub fn removed(dir: &Path) -> Result<(), OriginError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OriginError::Io(dir.to_path_buf(), error))
        }
        _ => Ok(()),
    }
}

/// An empty directory.
const NO_AUTHORITIES: &str = "no-authorities";
/// File that says that the repository was made to its end.
const MADE: &str = "countersign";
/// Most files of packs, two or three for each fetch; beyond it git would become slow.
const PACK_FILES_MAX: usize = 384;
/// A list of branches has about 100 bytes for each.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
const UNKNOWN: &str = "couldn't find remote ref";
const BY_ID: [&str; 3] = ["not our ref", "unadvertised object", UNKNOWN];
/// The last word of ssh about a host whose key is not known; the words before it name the key.
const OTHER_HOST: &str = "Host key verification failed.";
const TOO_LONG: [&str; 3] = ["File too large", "signal 25", "signal XFSZ"];
