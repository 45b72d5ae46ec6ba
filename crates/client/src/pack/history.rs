//! Commits that a source pack may need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use evidence::git::{Commit, ObjectKind};
use evidence::{Bytes, CommitId};
use runner::{Budget, Repository, RepositoryError, revisions};

use crate::error::Error;

/// Commits of a repository; each is read once.
pub struct History<'a> {
    path: &'a Path,
    /// The repository.
    pub repository: Repository<'a>,
    read: BTreeMap<CommitId, (Vec<u8>, Commit)>,
    commits_max: usize,
}

/// Why the history back to a base cannot be packed.
pub enum Absent {
    /// The range has more commits than this limit.
    Range(usize),
    /// The base is not in this repository.
    Base,
    /// Git failed, or a commit is invalid.
    Failed(Error),
}

impl<'a> History<'a> {
    /// Opens a repository, with the most commits of one range.
    pub fn open(path: &'a Path, commits_max: usize) -> Result<Self, Error> {
        let repository = Repository::open(path, Budget::default())?;
        Ok(Self { path, repository, read: BTreeMap::new(), commits_max })
    }

    /// A commit.
    pub fn commit(&mut self, id: &CommitId) -> Result<&Commit, Error> {
        if !self.read.contains_key(id) {
            let object = self.repository.object(ObjectKind::Commit, id)?;
            let commit = Commit::parse(&object).map_err(|error| {
                Error::unusable(format!("commit {id} cannot be judged: {error}; {UNREADABLE}"))
            })?;
            self.read.insert(id.clone(), (object, commit));
        }
        let read = self.read.get(id).map(|(_, commit)| commit);
        read.ok_or_else(|| Error::unusable(format!("commit {id} is gone")))
    }

    /// The commits after a base, and the commits that prove their other parents to be ancestors of the base.
    pub fn between(&mut self, commit: &CommitId, base: &CommitId) -> Result<BTreeSet<CommitId>, Absent> {
        let range: BTreeSet<CommitId> = self.revisions(commit, base)?.into_iter().collect();
        let mut joins = BTreeSet::new();
        for id in &range {
            let parents = self.commit(id).map_err(Absent::Failed)?.parents.clone();
            joins.extend(parents.into_iter().filter(|parent| parent != base && !range.contains(parent)));
        }
        let mut all = range;
        for parent in joins {
            all.extend(self.revisions(base, &parent)?);
            if all.len() > self.commits_max {
                return Err(Absent::Range(self.commits_max));
            }
        }
        for id in &all {
            self.commit(id).map_err(Absent::Failed)?;
        }
        Ok(all)
    }

    fn revisions(&self, from: &CommitId, without: &CommitId) -> Result<Vec<CommitId>, Absent> {
        revisions(self.path, from, Some(without), self.commits_max).map_err(|error| match error {
            RepositoryError::Range(most, _) => Absent::Range(most),
            RepositoryError::Revision(..) => Absent::Base,
            other => Absent::Failed(other.into()),
        })
    }

    /// Size of these commits in a pack: their Base64 and their ids.
    pub fn bytes<'b>(&self, ids: impl Iterator<Item = &'b CommitId>) -> usize {
        let size = |id: &CommitId| self.read.get(id).map_or(0, |(object, _)| object.len().div_ceil(3) * 4);
        ids.map(|id| size(id) + id.as_str().len() + 6).sum()
    }

    /// Takes these commits out, for a pack.
    pub fn take(&mut self, ids: &BTreeSet<CommitId>) -> BTreeMap<String, Bytes> {
        let taken = ids.iter().filter_map(|id| Some((id.to_string(), Bytes(self.read.remove(id)?.0))));
        taken.collect()
    }
}

const UNREADABLE: &str =
    "add its change as a new commit (`git merge --squash`), so that it is not in the history";
