//! Source packs out of a repository on this machine: the commit, the history that judges need, the files
//! that describe build and release.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use evidence::git::{Commit, GitMode, ObjectKind, parse_tree};
use evidence::source_pack::SourcePack;
use evidence::{Bytes, CommitId, pipeline, release_file};
use runner::{Budget, Repository, revisions};

use crate::failure::Failure;

/// The top of the repository that a directory lies in.
pub fn toplevel(dir: &Path) -> Option<PathBuf> {
    let mut command = runner::program::of_person("git");
    command.args(["rev-parse", "--show-toplevel"]).current_dir(dir).stderr(std::process::Stdio::null());
    let output = command.output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !path.trim().is_empty()).then(|| PathBuf::from(path.trim()))
}

/// The pack of a commit, with history back to each base that the repository knows.
pub fn pack(path: &Path, commit: &CommitId, bases: &BTreeSet<CommitId>) -> Result<SourcePack, Failure> {
    let mut repository = Repository::open(path, Budget::default())?;
    let object = repository.object(ObjectKind::Commit, commit)?;
    let tree = Commit::parse(&object)?.tree;
    let mut ids = BTreeSet::from([commit.clone()]);
    for base in bases {
        // A base that is not here leaves the pack without it, and the judge says so.
        if let Ok(range) = revisions(path, commit, Some(base), HISTORY_MAX) {
            ids.extend(range);
            ids.extend(join(path, base, &ids, &mut repository)?);
        }
    }
    let mut commits = BTreeMap::new();
    for id in ids {
        let object = repository.object(ObjectKind::Commit, &id)?;
        commits.insert(id.to_string(), Bytes(object));
    }
    let mut pack =
        SourcePack { v: 1, commit: commit.clone(), commits, trees: BTreeMap::new(), files: BTreeMap::new() };
    for file in [pipeline::PATH, release_file::PATH] {
        add(&mut repository, &mut pack, &tree, file)?;
    }
    if !pack.files.contains_key(pipeline::PATH) {
        let what = format!("commit {commit} has no {}", pipeline::PATH);
        return Err(Failure::error(format!("{what}; `countersign init` writes one to start from")));
    }
    Ok(pack)
}

/// Commits that show the parents outside the range to be ancestors of the base.
fn join(
    path: &Path,
    base: &CommitId,
    range: &BTreeSet<CommitId>,
    repository: &mut Repository<'_>,
) -> Result<BTreeSet<CommitId>, Failure> {
    let mut more = BTreeSet::new();
    for id in range {
        let commit = Commit::parse(&repository.object(ObjectKind::Commit, id)?)?;
        for parent in commit.parents {
            if parent != *base && !range.contains(&parent) {
                more.extend(revisions(path, base, Some(&parent), HISTORY_MAX)?);
            }
        }
    }
    Ok(more)
}

/// Adds a file and the trees that lead to it, where the commit has it.
fn add(
    repository: &mut Repository<'_>,
    pack: &mut SourcePack,
    tree: &CommitId,
    path: &str,
) -> Result<(), Failure> {
    let mut at = tree.clone();
    let mut trees = Vec::new();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let body = repository.object(ObjectKind::Tree, &at)?;
        let items = parse_tree(&body, at.as_str().len())?;
        trees.push((at.to_string(), Bytes(body)));
        let last = parts.peek().is_none();
        let found = items.into_iter().find(|item| {
            let file = matches!(item.mode, GitMode::Plain | GitMode::Executable);
            item.name == part && if last { file } else { item.mode == GitMode::Directory }
        });
        let Some(found) = found else { return Ok(()) };
        at = found.id;
    }
    let bytes = repository.object(ObjectKind::Blob, &at)?;
    pack.trees.extend(trees);
    pack.files.insert(path.to_owned(), Bytes(bytes));
    Ok(())
}

/// Most commits of one range.
const HISTORY_MAX: usize = 2_000;
