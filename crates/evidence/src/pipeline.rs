//! The pipeline file, `.countersign/pipeline.yaml`: steps as a graph, and the artifacts that they make. Schema:
//! `docs/schema/pipeline.schema.json`, generated from these types and their comments.
//!
//! Invariant: a parsed pipeline has no cycle, no unknown name and no path out of the workspace. Values reach commands
//! as environment variables; nothing is ever interpolated into the text of a command.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::{Digest, Name};

mod apart;
pub(crate) mod check;
mod database;
mod image;
mod scan;
mod secret;

pub use database::{DATABASE_FILE, DATABASE_VARIABLES, StepDatabase};
pub use image::{Image, ImageError};
pub use scan::ScanSort;
pub use secret::{SECRETS_MAX, SecretPath, SecretPathError, StepSecret};

/// Path of the file in a repository.
pub const PATH: &str = ".countersign/pipeline.yaml";
/// Largest file in bytes.
pub const BYTES_MAX: usize = 256 * 1024;
/// Highest number of steps.
pub const STEPS_MAX: usize = 256;
/// Highest number of destinations that one step connects to.
pub const CONNECT_MAX: usize = 16;
/// Highest number of reports of one step.
pub const REPORTS_MAX: usize = 24;
/// Highest number of reports of all steps. Each one is a document that every judge may have to read.
pub const ALL_REPORTS_MAX: usize = 64;

/// A pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Version of this format; 1.
    pub version: u8,
    /// OCI image of all commands, by digest: `sha256:...`, or `NAME@sha256:...`. Without one they see the host's toolchain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub image: Option<Image>,
    /// Steps by name.
    #[schemars(with = "BTreeMap<String, Step>")]
    pub steps: BTreeMap<Name, Step>,
    /// Artifacts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, Artifact>")]
    pub artifacts: BTreeMap<Name, Artifact>,
}

/// One step: a command in a sandbox, a scan by the runner itself, or people's approval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// The command: a script for `/bin/sh -eu`, or a program with its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// OCI image of this command, by digest, in place of the pipeline's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub image: Option<Image>,
    /// Scans that the runner itself does. It reads the verified source, and for secrets also the outputs of `needs`. Nothing
    /// in the repository configures them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scan: BTreeSet<ScanSort>,
    /// People who have to agree before the steps after this one start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalNode>,
    /// Steps that have to pass before this one. Their outputs are in this step's workspace.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(with = "BTreeSet<String>")]
    pub needs: BTreeSet<Name>,
    /// Environment variables of the command.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Secrets of the project that the command gets, by the names of their files in `/run/secrets`. Such a step and all that
    /// need it run on one runner, and nothing of them enters an artifact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, StepSecret>")]
    pub secrets: BTreeMap<Name, StepSecret>,
    /// A database in which a role is made for the step, and which the step connects to. The variables `PGHOST`, `PGPORT`,
    /// `PGDATABASE`, `PGUSER` and `PGPASSWORD` name it, and it is gone afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<StepDatabase>,
    /// Destinations, `HOST:PORT`, that the step connects to directly: connections to that name and port are forwarded.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub connect: BTreeSet<String>,
    /// Package ecosystems or hosts that the step may reach. All traffic goes through the proxy.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub network: BTreeSet<String>,
    /// Files or directories that later steps and artifacts can use.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub outputs: BTreeSet<String>,
    /// Reports of tools, such as scanners and tests, that the runner reads once the command has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<StepReport>,
    /// Exit codes, beside 0, with which the step passes if all its reports can be read. Scanners use one to say that
    /// they found something.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub report_exits: BTreeSet<u8>,
    /// Limits, if the defaults do not fit.
    #[serde(default, skip_serializing_if = "StepLimits::is_default")]
    pub limits: StepLimits,
}

/// A report of a tool: a file that the command leaves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepReport {
    /// Format of the file, such as `sarif` or `junit`.
    #[schemars(with = "String")]
    pub kind: Name,
    /// Path of the file in the workspace.
    pub path: String,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Run {
    /// A script for `/bin/sh -eu`.
    Script(String),
    /// A program with its arguments.
    Program(Vec<String>),
}

/// People who have to agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalNode {
    /// Role that each of them must hold.
    #[schemars(with = "String")]
    pub role: Name,
    /// Number of different people.
    pub count: u32,
}

