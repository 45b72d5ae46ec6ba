//! Makes source packs from a repository on this machine: the commit, the history that judges need, and the files that
//! describe build and release.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use evidence::git::{GitMode, ObjectKind, parse_tree};
use evidence::source_pack::{BYTES_MAX, SourcePack};
use evidence::{Bytes, CommitId, codeowners, pipeline, release_file};
use runner::Repository;

use crate::error::Error;
use crate::partial_clone;
use history::{Absent, History};

/// A source pack, and a warning about history that it does not contain.
#[derive(Debug)]
pub struct Packed {
    /// The pack.
    pub pack: SourcePack,
    /// Why the history back to some base is missing in the pack.
    pub warning: Option<String>,
}

/// The pack of a commit, with the history back to each base that the repository has and that fits into the pack.
pub fn pack(path: &Path, commit: &CommitId, bases: &BTreeSet<CommitId>) -> Result<Packed, Error> {
    within(path, commit, bases, LIMITS)
}

/// Limits on the history in a pack.
#[derive(Clone, Copy)]
struct Limits {
    /// Most commits of one range.
    commits: usize,
    /// Most bytes of all commits in a pack.
    bytes: usize,
    /// Most bytes of the trees by which files are compared.
    compared: usize,
}

fn within(
    path: &Path,
    commit: &CommitId,
    bases: &BTreeSet<CommitId>,
    limits: Limits,
) -> Result<Packed, Error> {
    partial_clone::complete(path, commit)?;
    let mut history = History::open(path, limits.commits)?;
    let tree = history.commit(commit)?.tree.clone();
    let mut kept = BTreeSet::from([commit.clone()]);
    let mut large = None;
    // Bases whose range is in the pack; their files are compared with those of the commit.
    let mut near: BTreeSet<CommitId> = bases.iter().filter(|base| *base == commit).cloned().collect();
    for base in bases.iter().filter(|base| *base != commit) {
        match history.between(commit, base) {
            Ok(range) if history.bytes(kept.union(&range)) <= limits.bytes => {
                kept.extend(range);
                // A base that cannot be read is no part of the range, so it only cannot be compared.
                if history.commit(base).is_ok() {
                    near.insert(base.clone());
                }
            }
            Ok(range) => large = Some(left_out(base, &format!("{} commits are too many bytes", range.len()))),
            Err(Absent::Range(count)) => large = Some(left_out(base, &format!("more than {count} commits"))),
            // The pack is made without a base that is missing here: `ancestry` has reported it, and the judge will.
            Err(Absent::Base) => {}
            Err(Absent::Failed(failure)) => return Err(failure),
        }
    }
    // The run would be useless without any base: no place would have a range that can be judged.
    if let Some(what) = large.take_if(|_| kept.len() == 1 && !bases.contains(commit)) {
        return Err(Error::Unusable(what));
    }
    let mut pack = SourcePack {
        v: 1,
        commit: commit.clone(),
        commits: BTreeMap::new(),
        trees: BTreeMap::new(),
        files: BTreeMap::new(),
        compared: None,
    };
    for file in [pipeline::PATH, release_file::PATH] {
        add(&mut history.repository, &mut pack, &tree, file, usize::MAX)?;
    }
    for file in codeowners::PATHS {
        let before = pack.files.len();
        add(&mut history.repository, &mut pack, &tree, file, codeowners::BYTES_MAX)?;
        if pack.files.len() > before {
            break;
        }
    }
    if !pack.files.contains_key(pipeline::PATH) {
        let what = format!("commit {commit} has no {}", pipeline::PATH);
        return Err(Error::unusable(format!("{what}; {}", crate::missing_pipeline::instead(path))));
    }
    let many = compared::compare(&mut history, &mut pack, &tree, &near, limits.compared)?;
    let many = many.map(|base| {
        format!("the source pack does not show which files changed since {base}: their directories {MANY}")
    });
    kept.extend(near);
    pack.commits = history.take(&kept);
    Ok(Packed { pack, warning: large.or(many) })
}

fn left_out(base: &CommitId, why: &str) -> String {
    format!("history back to {base}, which runs now, does not fit into a source pack: {why}; {SMALLER}")
}

/// Adds a file and the trees that lead to it, if the commit has the file and it is not too large.
fn add(
    repository: &mut Repository<'_>,
    pack: &mut SourcePack,
    tree: &CommitId,
    path: &str,
    bytes_max: usize,
) -> Result<(), Error> {
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
    if bytes.len() > bytes_max {
        return Ok(());
    }
    pack.trees.extend(trees);
    pack.files.insert(path.to_owned(), Bytes(bytes));
    Ok(())
}

/// The limit on history leaves the rest of a pack's bytes for trees and the two files.
const LIMITS: Limits = Limits { commits: 20_000, bytes: BYTES_MAX - (2 << 20), compared: 1 << 20 };
const MANY: &str = "are missing here or too many, so a policy may hold that against the release; run from a full clone, or \
                    release a part of the change first";
const SMALLER: &str = "release a signed commit in between first (`countersign run COMMIT`), or add the change as \
                       one commit (`git merge --squash`)";

mod compared;
mod history;
#[cfg(test)]
mod tests;
