//! What can happen to artifacts, as facts.

use evidence::{CommitId, Digest, Name};
use serde::{Deserialize, Serialize};

use crate::ids::RunId;

/// An artifact was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// The run.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// Its name in the pipeline.
    pub name: Name,
    /// The commit.
    pub commit: CommitId,
    /// Digest of the manifest, a blob: names the artifact.
    pub manifest: Digest,
    /// Digest of the layer, a blob.
    pub layer: Digest,
    /// Digest of the tree list, a blob.
    pub tree: Digest,
    /// Digests of the receipts' envelopes, blobs: every step and this artifact, on every runner.
    pub receipts: Vec<Digest>,
    /// Services that it is.
    pub services: Vec<Name>,
    /// Whether it is released again where it runs already, as its run was asked for; absent where the run does not
    /// say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<bool>,
}
