//! Artifacts assembled from the outputs of steps, as the pipeline describes them.
//!
//! Invariant: a pure function of pipeline, outputs and commit time; equal outputs of the same commit give the same digest
//! on any machine.

use std::collections::BTreeMap;

use evidence::link;
use evidence::oci::{self, LayerEntry, LayerFile, LayerFiles, OciError};
use evidence::pipeline::{ArtifactFile, Pipeline};
use evidence::receipt::OutputKind;
use evidence::{CommitId, Digest, Name};

use crate::outputs::{RetainedOutput, RetainedOutputs};

/// The bytes of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactBytes {
    /// The manifest; its digest is the artifact's.
    pub manifest: Vec<u8>,
    /// The only layer.
    pub layer: Vec<u8>,
}

/// Why an artifact cannot be assembled.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The pipeline describes no such artifact.
    #[error("the pipeline describes no artifact `{0}`")]
    Unknown(Name),
    /// A step did not leave an output that the artifact needs.
    #[error("artifact `{artifact}`: step `{step}` left nothing at `{path}`")]
    Missing {
        /// The artifact.
        artifact: Name,
        /// The step.
        step: Name,
        /// The path.
        path: String,
    },
    /// Two sources have different content for one path.
    #[error(
        "artifact `{artifact}`: `{path}` comes from `{first}` and from `{second}`, which are not the same; give them \
         different paths in the artifact"
    )]
    Clash {
        /// The artifact.
        artifact: Name,
        /// The path in it.
        path: String,
        /// One source, as step and path.
        first: String,
        /// The other one.
        second: String,
    },
    /// A file whose name or kind a layer cannot hold.
    #[error("artifact `{artifact}`: `{path}` {why}")]
    Unfit {
        /// The artifact.
        artifact: Name,
        /// The path in it.
        path: String,
        /// The reason.
        why: &'static str,
    },
    /// The layer or manifest cannot be made.
    #[error(transparent)]
    Oci(#[from] OciError),
}

impl ArtifactBytes {
    /// Digest of the manifest: names the artifact.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

/// Assembles an artifact from the outputs of steps.
///
/// # Errors
/// `ArtifactError` names the missing or unfit output.
pub fn assemble(
    pipeline: &Pipeline,
    name: &Name,
    outputs: &BTreeMap<Name, RetainedOutputs>,
    commit: &CommitId,
    time_seconds: u64,
) -> Result<ArtifactBytes, ArtifactError> {
    let artifact = pipeline.artifacts.get(name).ok_or_else(|| ArtifactError::Unknown(name.clone()))?;
    let taken = artifact.taken(outputs).map_err(|source| {
        let (step, path) = (source.step.clone(), source.path.clone());
        ArtifactError::Missing { artifact: name.clone(), step, path }
    })?;
    let layer = oci::layer(&files(name, taken)?, time_seconds)?;
    let annotations = BTreeMap::from([
        ("org.opencontainers.image.revision".to_owned(), commit.to_string()),
        ("org.opencontainers.image.title".to_owned(), name.to_string()),
    ]);
    let manifest = oci::manifest(&artifact.artifact_type, &layer, annotations)?;
    Ok(ArtifactBytes { manifest, layer })
}

/// The files of the layer: no file hides another one, and each link still has its meaning.
fn files(artifact: &Name, taken: Vec<ArtifactFile<'_, RetainedOutput>>) -> Result<LayerFiles, ArtifactError> {
    let unfit =
        |path: &str, why| ArtifactError::Unfit { artifact: artifact.clone(), path: path.to_owned(), why };
    let mut from: BTreeMap<String, ArtifactFile<'_, RetainedOutput>> = BTreeMap::new();
    for taken in taken {
        if taken.target.split('/').any(|part| part.starts_with(WHITEOUT)) {
            return Err(unfit(
                &taken.target,
                "has a part that begins with `.wh.`: in a layer such a name deletes files",
            ));
        }
        if let OutputKind::Link(to) = &taken.file.output.kind
            && link::fault(&taken.source.path, taken.path, to).is_some()
        {
            let why = "is a link that points outside of its source; take the directory that holds both";
            return Err(unfit(&taken.target, why));
        }
        match from.get(&taken.target) {
            Some(other) if other.file != taken.file => {
                let source = |taken: &ArtifactFile<'_, RetainedOutput>| {
                    format!("{}:{}", taken.source.step, taken.path)
                };
                let (first, second) = (source(other), source(&taken));
                let path = taken.target;
                return Err(ArtifactError::Clash { artifact: artifact.clone(), path, first, second });
            }
            _ => drop(from.insert(taken.target.clone(), taken)),
        }
    }
    if !from.values().any(|taken| taken.file.output.kind.is_file()) {
        return Err(OciError::Empty.into());
    }
    Ok(from.into_iter().map(|(path, taken)| (path, entry(taken.file))).collect())
}

fn entry(kept: &RetainedOutput) -> LayerEntry {
    match &kept.output.kind {
        OutputKind::File => {
            LayerEntry::File(LayerFile { bytes: kept.bytes.clone(), executable: kept.output.executable })
        }
        OutputKind::Link(target) => LayerEntry::Link(target.clone()),
        OutputKind::Directory => LayerEntry::Directory,
    }
}

/// Prefix of names with which a layer deletes files of the layers below it (OCI image-spec, layer, "Whiteouts").
const WHITEOUT: &str = ".wh.";
