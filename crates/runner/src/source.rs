//! The source of a build: a commit and every file of its tree, checked object by object.
//!
//! Invariant: the tree list is computed from bytes whose ids were checked up to the commit. Submodules are
//! not followed, LFS pointers stay pointers, links are carried as links.

use std::path::PathBuf;

use evidence::git::{Commit, CommitError, GitMode, ObjectKind, TreeObjectError, parse_tree};
use evidence::tree_list::{FILES_MAX, FileMode, TreeFile, TreeList, TreeListError};
use evidence::{CommitId, Digest};
use sandbox::{Input, InputKind};

use crate::repository::{Repository, RepositoryError};
use crate::step::Wanted;

/// A commit with its files.
#[derive(Debug)]
pub struct Source {
    /// Id of the commit.
    pub id: CommitId,
    /// The commit object's bytes.
    pub object: Vec<u8>,
    /// The parsed commit.
    pub commit: Commit,
    /// All files by digest.
    pub list: TreeList,
    /// All files with content.
    pub files: Vec<SourceFile>,
}

/// A commit without its tree: enough to check who signed it.
#[derive(Debug)]
pub struct Head {
    /// Id of the commit.
    pub id: CommitId,
    /// The commit object's bytes.
    pub object: Vec<u8>,
    /// The parsed commit.
    pub commit: Commit,
}

/// One file.
#[derive(Debug)]
pub struct SourceFile {
    /// Path from the root of the tree.
    pub path: String,
    /// What it is.
    pub mode: FileMode,
    /// Its content; a link's target.
    pub bytes: Vec<u8>,
}

/// Why a source could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The repository failed or lied.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The commit is none.
    #[error("commit {0}: {1}")]
    Commit(CommitId, CommitError),
    /// A tree is none.
    #[error("commit {0}: {1}")]
    Tree(CommitId, TreeObjectError),
    /// The files cannot be listed.
    #[error("commit {0}: {1}")]
    List(CommitId, TreeListError),
    /// Too much.
    #[error(
        "commit {0}: its tree has more than {FILES_MAX} files, {DEPTH_MAX} directories in depth or {BYTES_MAX} bytes"
    )]
    Large(CommitId),
    /// Nobody waits for it any more, or it takes too long.
    #[error("reading commit {0} was ended before its tree was complete")]
    Ended(CommitId),
}

impl Head {
    /// Fetches the commit object alone.
    ///
    /// # Errors
    /// `SourceError` names what is wrong.
    pub fn fetch(repository: &mut Repository, id: &CommitId) -> Result<Self, SourceError> {
        let object = repository.object(ObjectKind::Commit, id)?;
        let commit = Commit::parse(&object).map_err(|error| SourceError::Commit(id.clone(), error))?;
        Ok(Self { id: id.clone(), object, commit })
    }
}

impl Source {
    /// Fetches a commit and its whole tree.
    ///
    /// # Errors
    /// `SourceError` names what is wrong.
    pub fn fetch(repository: &mut Repository, id: &CommitId) -> Result<Self, SourceError> {
        let head = Head::fetch(repository, id)?;
        Self::below(repository, head, &|| true)
    }

    /// Fetches the tree of a commit; between two objects it asks whether to go on.
    ///
    /// # Errors
    /// `SourceError` names what is wrong.
    pub fn below(repository: &mut Repository, head: Head, going: Wanted<'_>) -> Result<Self, SourceError> {
        let Head { id, object, commit } = head;
        let mut files = Vec::new();
        let mut open = vec![(String::new(), commit.tree.clone())];
        let mut bytes = 0;
        while let Some((prefix, tree)) = open.pop() {
            if !going() {
                return Err(SourceError::Ended(id));
            }
            let body = repository.object(ObjectKind::Tree, &tree)?;
            let items =
                parse_tree(&body, id.as_str().len()).map_err(|error| SourceError::Tree(id.clone(), error))?;
            for item in items {
                let path = format!("{prefix}{}", item.name);
                let mode = match item.mode {
                    GitMode::Directory => {
                        open.push((format!("{path}/"), item.id));
                        continue;
                    }
                    GitMode::Plain => FileMode::Plain,
                    GitMode::Executable => FileMode::Executable,
                    GitMode::Link => FileMode::Link,
                    GitMode::Submodule => FileMode::Submodule,
                };
                if !going() {
                    return Err(SourceError::Ended(id));
                }
                let file = file(repository, path, mode, &item.id)?;
                bytes += file.bytes.len();
                files.push(file);
                if bytes > BYTES_MAX || files.len() > FILES_MAX {
                    return Err(SourceError::Large(id));
                }
            }
            if prefix.matches('/').count() > DEPTH_MAX || open.len() > FILES_MAX {
                return Err(SourceError::Large(id));
            }
        }
        files.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        let listed = files.iter().map(|file| TreeFile {
            path: file.path.clone(),
            mode: file.mode,
            size: file.bytes.len() as u64,
            sha256: Digest::of(&file.bytes),
        });
        let list = TreeList::new(listed.collect()).map_err(|error| SourceError::List(id.clone(), error))?;
        Ok(Self { id, object, commit, list, files })
    }

    /// Content of one file.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        let at = self.files.binary_search_by(|file| file.path.as_bytes().cmp(path.as_bytes())).ok()?;
        self.files.get(at).map(|file| file.bytes.as_slice())
    }

    /// The files as a sandbox takes them; submodules are left out.
    #[must_use]
    pub fn inputs(&self) -> Vec<Input> {
        let input = |file: &SourceFile| {
            let kind = match file.mode {
                FileMode::Plain => InputKind::Plain,
                FileMode::Executable => InputKind::Executable,
                FileMode::Link => InputKind::Link,
                FileMode::Submodule => return None,
            };
            Some(Input { path: PathBuf::from(&file.path), kind, bytes: file.bytes.clone() })
        };
        self.files.iter().filter_map(input).collect()
    }

    /// Commit time in seconds since the Epoch, 0 where it lies before.
    #[must_use]
    pub fn time_seconds(&self) -> u64 {
        u64::try_from(self.commit.committer.time_seconds).unwrap_or(0)
    }
}

fn file(
    repository: &mut Repository,
    path: String,
    mode: FileMode,
    id: &CommitId,
) -> Result<SourceFile, SourceError> {
    let bytes = match mode {
        FileMode::Submodule => id.as_str().as_bytes().to_vec(),
        _ => repository.object(ObjectKind::Blob, id)?,
    };
    Ok(SourceFile { path, mode, bytes })
}

const DEPTH_MAX: usize = 64;
const BYTES_MAX: usize = 4 << 30;