/// Resource limits of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StepLimits {
    /// Wall-clock time in seconds; 1,800 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_seconds: Option<u64>,
    /// Memory in MiB; 4,096 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Workspace in MiB; 4,096 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_mib: Option<u64>,
    /// Processes and threads; 512 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
}

/// An artifact: an OCI image manifest over one layer of files from steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Artifact {
    /// `artifactType` of the manifest (OCI image manifest, "Guidelines for Artifact Usage").
    #[serde(default = "Artifact::default_type")]
    pub artifact_type: String,
    /// Files of the layer: path in the artifact, and source.
    pub files: BTreeMap<String, Source>,
}

/// Source of a file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The step whose output it is.
    #[schemars(with = "String")]
    pub step: Name,
    /// Path in the step's outputs: a file, or a directory with everything below it.
    pub path: String,
}

/// One file that goes into an artifact.
#[derive(Debug)]
pub struct ArtifactFile<'a, T> {
    /// Path in the artifact.
    pub target: String,
    /// The source that contains it.
    pub source: &'a Source,
    /// Path among the outputs of the step.
    pub path: &'a str,
    /// The output at that path.
    pub file: &'a T,
}

/// Errors of reading a pipeline file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PipelineError {
    /// The file is larger than allowed.
    #[error("{PATH}: more than {BYTES_MAX} bytes")]
    Long,
    /// The file is not YAML of this format; the text names line and column.
    #[error("{PATH}: {0}")]
    Yaml(String),
    /// The file breaks a rule.
    #[error("{PATH}: {place}: {what}")]
    Rule {
        /// Place in the file.
        place: String,
        /// Description of the fault and its remedy.
        what: String,
    },
}

impl Artifact {
    fn default_type() -> String {
        "application/vnd.countersign.artifact.v1".into()
    }

    /// The files of the artifact, by their paths in it, from the outputs of steps; or the first source that matches no
    /// output. Runners and verifiers share this one rule.
    ///
    /// # Errors
    /// The source that is missing.
    pub fn entering<'a, T>(
        &'a self,
        left: &'a BTreeMap<Name, BTreeMap<String, T>>,
    ) -> Result<BTreeMap<String, &'a T>, &'a Source> {
        // Runners refuse an artifact in which two sources use one path. The first runners did not, so verifiers keep
        // the rule of that time: the later source wins.
        Ok(self.taken(left)?.into_iter().map(|taken| (taken.target, taken.file)).collect())
    }

    /// All files that the sources contain, in the order of the sources. Two of them may have one path.
    ///
    /// # Errors
    /// The source that is missing.
    pub fn taken<'a, T>(
        &'a self,
        left: &'a BTreeMap<Name, BTreeMap<String, T>>,
    ) -> Result<Vec<ArtifactFile<'a, T>>, &'a Source> {
        let mut all = Vec::new();
        for (target, source) in &self.files {
            let before = all.len();
            for (path, file) in left.get(&source.step).into_iter().flatten() {
                let rest = path.strip_prefix(source.path.as_str());
                if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                    all.push(ArtifactFile { target: format!("{target}{rest}"), source, path, file });
                }
            }
            if all.len() == before {
                return Err(source);
            }
        }
        Ok(all)
    }
}

/// The work that makes a report.
#[derive(Serialize)]
struct Producing<'a> {
    v: u8,
    step: &'a Name,
    steps: BTreeMap<&'a Name, Step>,
}

/// Limits of a step with every default filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LimitsInForce {
    /// Wall-clock time in seconds.
    pub time_seconds: u64,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Workspace in MiB.
    pub workspace_mib: u64,
    /// Processes and threads.
    pub processes: u64,
}

impl Step {
    /// Whether a runner does the step: a command or a scan, not people's approval.
    #[must_use]
    pub const fn is_work(&self) -> bool {
        self.approval.is_none()
    }

    /// The word of policies for a step of this kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.approval.is_some() {
            "approval"
        } else if self.scan.is_empty() {
            "run"
        } else {
            "scan"
        }
    }

    /// The reports that a receipt of this step has: path and format of each.
    #[must_use]
    pub fn declared_reports(&self) -> BTreeSet<(&str, &str)> {
        let own = self.scan.iter().map(|sort| (sort.as_str(), sort.as_str()));
        own.chain(self.reports.iter().map(|report| (report.path.as_str(), report.kind.as_str()))).collect()
    }
}

