//! Whether a ref contains a commit: a chain of parents from the ref's tip down to the commit.
//!
//! Invariant: git proposes the commits between the two, and each link of the chain is read here from an object whose bytes
//! have its id. So a repository can hide that a ref contains a commit, but cannot make it seem so: only the tip is the remote's
//! word, and for that the operator chose the remote. Grafts, replacements, cached graphs and shallow ends add no parent.

use std::collections::BTreeSet;
use std::path::Path;

use evidence::CommitId;
use evidence::git::{Commit, ObjectKind, RefName};

use crate::budget::Budget;
use crate::git::Git;
use crate::repository::{Repository, RepositoryError};

/// The commit that a ref of a repository names; `None` if there is no such ref.
///
/// # Errors
/// `RepositoryError` if git fails.
pub fn tip(path: &Path, name: &str, budget: Budget<'_>) -> Result<Option<CommitId>, RepositoryError> {
    let wanted = format!("{name}^{{commit}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
    let said = Git::output(path, &arguments, budget, LINE_BYTES_MAX);
    let said = said.map_err(|error| RepositoryError::io(path, error))?;
    if said.status.success() {
        let text = String::from_utf8_lossy(&said.output);
        return Ok(text.trim().parse().ok());
    }
    match said.complaint.is_empty() {
        true => Ok(None),
        false => Err(RepositoryError::Git(path.to_path_buf(), said.complaint)),
    }
}

/// Number of branches of a repository.
///
/// # Errors
/// `RepositoryError` if git fails.
pub fn branches(path: &Path, budget: Budget<'_>) -> Result<usize, RepositoryError> {
    let arguments = ["for-each-ref", "--format=%(objectname)", "refs/heads/"];
    let said = Git::output(path, &arguments, budget, LIST_BYTES_MAX);
    let said = said.map_err(|error| RepositoryError::io(path, error))?;
    if !said.status.success() {
        return Err(RepositoryError::Git(path.to_path_buf(), said.complaint));
    }
    Ok(said.output.iter().filter(|byte| **byte == b'\n').count())
}

/// Whether a commit is the tip of a ref or an ancestor of it.
///
/// # Errors
/// `RepositoryError` if an object is missing or no commit, or if too many commits lie between.
pub fn contains(
    path: &Path,
    tip: &CommitId,
    commit: &CommitId,
    budget: Budget<'_>,
) -> Result<bool, RepositoryError> {
    let mut repository = Repository::open(path, budget)?;
    repository.object(ObjectKind::Commit, commit)?;
    if tip == commit {
        return Ok(true);
    }
    let proposed = between(path, tip, commit, budget)?;
    let (mut open, mut seen) = (vec![tip.clone()], BTreeSet::new());
    while let Some(id) = open.pop() {
        if !proposed.contains(&id) || !seen.insert(id.clone()) {
            continue;
        }
        let object = repository.object(ObjectKind::Commit, &id)?;
        let parents = Commit::parse(&object).map(|commit| commit.parents);
        // A commit that cannot be read proves nothing; another line of history may lead around it.
        for parent in parents.unwrap_or_default() {
            if parent == *commit {
                return Ok(true);
            }
            open.push(parent);
        }
    }
    Ok(false)
}

/// Commits that git names as descendants of the commit and ancestors of the tip, the tip included.
fn between(
    path: &Path,
    tip: &CommitId,
    commit: &CommitId,
    budget: Budget<'_>,
) -> Result<BTreeSet<CommitId>, RepositoryError> {
    let (count, without) = (format!("--max-count={}", COMMITS_MAX + 1), format!("^{commit}"));
    let arguments = ["rev-list", "--ancestry-path", &count, tip.as_str(), &without, "--"];
    let most = (COMMITS_MAX as u64 + 1) * (tip.as_str().len() as u64 + 1);
    let said = Git::output(path, &arguments, budget, most);
    let said = said.map_err(|error| RepositoryError::io(path, error))?;
    if !said.status.success() {
        return Err(RepositoryError::Git(path.to_path_buf(), said.complaint));
    }
    let text = String::from_utf8_lossy(&said.output);
    let found: BTreeSet<CommitId> = text.lines().filter_map(|line| line.parse().ok()).collect();
    if found.len() > COMMITS_MAX { Err(RepositoryError::Range(COMMITS_MAX, NEARER)) } else { Ok(found) }
}

/// The full name of a ref that a person may give short: `main` is `refs/heads/main`.
#[must_use]
pub fn full_name(text: &str) -> Option<RefName> {
    let full = if text.starts_with("refs/") { text.to_owned() } else { format!("refs/heads/{text}") };
    full.parse().ok()
}

const LINE_BYTES_MAX: u64 = 1024;
const LIST_BYTES_MAX: u64 = 16 << 20;
const COMMITS_MAX: usize = 20_000;
const NEARER: &str = "name a ref whose tip is nearer to the commit";
