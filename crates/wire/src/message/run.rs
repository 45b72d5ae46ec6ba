//! Runs, their selection, and the work that is due for them on runners.

use std::collections::BTreeMap;

use domain::RunId;
use domain::build::Due;
use evidence::{CommitId, Digest, Name, Place};
use serde::{Deserialize, Serialize};

use super::release::ReleaseView;
use crate::named::NamedPerson;
use crate::states::{RunState, WorkKind, WorkState};

/// A selection of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFilter {
    /// Only runs of this project.
    #[serde(default)]
    pub project: Option<Name>,
    /// Only runs of this commit.
    #[serde(default)]
    pub commit: Option<CommitId>,
    /// Only runs whose id begins with these digits.
    #[serde(default)]
    pub begins: String,
    /// Most runs, the newest first; 50 if absent, and at most [`RUNS_MAX`].
    #[serde(default)]
    pub limit: Option<u16>,
}

impl RunFilter {
    /// The selection as the query of a URL.
    #[must_use]
    pub fn query(&self) -> String {
        let project = self.project.iter().map(|project| format!("project={project}"));
        let commit = self.commit.iter().map(|commit| format!("commit={commit}"));
        let begins = (!self.begins.is_empty()).then(|| format!("begins={}", self.begins));
        let limit = self.limit.map(|limit| format!("limit={limit}"));
        let all: Vec<_> = project.chain(commit).chain(begins).chain(limit).collect();
        if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) }
    }
}

/// Highest number of runs in one answer.
pub const RUNS_MAX: u16 = 500;

/// Work that is due on a runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerWork {
    /// The plan.
    pub due: Due,
    /// Path of the repository.
    pub repository: Option<String>,
    /// Digest of the pack that the requester uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Digest>,
}

/// A run as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// The run.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// The commit.
    pub commit: CommitId,
    /// How far it has come.
    pub state: RunState,
    /// Work of the run, in order.
    pub works: Vec<WorkView>,
    /// Artifacts: name and digest.
    pub artifacts: BTreeMap<String, Digest>,
    /// Services that use an artifact of the run.
    pub services: Vec<String>,
    /// The preview that it makes, and to which alone its artifacts go; absent if they go to places that stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Place>,
    /// The person who cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<NamedPerson>,
    /// Number of the run's first entry.
    #[serde(default)]
    pub entry: u64,
    /// Its own releases, and releases by other runs of the same artifact.
    #[serde(default)]
    pub releases: Vec<ReleaseView>,
}

/// Some work of a run on one runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkView {
    /// Step, artifact or approval node.
    pub kind: WorkKind,
    /// Its name.
    pub name: String,
    /// The runner; `None` for an approval node.
    pub runner: Option<Name>,
    /// How far it has come.
    pub state: WorkState,
    /// Digest of the log, once it has ended.
    pub log: Option<Digest>,
    /// Whether the runner reports the work as running. This is not recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
}
