//! Events of runs, as facts.
//!
//! Invariant: facts hold ids, digests and names of the pipeline. Logs, receipts and outputs are blobs.

use std::collections::{BTreeMap, BTreeSet};

use evidence::pool::Pool;
use evidence::receipt::Work;
use evidence::{CommitId, Digest, Id, Name, Place};
use serde::{Deserialize, Serialize};

use crate::ids::{PersonId, RunId};

/// A run started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// The run.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// The commit.
    pub commit: CommitId,
    /// Digest of the pipeline file.
    pub pipeline: Digest,
    /// Steps by name.
    pub steps: BTreeMap<Name, StepPlan>,
    /// Names of the artifacts that the pipeline makes.
    pub artifacts: BTreeSet<Name>,
    /// Services of the release file, and the artifact of each.
    pub services: BTreeMap<Name, Name>,
    /// Checks of the services. Absent in runs of older programs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: ServiceChecks,
    /// Runners, in the order in which they were chosen. Each of them does all the work but what is held apart: the first one does
    /// that.
    pub runners: Vec<Name>,
    /// Their pool. Absent if no runner has one, and in runs of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Runners that check releases of the artifacts. Absent if they are the same runners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkers: Option<Vec<Name>>,
    /// Random seed of the run's nonces.
    pub seed: Id,
    /// Whether the artifacts are released again at places where they run already. Absent in runs of older programs,
    /// which always release again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<bool>,
    /// The preview to which alone its artifacts go. Absent if they go to places that stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Place>,
}

impl Started {
    /// The runners that do some work: all of them, or the first one for a step that is held apart.
    #[must_use]
    pub fn runners_of(&self, work: &Work) -> &[Name] {
        let is_apart = |step| self.steps.get(step).is_some_and(|plan| plan.apart);
        match work {
            Work::Step(step) if is_apart(step) => self.runners.get(..1).unwrap_or_default(),
            Work::Step(_) | Work::Artifact(_) | Work::Check(_) => &self.runners,
        }
    }
}

/// Checks of services: by service and name, the environments of each; empty for all environments.
pub type ServiceChecks = BTreeMap<Name, BTreeMap<Name, BTreeSet<Name>>>;

/// The part of a step that the flow reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// Steps that have to pass before this one.
    pub needs: BTreeSet<Name>,
    /// People who have to agree, if the step is an approval node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Agreement>,
    /// Whether it is held apart, because it or a step before it gets a secret: one runner alone does it. Absent if not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub apart: bool,
}

/// The people who have to agree at an approval node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Role that each of them must hold.
    pub role: Name,
    /// Number of people.
    pub count: u32,
}

/// Work is due on a runner. The event contains everything that the runner has to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// The run.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// The commit.
    pub commit: CommitId,
    /// Digest of the pipeline file.
    pub pipeline: Digest,
    /// The work to do.
    pub work: Work,
    /// The runner that has to do it.
    pub runner: Name,
    /// Nonce that the receipt has to carry.
    pub nonce: Id,
    /// Receipts of the same runner whose outputs are inputs of this work, by step.
    pub needs: BTreeMap<Name, Digest>,
}

/// A runner reported work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// The run.
    pub run: RunId,
    /// The reported work.
    pub work: Work,
    /// The runner that did it.
    pub runner: Name,
    /// Digest of the receipt's payload.
    pub receipt: Digest,
    /// Digest of the receipt's envelope, a blob.
    pub envelope: Digest,
    /// Whether the command exited with code 0.
    pub passed: bool,
    /// Digest of the log, a blob.
    pub log: Digest,
    /// Digest of the tree list, a blob.
    pub tree: Digest,
    /// Digests of manifest and layer, blobs, if the work made an artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<(Digest, Digest)>,
    /// Digests of the documents of the step's reports, blobs. Absent in entries of older programs.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub documents: BTreeSet<Digest>,
}

/// A person agreed at an approval node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// The run.
    pub run: RunId,
    /// Name of the approval node.
    pub step: Name,
    /// The person who agreed.
    pub person: PersonId,
    /// Digest of the signed request's envelope, a blob.
    pub request: Digest,
}

/// A run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// The run.
    pub run: RunId,
    /// How the run ended.
    pub outcome: RunOutcome,
    /// The work that ended the run. Absent if the run passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Work>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// Every step passed, and the runners' artifacts are equal.
    Passed,
    /// Some work failed on some runner.
    Failed,
    /// The runners' artifacts differ.
    Differed,
    /// Nobody will do the remaining work. Either the trust root no longer names one of the run's runners; or, if work
    /// is named, the runner gave that work up or is gone.
    Lost,
    /// A person cancelled the run.
    Cancelled,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
