//! The source of a build: a commit and every file of its tree, checked object by object.
//!
//! Invariant: the tree list is computed from bytes whose ids were checked up to the commit. Submodules are not fetched,
//! LFS pointers remain pointers, links remain links.

use std::path::Path;

use evidence::git::{Commit, CommitError, GitMode, ObjectKind, TreeObjectError, parse_tree};
use evidence::tree_list::{FileMode, TreeFile, TreeList, TreeListError};
use evidence::{CommitId, Digest};
use sandbox::{Input, InputKind};

use crate::budget::BudgetError;
use crate::repository::{Repository, RepositoryError};

/// Whether an input is a file, and no link or directory.
pub const fn is_file(input: &Input<'_>) -> bool {
    matches!(input.kind, InputKind::Plain | InputKind::Executable)
}

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

/// A commit without its tree: enough to check its signature.
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
    /// Its mode: file, executable, link or submodule.
    pub mode: FileMode,
    /// Its content, or the target of a link.
    pub bytes: Vec<u8>,
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The repository failed, or its bytes do not match an id.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The commit is invalid.
    #[error("commit {0}: {1}")]
    Commit(CommitId, CommitError),
    /// A tree is invalid.
    #[error("commit {0}, directory `{1}`: {2}")]
    Tree(CommitId, String, TreeObjectError),
    /// The files cannot be listed.
    #[error("commit {0}: {1}")]
    List(CommitId, TreeListError),
    /// The budget is spent.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// The tree is too large.
    #[error("commit {commit}: its tree has more than {max} {what}; that is the most that a runner takes")]
    Large {
        /// The commit.
        commit: CommitId,
        /// The limited quantity.
        what: &'static str,
        /// The limit.
        max: u64,
    },
}

impl Head {
    /// Fetches only the commit object.
    ///
    /// # Errors
    /// `SourceError` names the fault.
    pub fn fetch(repository: &mut Repository<'_>, id: &CommitId) -> Result<Self, SourceError> {
        let object = repository.object(ObjectKind::Commit, id)?;
        let commit = Commit::parse(&object).map_err(|error| SourceError::Commit(id.clone(), error))?;
        Ok(Self { id: id.clone(), object, commit })
    }
}

impl Source {
    /// Fetches a commit and its whole tree, within the budget of the repository.
    ///
    /// # Errors
    /// `SourceError` names the fault.
    pub fn fetch(repository: &mut Repository<'_>, id: &CommitId) -> Result<Self, SourceError> {
        let head = Head::fetch(repository, id)?;
        Self::below(repository, head)
    }

    /// Fetches the tree of a commit. The repository's budget is checked between two objects.
    ///
    /// # Errors
    /// `SourceError` names the fault.
    pub fn below(repository: &mut Repository<'_>, head: Head) -> Result<Self, SourceError> {
        let Head { id, object, commit } = head;
        let files = Walk::new(repository, &id).files(&commit.tree)?;
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

    /// The files in the form that a sandbox expects; submodules are omitted.
    #[must_use]
    pub fn inputs(&self) -> Vec<Input<'_>> {
        fn input(file: &SourceFile) -> Option<Input<'_>> {
            let kind = match file.mode {
                FileMode::Plain => InputKind::Plain,
                FileMode::Executable => InputKind::Executable,
                FileMode::Link => InputKind::Link,
                FileMode::Submodule => return None,
            };
            Some(Input { path: Path::new(&file.path), kind, bytes: &file.bytes })
        }
        self.files.iter().filter_map(input).collect()
    }

    /// Total size of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes.len() as u64).sum()
    }

    /// Commit time in seconds since the Epoch; 0 if it lies before, and the last second that an archive can represent (in the
    /// year 2242) if it lies after that.
    #[must_use]
    pub fn time_seconds(&self) -> u64 {
        u64::try_from(self.commit.committer.time_seconds).unwrap_or(0).min(ARCHIVE_SECONDS_MAX)
    }

    /// Content of the commit that a step cannot see because it is stored elsewhere, one line for each kind.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let told = |what: &str, paths: Vec<&str>| {
            let shown = paths.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
            let more = if paths.len() > SHOWN_MAX { ", ..." } else { "" };
            (!paths.is_empty()).then(|| format!("note: {} {what}: {shown}{more}", paths.len()))
        };
        let of = |holds: fn(&SourceFile) -> bool| -> Vec<&str> {
            self.files.iter().filter(|file| holds(file)).map(|file| file.path.as_str()).collect()
        };
        let modules = of(|file| file.mode == FileMode::Submodule);
        let pointers = of(|file| file.mode != FileMode::Link && file.bytes.starts_with(LFS_POINTER));
        let modules = told("submodules are not fetched and not in the workspace", modules);
        modules.into_iter().chain(told("files are Git LFS pointers, not their content", pointers)).collect()
    }
}

