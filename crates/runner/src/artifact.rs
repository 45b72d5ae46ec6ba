//! Artifacts out of what steps left, by the pipeline's own description.
//!
//! Invariant: a pure function of pipeline, outputs and commit time; the same commit gives the same digest
//! on any machine that gives the same outputs.

use std::collections::BTreeMap;

use evidence::oci::{self, LayerFile, OciError};
use evidence::pipeline::Pipeline;
use evidence::{CommitId, Digest, Name};

use crate::step::{Given, Kept};

/// An artifact's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The manifest; its digest is the artifact's.
    pub manifest: Vec<u8>,
    /// The one layer.
    pub layer: Vec<u8>,
}

/// Why an artifact could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The pipeline describes no such artifact.
    #[error("the pipeline describes no artifact `{0}`")]
    Unknown(Name),
    /// A step did not leave what the artifact needs.
    #[error("artifact `{artifact}`: step `{step}` left nothing at `{path}`")]
    Missing {
        /// The artifact.
        artifact: Name,
        /// The step.
        step: Name,
        /// The path.
        path: String,
    },
    /// The layer or manifest cannot be made.
    #[error(transparent)]
    Oci(#[from] OciError),
}

impl Built {
    /// Digest of the manifest: names the artifact.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

/// Puts an artifact together from the outputs of steps.
///
/// # Errors
/// `ArtifactError` names what lacks.
pub fn assemble(
    pipeline: &Pipeline,
    name: &Name,
    outputs: &BTreeMap<Name, Given>,
    commit: &CommitId,
    time_seconds: u64,
) -> Result<Built, ArtifactError> {
    let artifact = pipeline.artifacts.get(name).ok_or_else(|| ArtifactError::Unknown(name.clone()))?;
    let entering = artifact.entering(outputs).map_err(|source| {
        let (step, path) = (source.step.clone(), source.path.clone());
        ArtifactError::Missing { artifact: name.clone(), step, path }
    })?;
    let file = |kept: &Kept| LayerFile { bytes: kept.bytes.clone(), executable: kept.output.executable };
    let files = entering.into_iter().map(|(path, kept)| (path, file(kept))).collect();
    let layer = oci::layer(&files, time_seconds)?;
    let annotations = BTreeMap::from([
        ("org.opencontainers.image.revision".to_owned(), commit.to_string()),
        ("org.opencontainers.image.title".to_owned(), name.to_string()),
    ]);
    let manifest = oci::manifest(&artifact.artifact_type, &layer, annotations)?;
    Ok(Built { manifest, layer })
}
