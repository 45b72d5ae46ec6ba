//! The reasons why a step has no receipt.

use evidence::Name;
use evidence::canonical::CanonicalError;
use evidence::pipeline::{PATH, PipelineError};
use evidence::receipt::ReceiptError;
use evidence::tree_list::TreeListError;
use sandbox::{Destination, SandboxError};

use crate::caps::CapError;
use crate::workspace::WorkspaceError;

/// Why a step has no receipt.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The commit has no pipeline file.
    #[error("commit {0} has no {PATH}")]
    NoPipeline(evidence::CommitId),
    /// The file is invalid.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The pipeline has no such step, or the step is an approval by people.
    #[error("the pipeline has no step `{0}` that a runner executes")]
    NoStep(Name),
    /// The step needs an image, and nobody gave this runner a place for them.
    #[error("step `{0}` runs in an image, and this machine has no directory of images")]
    NoImages(Name),
    /// The image of the step cannot be used.
    #[error("step `{0}`: {1}")]
    Image(Name, Box<image::ImageError>),
    /// A destination of the step is invalid.
    #[error("step `{0}`: network: {1}")]
    Network(Name, String),
    /// The step names secrets that nobody lent to it here.
    #[error(
        "step `{0}` names secrets: only runners get them, for a run that people asked for, if they are granted"
    )]
    NotLent(Name),
    /// The grants of its secrets do not name its database.
    #[error(
        "step `{0}`: the grants of its secrets do not all name its database {1}, so it gets no role there"
    )]
    Unreached(Name, Destination),
    /// The step asks for more than this runner allows.
    #[error("step `{0}`: {1}")]
    Cap(Name, CapError),
    /// Its workspace cannot be made.
    #[error(transparent)]
    RetainedOutputs(#[from] WorkspaceError),
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The receipt cannot be made.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The receipt cannot be encoded.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The tree cannot be listed.
    #[error(transparent)]
    Tree(#[from] TreeListError),
}
