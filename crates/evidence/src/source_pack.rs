//! Source packs: the part of a repository that others need to judge a change, each object under its git id. Format:
//! `docs/formats/source-pack.md`.
//!
//! Invariant: every object is checked against its git id, up to the requested commit. An object that is reachable
//! neither from that commit nor from a base is refused. A pack may omit history or trees, and the range or the changed files are
//! unknown then; it cannot contain a false object.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;
use crate::canonical::{self, CanonicalError};
use crate::git::{self, Commit, CommitError, FileChanges, GitMode, ObjectKind, TreeItem, TreeObjectError};
use crate::{CommitId, Digest};

/// Largest pack in bytes.
pub const BYTES_MAX: usize = 12 * 1024 * 1024;

/// Objects of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePack {
    /// Version of this format; 1.
    pub v: u8,
    /// The submitted commit.
    pub commit: CommitId,
    /// Commit objects by id: the submitted one, and as much history as is needed.
    pub commits: BTreeMap<String, Bytes>,
    /// Tree objects by id, from the commit's tree down to the files.
    pub trees: BTreeMap<String, Bytes>,
    /// Files by path.
    pub files: BTreeMap<String, Bytes>,
    /// Further tree objects by id: those in which the commit and the bases differ, so that others find which files changed. Absent if
    /// nobody compared them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<BTreeMap<String, Bytes>>,
}

/// A pack whose objects were checked.
#[derive(Clone, Debug)]
pub struct VerifiedPack {
    /// The submitted commit.
    pub id: CommitId,
    /// All commits by id.
    pub commits: BTreeMap<CommitId, Commit>,
    /// Files by path. Each is proven to be in the commit's tree.
    pub files: BTreeMap<String, Vec<u8>>,
    /// All trees by id; absent if the pack compares nothing.
    pub trees: Option<BTreeMap<CommitId, Vec<TreeItem>>>,
}

/// Faults of a source pack.
#[derive(Debug, thiserror::Error)]
pub enum SourcePackError {
    /// The bytes are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// An object does not match its id.
    #[error("source pack: {0}")]
    Object(#[from] git::ObjectError),
    /// A commit object is invalid.
    #[error("source pack: commit {0}: {1}")]
    Commit(String, CommitError),
    /// A tree object is invalid.
    #[error("source pack: tree {0}: {1}")]
    Tree(String, TreeObjectError),
    /// A rule of the format is broken.
    #[error("source pack: {0}")]
    Rule(&'static str),
    /// The commit's tree does not contain the file.
    #[error("source pack: `{0}` is not in the commit's tree")]
    File(String),
}

/// The commits between a base and a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// All commits between the two. The base is excluded.
    Complete(BTreeSet<CommitId>),
    /// The base is not an ancestor of the candidate in this pack.
    NoAncestor,
    /// The pack does not contain this commit, so its ancestors are unknown.
    Shallow(CommitId),
}

impl SourcePack {
    /// Parses a pack.
    ///
    /// # Errors
    /// `SourcePackError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, SourcePackError> {
        let pack: Self = canonical::decode("source pack", bytes, BYTES_MAX)?;
        if pack.v == 1 { Ok(pack) } else { Err(SourcePackError::Rule("`v` is not 1")) }
    }

    /// Encodes the pack into its canonical bytes.
    ///
    /// # Errors
    /// `SourcePackError` when it cannot be encoded or is too large.
    pub fn encode(&self) -> Result<Vec<u8>, SourcePackError> {
        let bytes = canonical::encode("source pack", self)?;
        let (what, found, max) = ("source pack", bytes.len(), BYTES_MAX);
        if found > max { Err(CanonicalError::Long { what, found, max }.into()) } else { Ok(bytes) }
    }

