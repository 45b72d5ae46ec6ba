//! The reasons why a piece of work is not done. Their texts end up in the log of the work, for its author.

use evidence::Name;
use evidence::canonical::CanonicalError;
use evidence::pipeline::{PATH, PipelineError};
use evidence::receipt::ReceiptError;
use evidence::rules::Problem;
use evidence::tree_list::TreeListError;
use wire::{BLOB_BYTES_MAX, ClientError};

use crate::artifact::ArtifactError;
use crate::keep::KeepError;
use crate::lent::LentError;
use crate::sources::SourcesError;
use crate::step_error::StepError;
use crate::stored_answer::AnswerError;
use crate::trust::TrustError;
use crate::workspace::WorkspaceError;

/// Why a piece of work is not done.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// No authorised person has asked for it.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The commit's source cannot be had.
    #[error(transparent)]
    Source(#[from] SourcesError),
    /// The commit has no pipeline.
    #[error("the commit has no {PATH}")]
    NoPipeline,
    /// The plan is for another pipeline.
    #[error("the pipeline in the commit differs from the one in the plan")]
    OtherPipeline,
    /// The pipeline cannot be parsed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The pipeline breaks a rule.
    #[error("{0}; `countersign pipeline check` names all problems")]
    Rule(Problem),
    /// Outputs of earlier steps cannot be read or kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The answer about a step or check cannot be read or kept, or was removed, or it is about a newer release.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The source has no tree list.
    #[error(transparent)]
    Tree(#[from] TreeListError),
    /// The inputs do not fit together.
    #[error(transparent)]
    Given(#[from] WorkspaceError),
    /// The step gets no secrets.
    #[error(transparent)]
    Lent(#[from] LentError),
    /// The step cannot be run.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The artifact cannot be assembled.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The artifact is larger than the server stores.
    #[error("artifact `{name}` has {bytes} bytes, at most {BLOB_BYTES_MAX} are stored")]
    ArtifactLong {
        /// Its name.
        name: Name,
        /// Bytes of its layer.
        bytes: usize,
    },
    /// The pipeline has no such artifact.
    #[error("the pipeline has no such artifact")]
    NoArtifact,
    /// A step did not leave an output that the artifact needs.
    #[error("`{0}` left nothing")]
    NothingLeft(Name),
    /// The artifact has more files than a receipt names.
    #[error(
        "artifact `{name}` has {files} files, whose names and digests do not fit a receipt of 512 KiB; pack them \
         into fewer, with `tar` for example"
    )]
    FilesMany {
        /// Its name.
        name: Name,
        /// Number of its files.
        files: usize,
    },
    /// The receipt cannot be encoded.
    #[error(transparent)]
    Encode(#[from] CanonicalError),
    /// The receipt cannot be signed.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

/// Why the server accepted no receipt for a piece of work.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The thread of the work failed.
    #[error("the runner itself failed: {0}")]
    Runner(#[from] tokio::task::JoinError),
    /// Not even a receipt of a failure can be made.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The server refuses it.
    #[error(transparent)]
    Client(#[from] ClientError),
}
