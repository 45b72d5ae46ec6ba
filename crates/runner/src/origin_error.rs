//! The reasons why a commit or a ref cannot be had from where a runner looks for it. Their texts end up in the log of the work.

use std::io;
use std::path::PathBuf;

use disk::DiskError;
use evidence::git::RefName;
use evidence::{CommitId, Name};

use crate::budget::BudgetError;
use crate::remotes::RemotesError;
use crate::repository::RepositoryError;

/// Why a commit or a ref cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// The operator's remotes cannot be used.
    #[error(transparent)]
    Remotes(#[from] RemotesError),
    /// The copy of the remote cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A file could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The disk failed.
    #[error("cannot write `{0}`: {1}")]
    Io(PathBuf, io::Error),
    /// Git could not fetch; the text is git's own.
    #[error("the remote of project `{0}` cannot be fetched: {1}")]
    Fetch(Name, String),
    /// The host proved another SSH host key than the operator's file names, or that names none.
    #[error(
        "the remote of project `{0}` cannot be fetched: its host has no SSH host key that `{1}` names; have the host's operator tell its key, and compare it before it is written there"
    )]
    HostKey(Name, PathBuf),
    /// It took too long.
    #[error(
        "fetching project `{0}` took longer than {1} seconds, the limit of the runner's operator (`seconds` in remotes.json)"
    )]
    Late(Name, u64),
    /// It was too much.
    #[error(
        "the remote of project `{0}` sent more than {1} MiB, the limit of the runner's operator (`mib` in remotes.json)"
    )]
    Large(Name, u64),
    /// The remote does not have the ref.
    #[error("the remote of project `{0}` has no ref `{1}`; push it there, or name another one with `--ref`")]
    NoRef(Name, RefName),
    /// The remote does not have the commit.
    #[error("the remote of project `{0}` does not have commit {1}; push it there")]
    NoCommit(Name, CommitId),
    /// The ref does not contain the commit.
    #[error(
        "ref `{name}` of the remote of project `{project}` is at {tip}, which does not contain commit {commit}; push the commit there, or name another ref with `--ref`"
    )]
    NotContained {
        /// The project.
        project: Name,
        /// The ref.
        name: RefName,
        /// Its tip.
        tip: CommitId,
        /// The commit.
        commit: CommitId,
    },
    /// There is no remote by which a ref could be verified.
    #[error(
        "the run is to be on ref `{1}`, and this runner has no remote of project `{0}` by which it could verify that; its operator sets one with `countersign runner remote add --data DIRECTORY {0} URL`, where the directory is the runner's (`DATA.runner-1` and so on with `up`)"
    )]
    NoRemote(Name, RefName),
    /// The work was cancelled meanwhile.
    #[error("nobody wants this work any more")]
    Unwanted,
    /// The upload is no pack of git, or too large.
    #[error("the uploaded commit cannot be unpacked: {0}")]
    Upload(String),
    /// The server does not give the upload.
    #[error("the uploaded commit cannot be had from the server: {0}")]
    Download(String),
    /// Nobody said where the commit is.
    #[error(
        "this runner has no remote of project `{0}`, and the commit was not uploaded: its operator sets a remote with `countersign runner remote add`, or `countersign run --upload` sends the commit{1}"
    )]
    Nowhere(Name, &'static str),
}

impl OriginError {
    /// Whether a new copy of the remote might do better.
    pub fn is_of_copy(&self) -> bool {
        match self {
            Self::Large(..) => true,
            Self::Repository(error) => is_damage(error),
            Self::Fetch(_, words) => DAMAGE.iter().any(|word| words.contains(word)),
            _ => false,
        }
    }

    /// The same error for a project whose fetch a limit has ended.
    pub fn of_budget(project: &Name, error: RepositoryError, seconds: u64, bytes: u64) -> Self {
        match error {
            RepositoryError::Budget(BudgetError::Late(_)) => Self::Late(project.clone(), seconds),
            RepositoryError::Budget(BudgetError::Disk(_)) => Self::Large(project.clone(), bytes >> 20),
            other => Self::Repository(other),
        }
    }
}

/// Whether a repository's own objects seem to be damaged or incomplete.
pub const fn is_damage(error: &RepositoryError) -> bool {
    matches!(
        error,
        RepositoryError::Git(..)
            | RepositoryError::Missing { .. }
            | RepositoryError::Incomplete { .. }
            | RepositoryError::Object(_)
            | RepositoryError::Answer(_)
    )
}

/// Words of git about its repository that is damaged, or was left in the middle of a change.
const DAMAGE: [&str; 8] = [
    ".lock",
    "bad object",
    "corrupt",
    "index file",
    "inflate",
    "loose object",
    "not a git repository",
    "packfile",
];