    /// Checks every object against its id, and every file against the commit's tree.
    ///
    /// # Errors
    /// `SourcePackError` names the fault.
    pub fn check(&self) -> Result<VerifiedPack, SourcePackError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(SourcePackError::Rule(text)) };
        let mut commits = BTreeMap::new();
        for (id, object) in &self.commits {
            let wrong = || SourcePackError::Rule("an id is not one");
            let known: CommitId = id.parse().map_err(|_| wrong())?;
            git::check_object(ObjectKind::Commit, &object.0, &known)?;
            let commit =
                Commit::parse(&object.0).map_err(|error| SourcePackError::Commit(id.clone(), error))?;
            commits.insert(known, commit);
        }
        let commit =
            commits.get(&self.commit).ok_or(SourcePackError::Rule("the commit itself is missing"))?;
        let mut trees = read_trees(&self.trees)?;
        let mut used = BTreeSet::new();
        for (path, file) in &self.files {
            let mut at = &commit.tree;
            let absent = || SourcePackError::File(path.clone());
            let mut parts = path.split('/').peekable();
            while let Some(part) = parts.next() {
                used.insert(at.clone());
                let items = trees.get(at).ok_or_else(absent)?;
                let item = items.iter().find(|item| item.name == part).ok_or_else(absent)?;
                let file_here = matches!(item.mode, GitMode::Plain | GitMode::Executable);
                if parts.peek().is_none() != file_here {
                    return Err(absent());
                }
                at = &item.id;
            }
            git::check_object(ObjectKind::Blob, &file.0, at)?;
        }
        rule(used.len() == trees.len(), "a tree leads to no file")?;
        let files = self.files.iter().map(|(path, bytes)| (path.clone(), bytes.0.clone())).collect();
        let Some(compared) = &self.compared else {
            return Ok(VerifiedPack { id: self.commit.clone(), commits, files, trees: None });
        };
        let twice = compared.keys().any(|id| self.trees.contains_key(id));
        rule(!twice, "a tree to compare is among `trees` already")?;
        trees.extend(read_trees(compared)?);
        rule(are_reached(&trees, &commits), "a tree to compare belongs to no commit of the pack")?;
        Ok(VerifiedPack { id: self.commit.clone(), commits, files, trees: Some(trees) })
    }
}

/// The items of tree objects, each checked against its id.
fn read_trees(
    objects: &BTreeMap<String, Bytes>,
) -> Result<BTreeMap<CommitId, Vec<TreeItem>>, SourcePackError> {
    let tree = |(id, object): (&String, &Bytes)| {
        let known: CommitId = id.parse().map_err(|_| SourcePackError::Rule("an id is not one"))?;
        git::check_object(ObjectKind::Tree, &object.0, &known)?;
        let items =
            git::parse_tree(&object.0, id.len()).map_err(|error| SourcePackError::Tree(id.clone(), error))?;
        Ok((known, items))
    };
    objects.iter().map(tree).collect()
}

/// Whether each tree is one of a commit, or within one.
fn are_reached(trees: &BTreeMap<CommitId, Vec<TreeItem>>, commits: &BTreeMap<CommitId, Commit>) -> bool {
    let mut open: Vec<&CommitId> = commits.values().map(|commit| &commit.tree).collect();
    let mut met = BTreeSet::new();
    while let Some(id) = open.pop() {
        let Some((id, items)) = trees.get_key_value(id) else { continue };
        if met.insert(id) {
            open.extend(items.iter().filter(|item| item.mode == GitMode::Directory).map(|item| &item.id));
        }
    }
    met.len() == trees.len()
}

impl VerifiedPack {
    /// The submitted commit.
    #[must_use]
    pub fn commit(&self) -> Option<&Commit> {
        self.commits.get(&self.id)
    }

    /// Digest of a file.
    #[must_use]
    pub fn digest(&self, path: &str) -> Option<Digest> {
        self.files.get(path).map(|bytes| Digest::of(bytes))
    }

    /// The files that differ between the base and the submitted commit; `None` if the pack does not show all of them.
    #[must_use]
    pub fn changes(&self, base: &CommitId) -> Option<FileChanges> {
        let (trees, from, to) = (self.trees.as_ref()?, self.commits.get(base)?, self.commit()?);
        let read = |id: &CommitId| Ok::<_, Infallible>(trees.get(id).cloned());
        git::changes(&from.tree, &to.tree, read).unwrap_or_default()
    }

    /// The commits that are reachable from the candidate and not from the base.
    #[must_use]
    pub fn range(&self, base: &CommitId) -> Range {
        // All known ancestors of the base, including the base.
        let mut old = BTreeSet::from([base.clone()]);
        let mut open = vec![base.clone()];
        while let Some(id) = open.pop() {
            for parent in self.commits.get(&id).into_iter().flat_map(|commit| &commit.parents) {
                if old.insert(parent.clone()) {
                    open.push(parent.clone());
                }
            }
        }
        let (mut range, mut met) = (BTreeSet::new(), self.id == *base);
        let mut open = vec![self.id.clone()];
        while let Some(id) = open.pop() {
            if old.contains(&id) {
                met |= id == *base;
                continue;
            }
            let Some(commit) = self.commits.get(&id) else { return Range::Shallow(id) };
            if range.insert(id) {
                open.extend(commit.parents.iter().cloned());
            }
        }
        if met { Range::Complete(range) } else { Range::NoAncestor }
    }
}