impl StepLimits {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Limits in force for the step. A runner may still have lower ones.
    #[must_use]
    pub fn in_force(&self) -> LimitsInForce {
        LimitsInForce {
            time_seconds: self.time_seconds.unwrap_or(1800),
            memory_mib: self.memory_mib.unwrap_or(4096),
            workspace_mib: self.workspace_mib.unwrap_or(4096),
            processes: self.processes.unwrap_or(512),
        }
    }
}

impl Run {
    /// Program and arguments of the command.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        match self {
            Self::Script(text) => ["/bin/sh", "-eu", "-c", text].map(str::to_owned).to_vec(),
            Self::Program(words) => words.clone(),
        }
    }
}

/// Rewrites a parser's message for people: with the file's name, and with ranges in place of number types.
pub(crate) fn yaml_words(file: &str, said: &str) -> String {
    // A port is the only 16-bit number in the two files.
    let names = [
        ("<input>", file),
        ("invalid u16", "port must be 1 to 65535"),
        ("invalid u8", "must be a whole number from 0 to 255"),
        ("invalid u32", "must be a whole number from 0 to 4294967295"),
        ("invalid u64", "must be a whole number, 0 or more"),
    ];
    names.iter().fold(said.to_owned(), |text, (from, to)| text.replace(from, to))
}

impl Pipeline {
    /// Parses and checks a pipeline file.
    ///
    /// # Errors
    /// `PipelineError` names the place and the remedy.
    pub fn parse(bytes: &[u8]) -> Result<Self, PipelineError> {
        if bytes.len() > BYTES_MAX {
            return Err(PipelineError::Long);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| PipelineError::Yaml(error.to_string()))?;
        let pipeline: Self = serde_saphyr::from_str(text)
            .map_err(|error| PipelineError::Yaml(yaml_words(PATH, &error.to_string())))?;
        match pipeline.faults().into_iter().next() {
            None => Ok(pipeline),
            Some(fault) => Err(fault),
        }
    }

    /// Digest of the file's bytes in the repository.
    #[must_use]
    pub fn digest(bytes: &[u8]) -> Digest {
        Digest::of(bytes)
    }

    /// Digest of a step with all steps that it needs. A policy lists it to trust the reports of exactly this work.
    ///
    /// # Errors
    /// `CanonicalError` when the steps cannot be encoded.
    pub fn producer(&self, step: &Name) -> Result<Digest, CanonicalError> {
        let mut closure: BTreeMap<&Name, Step> = BTreeMap::new();
        let mut open = vec![step];
        while let Some(name) = open.pop() {
            if let Some((name, step)) = self.steps.get_key_value(name)
                && closure.insert(name, self.produced(step)).is_none()
            {
                open.extend(&step.needs);
            }
        }
        Ok(Digest::of(&canonical::encode("producer", &Producing { v: 1, step, steps: closure })?))
    }

    /// The image in which the command of a step runs; `None` for the host's toolchain, and for what has no command.
    #[must_use]
    pub fn image_of<'a>(&'a self, step: &'a Step) -> Option<&'a Image> {
        step.run.as_ref().and_then(|_| step.image.as_ref().or(self.image.as_ref()))
    }

    /// The images in which steps run. Two names of one image are one.
    #[must_use]
    pub fn images(&self) -> BTreeMap<Digest, &Image> {
        self.steps
            .values()
            .filter_map(|step| self.image_of(step))
            .map(|image| (image.digest(), image))
            .collect()
    }

    /// A step as it is digested for its producer: with the image that is in force, by its digest alone.
    fn produced(&self, step: &Step) -> Step {
        Step { image: self.image_of(step).map(Image::nameless), ..step.clone() }
    }

    /// The steps in an order in which each one comes after all that it needs; steps that need nothing come first.
    #[must_use]
    pub fn order(&self) -> Vec<&Name> {
        let mut done: Vec<&Name> = Vec::new();
        let mut left: Vec<_> = self.steps.iter().collect();
        while !left.is_empty() {
            let (ready, blocked): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|(_, step)| step.needs.iter().all(|need| done.contains(&need)));
            if ready.is_empty() {
                // A cycle; `check` reports it.
                return done;
            }
            done.extend(ready.into_iter().map(|(name, _)| name));
            left = blocked;
        }
        done
    }
}
