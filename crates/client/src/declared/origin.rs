//! Where a directory comes from: its commit and tree in git, and the commit that last changed a line.
//!
//! Invariant: git runs in the person's own repository, in their name, and nothing there changes.

use std::path::Path;
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use super::fault::At;
use crate::error::Error;

/// The commit of a directory, as it is recorded with each statement that is made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The commit.
    pub commit: String,
    /// The tree of the directory in that commit.
    pub tree: String,
}

/// The state of a directory, as git says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It lies in no repository, or its repository has no commit of it.
    Outside,
    /// It differs from the last commit, in these paths, at most 20.
    Changed(Vec<String>),
    /// It is as in the commit.
    Committed(Origin),
}

/// The last change of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The commit; absent if the line is not committed yet.
    pub commit: Option<String>,
    /// Name and address of its author.
    pub author: String,
    /// Its first line.
    pub summary: String,
}

/// The state of a directory.
#[must_use]
pub fn state(dir: &Path) -> State {
    let word = |arguments: &[&str]| git(dir, arguments).ok().map(|said| said.trim().to_owned());
    let (Some(commit), Some(prefix)) = (word(&["rev-parse", "HEAD"]), word(&["rev-parse", "--show-prefix"]))
    else {
        return State::Outside;
    };
    let Some(tree) = word(&["rev-parse", &format!("HEAD:{}", prefix.trim_end_matches('/'))]) else {
        return State::Outside;
    };
    let said = git(dir, &["status", "--porcelain=v1", "-z", "--untracked-files=all", "--", "."]);
    let Ok(said) = said else { return State::Outside };
    let paths: Vec<_> = said.split('\0').filter_map(|line| line.get(3..)).map(str::to_owned).collect();
    match paths.is_empty() {
        true => State::Committed(Origin { commit, tree }),
        false => State::Changed(paths.into_iter().take(PATHS_MAX).collect()),
    }
}

/// The commit that last changed a line.
#[must_use]
pub fn line(dir: &Path, at: &At) -> Option<Line> {
    let number = at.line.max(1);
    let range = format!("{number},{number}");
    let said = git(dir, &["blame", "--porcelain", "-L", &range, "--", &at.file]).ok()?;
    let commit = said.split_whitespace().next()?.to_owned();
    let field = |name: &str| {
        let found = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_default().to_owned()
    };
    let is_committed = commit.bytes().any(|byte| byte != b'0');
    Some(Line {
        commit: is_committed.then_some(commit),
        author: format!("{} {}", field("author"), field("author-mail")),
        summary: field("summary"),
    })
}

fn git(dir: &Path, arguments: &[&str]) -> Result<String, Error> {
    let mut command = runner::program::of_person("git");
    command.arg("-C").arg(dir).args(arguments).stdin(Stdio::null()).env("GIT_TERMINAL_PROMPT", "0");
    command.env("GIT_OPTIONAL_LOCKS", "0");
    let output = command.output().map_err(|error| Error::unusable(format!("cannot run `git`: {error}")))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Error::unusable(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

const PATHS_MAX: usize = 20;
