//! Events of artifacts, as facts.
//!
//! Invariant: facts hold ids, names and digests. Manifests, layers, tree lists and receipts are blobs.

use evidence::{CommitId, Digest, Id, Name, Place};
use serde::{Deserialize, Serialize};

use crate::build::ServiceChecks;
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
    /// Digest of the manifest, a blob. This digest names the artifact.
    pub manifest: Digest,
    /// Digest of the layer, a blob.
    pub layer: Digest,
    /// Digest of the tree list, a blob.
    pub tree: Digest,
    /// Digests of the receipts' envelopes, blobs: one for every step and for this artifact, from every runner.
    pub receipts: Vec<Digest>,
    /// Services that run this artifact.
    pub services: Vec<Name>,
    /// Whether the artifact is released again at places where it runs already, as the run's request says. Absent if the
    /// request came from a program that did not know the option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<bool>,
    /// The preview to which alone it goes. Absent if it goes to places that stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Place>,
    /// Checks of these services. Absent if none is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<PlannedChecks>,
}

/// Checks of an artifact's services, with everything that makes them due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedChecks {
    /// Checks by service.
    pub services: ServiceChecks,
    /// Digest of the pipeline file.
    pub pipeline: Digest,
    /// Runners that check. Each does every check.
    pub runners: Vec<Name>,
    /// Random seed of the run's nonces.
    pub seed: Id,
}
