//! The part of `countersign scan` that looks for secrets in all commits of a repository.
//!
//! Invariant: each content is read once, however many commits hold it; a commit or content that was not read because of a
//! limit is named, and then the scan does not pass. It deliberately omits messages of commits, and commits that no
//! branch, tag or other reference leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::Args;
use client::changes::{Contents, Repository, Version, VersionKind};
use evidence::Digest;

use super::scan_changes::{is_by_name, secrets};
use super::scan_report::{FoundSecret, History, ScanReport};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;

/// Limits of a scan of a history.
#[derive(Clone, Copy, Debug, Args)]
pub struct Limits {
    /// With `--history`: most commits to read, the newest first.
    #[arg(long, value_name = "COMMITS", default_value_t = 100_000, requires = "history", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    commits_max: u32,
    /// With `--history`: most bytes of file contents to read, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 16_384, requires = "history", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    history_mib_max: u32,
}

/// Scans all commits that a reference leads to.
pub fn all(path: Option<&Path>, limits: Limits, output: Output) -> Result<ScanReport, Failure> {
    let repository = Repository::open(path)?;
    let history = repository.history(limits.commits_max)?;
    let mut scan = HistoryScan {
        contents: repository.contents()?,
        bytes_left: u64::from(limits.history_mib_max) << 20,
        seen: BTreeSet::new(),
        names: BTreeSet::new(),
        found: BTreeMap::new(),
        unread: BTreeMap::new(),
        repositories: BTreeSet::new(),
    };
    let mut progress = Progress::new(output);
    let mut read = 0;
    for part in history.commits.chunks(COMMITS_AT_ONCE) {
        for version in repository.brought(part)? {
            scan.version(&version)?;
        }
        read += part.len();
        if scan.bytes_left == 0 {
            break;
        }
        if read < history.commits.len() {
            let (all, contents) = (history.commits.len(), scan.seen.len());
            progress.say(format!("scanned {read} of {all} commits, {contents} contents of files"));
        }
    }
    if scan.bytes_left == 0 {
        let why = format!(
            "only {read} commits were read, because of the limit of {} MiB; raise --history-mib-max",
            limits.history_mib_max
        );
        scan.unread.insert("history".to_owned(), why);
    } else if history.is_more {
        let why = format!("only the newest {read} commits were read; raise --commits-max");
        scan.unread.insert("history".to_owned(), why);
    } else if history.is_cut {
        let why = "this clone is shallow and does not have all commits; `git fetch --unshallow`";
        scan.unread.insert("history".to_owned(), why.to_owned());
    }
    let history = History { commits: read, contents: scan.seen.len(), repositories: scan.repositories };
    Ok(ScanReport {
        compared: None,
        files: history.contents,
        history: Some(history),
        secrets: scan.found.into_values().collect(),
        components: None,
        image: None,
        images: None,
        infrastructure: None,
        pipelines: None,
        packages: None,
        unread: scan.unread,
    })
}

/// A history that is being scanned.
struct HistoryScan {
    contents: Contents,
    bytes_left: u64,
    /// Contents that were scanned.
    seen: BTreeSet<String>,
    /// Paths whose names were looked at.
    names: BTreeSet<String>,
    found: BTreeMap<Digest, FoundSecret>,
    unread: BTreeMap<String, String>,
    repositories: BTreeSet<String>,
}

impl HistoryScan {
    fn version(&mut self, version: &Version) -> Result<(), Failure> {
        if self.bytes_left == 0 {
            return Ok(());
        }
        let Ok(path) = str::from_utf8(&version.path) else {
            let name = String::from_utf8_lossy(&version.path).into_owned();
            self.unread.insert(name, "its name is not UTF-8; rename it".to_owned());
            return Ok(());
        };
        let is_link = match version.kind {
            VersionKind::Repository => {
                self.repositories.insert(path.to_owned());
                return Ok(());
            }
            VersionKind::Link => true,
            VersionKind::File | VersionKind::Conflict => false,
        };
        let is_new = self.seen.insert(version.blob.clone());
        let is_new_name = !is_link && self.names.insert(path.to_owned());
        let bytes = match (is_new, is_new_name) {
            (true, _) => self.contents.read(&version.blob)?.bytes,
            // The name of a path alone may say that its file is a secret.
            (false, true) => Ok(Vec::new()),
            (false, false) => return Ok(()),
        };
        let length = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        self.bytes_left = self.bytes_left.saturating_sub(length);
        match bytes.and_then(|bytes| secrets(path, bytes)) {
            Ok(found) => {
                for (local, (id, finding)) in found {
                    if !(is_link && is_by_name(&finding)) {
                        let new = || FoundSecret::new(id.to_string(), finding, version.commit.clone());
                        self.found.entry(local).or_insert_with(new);
                    }
                }
            }
            Err(why) => {
                let at = version.commit.as_ref().map(|commit| format!(" (in commit {commit})"));
                let why = format!("{why}{}", at.unwrap_or_default());
                self.unread.entry(path.to_owned()).or_insert(why);
            }
        }
        Ok(())
    }
}

/// Commits between two lines of progress.
const COMMITS_AT_ONCE: usize = 1_000;
