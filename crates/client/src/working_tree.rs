//! The working tree as a commit made now would contain it: tracked files, and files that are neither tracked nor ignored,
//! with the filters that `git add` applies.
//!
//! Invariant: nothing of the repository changes. The index is a copy, and new objects go to a separate directory that is
//! removed at the end.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use evidence::CommitId;

use crate::error::Error;

/// A commit of the working tree in a separate repository, which borrows the objects of the real one.
#[derive(Debug)]
pub struct WorkingTreeCommit {
    dir: tempfile::TempDir,
    /// The commit; it is unsigned and has no parent.
    pub commit: CommitId,
}

/// Paths of the files below a directory that a commit made now would contain.
pub fn paths(top: &Path) -> Result<BTreeSet<String>, Error> {
    let listed = git(top, &[], &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
    let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
}

/// Paths below a directory that a commit made now would contain; `None` outside of a repository.
pub fn listed(directory: &Path) -> Result<Option<BTreeSet<String>>, Error> {
    if git(directory, &[], &["rev-parse", "--is-inside-work-tree"])
        .is_ok_and(|said| said.starts_with(b"true"))
    {
        return paths(directory).map(Some);
    }
    Ok(None)
}

/// Id and time in seconds of the last commit; `None` before the first one.
pub fn last_commit(directory: &Path) -> Option<String> {
    let said = git(directory, &[], &["log", "-1", "--format=%H %ct"]).ok()?;
    String::from_utf8(said).ok().filter(|line| !line.trim().is_empty())
}

impl WorkingTreeCommit {
    /// Commits the working tree at the top of a repository.
    pub fn make(top: &Path) -> Result<Self, Error> {
        let dir = tempfile::Builder::new().prefix("countersign-local-").tempdir()?;
        let bare = dir.path().join("objects.git");
        let word = |arguments: &[&str]| -> Result<String, Error> {
            Ok(String::from_utf8_lossy(&git(top, &[], arguments)?).trim().to_owned())
        };
        let format = format!("--object-format={}", word(&["rev-parse", "--show-object-format"])?);
        git(top, &[], &["init", "--quiet", "--bare", &format, &bare.to_string_lossy()])?;
        let real = top.join(word(&["rev-parse", "--git-path", "objects"])?);
        let real = fs::canonicalize(real)?;
        let alternates = bare.join("objects/info/alternates");
        disk::write(&alternates, format!("{}\n", real.display()).as_bytes(), 0o644)?;
        let index = dir.path().join("index");
        let old = top.join(word(&["rev-parse", "--git-path", "index"])?);
        if old.exists() {
            // The copied index saves git from reading unchanged files again, and keeps files that were added with `-f`.
            disk::write(&index, &fs::read(old)?, 0o644)?;
        }
        let mut environment = vec![
            ("GIT_INDEX_FILE", index),
            ("GIT_OBJECT_DIRECTORY", bare.join("objects")),
            ("GIT_ALTERNATE_OBJECT_DIRECTORIES", real),
        ];
        git(top, &environment, &["add", "--all", "--", "."])?;
        let tree = String::from_utf8_lossy(&git(top, &environment, &["write-tree"])?).trim().to_owned();
        // The time of the last commit, so that the same files always give the same bytes.
        let time = word(&["log", "-1", "--format=%ct"]).unwrap_or_else(|_| "0".to_owned());
        for (name, value) in IDENTITY {
            environment.push((name, PathBuf::from(value)));
        }
        for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            environment.push((name, PathBuf::from(format!("@{time} +0000"))));
        }
        let arguments = ["commit-tree", "--no-gpg-sign", "-m", "working tree", &tree];
        let commit = String::from_utf8_lossy(&git(top, &environment, &arguments)?).trim().parse()?;
        Ok(Self { dir, commit })
    }

    /// The repository that holds the commit.
    pub fn repository(&self) -> PathBuf {
        self.dir.path().join("objects.git")
    }
}

/// Runs git in the person's own repository, in their name and with their configuration.
fn git(top: &Path, environment: &[(&str, PathBuf)], arguments: &[&str]) -> Result<Vec<u8>, Error> {
    let mut command = runner::program::of_person("git");
    command.arg("-C").arg(top).args(arguments).stdin(Stdio::null()).env("GIT_TERMINAL_PROMPT", "0");
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let output = command.output().map_err(|error| Error::unusable(format!("cannot run `git`: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::unusable(format!("`git {}` in `{}`: {said}", arguments.join(" "), top.display())))
}

/// A placeholder identity, since a local build is no evidence.
const IDENTITY: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "working tree"),
    ("GIT_AUTHOR_EMAIL", "nobody@localhost"),
    ("GIT_COMMITTER_NAME", "working tree"),
    ("GIT_COMMITTER_EMAIL", "nobody@localhost"),
];