/// One pass over the directories of a tree. A directory counts each time that it is referenced, as a file does, because a
/// few objects can reference each other along an exponential number of paths.
struct Walk<'a, 'b> {
    repository: &'a mut Repository<'b>,
    id: &'a CommitId,
    entries: u64,
    file_bytes: u64,
    tree_bytes: u64,
}

impl<'a, 'b> Walk<'a, 'b> {
    const fn new(repository: &'a mut Repository<'b>, id: &'a CommitId) -> Self {
        Self { repository, id, entries: 0, file_bytes: 0, tree_bytes: 0 }
    }

    /// Every file, sorted by the bytes of its path.
    fn files(&mut self, root: &CommitId) -> Result<Vec<SourceFile>, SourceError> {
        let mut files = Vec::new();
        let mut open = vec![(String::new(), 0, root.clone())];
        while let Some((prefix, depth, tree)) = open.pop() {
            self.within(depth <= DEPTH_MAX, "directories in depth", DEPTH_MAX)?;
            let body = self.repository.object(ObjectKind::Tree, &tree)?;
            self.tree_bytes += body.len() as u64;
            self.within(self.tree_bytes <= TREE_BYTES_MAX, "bytes of directories", TREE_BYTES_MAX)?;
            let wrong = |error| SourceError::Tree(self.id.clone(), prefix.clone(), error);
            for item in parse_tree(&body, self.id.as_str().len()).map_err(wrong)? {
                self.entries += 1;
                let most = self.repository.budget().entries_max as u64;
                self.within(self.entries <= most, "files and directories", most)?;
                let path = format!("{prefix}{}", item.name);
                self.within(path.len() as u64 <= PATH_BYTES_MAX, "bytes in a path", PATH_BYTES_MAX)?;
                let mode = match item.mode {
                    GitMode::Directory => {
                        open.push((format!("{path}/"), depth + 1, item.id));
                        continue;
                    }
                    GitMode::Plain => FileMode::Plain,
                    GitMode::Executable => FileMode::Executable,
                    GitMode::Link => FileMode::Link,
                    GitMode::Submodule => FileMode::Submodule,
                };
                files.push(self.file(path, mode, &item.id)?);
            }
        }
        files.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        Ok(files)
    }

    fn file(&mut self, path: String, mode: FileMode, id: &CommitId) -> Result<SourceFile, SourceError> {
        let bytes = match mode {
            FileMode::Submodule => id.as_str().as_bytes().to_vec(),
            _ => self.repository.object(ObjectKind::Blob, id)?,
        };
        self.file_bytes += bytes.len() as u64;
        let most = self.repository.budget().bytes_max;
        self.within(self.file_bytes <= most, "bytes of files", most)?;
        Ok(SourceFile { path, mode, bytes })
    }

    fn within(&self, holds: bool, what: &'static str, max: u64) -> Result<(), SourceError> {
        if holds { Ok(()) } else { Err(SourceError::Large { commit: self.id.clone(), what, max }) }
    }
}

const DEPTH_MAX: u64 = 64;
const PATH_BYTES_MAX: u64 = 4096;
/// A tree of 200,000 files has about 10 MiB of directories.
const TREE_BYTES_MAX: u64 = 256 << 20;
/// Eleven octal digits (POSIX.1-2017, pax, "ustar Interchange Format").
const ARCHIVE_SECONDS_MAX: u64 = 0o77_777_777_777;
/// The beginning of a pointer file (git-lfs/docs/spec.md, "The Pointer").
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
/// Most paths that a note lists.
const SHOWN_MAX: usize = 5;
