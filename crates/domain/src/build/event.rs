//! What can happen to runs, as facts. Logs, receipts and outputs are blobs.

use std::collections::{BTreeMap, BTreeSet};

use evidence::receipt::Work;
use evidence::{CommitId, Digest, Id, Name};
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
    /// Artifacts that are made.
    pub artifacts: BTreeSet<Name>,
    /// Services of the release file, and the artifact that each one is.
    pub services: BTreeMap<Name, Name>,
    /// Runners, each of which does everything.
    pub runners: Vec<Name>,
    /// Random; the nonces of all that is due follow from it.
    pub seed: Id,
    /// Whether its artifacts are released again where they run already; absent in runs that older programs asked
    /// for, which always are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<bool>,
}

/// What of a step the flow needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// Steps that must have passed before.
    pub needs: BTreeSet<Name>,
    /// People who must agree, where the step is theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Agreement>,
}

/// People who must agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Role that they must hold.
    pub role: Name,
    /// How many.
    pub count: u32,
}

/// Something is due on a runner: the whole plan of it.
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
    /// What is to be done.
    pub work: Work,
    /// On which runner.
    pub runner: Name,
    /// Nonce of the receipt.
    pub nonce: Id,
    /// Receipts of the same runner whose outputs are the inputs: step and digest of the receipt.
    pub needs: BTreeMap<Name, Digest>,
}

/// A runner reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// The run.
    pub run: RunId,
    /// What was done.
    pub work: Work,
    /// By which runner.
    pub runner: Name,
    /// Digest of the receipt's payload.
    pub receipt: Digest,
    /// Digest of the receipt's envelope, a blob.
    pub envelope: Digest,
    /// Whether it ended with 0.
    pub passed: bool,
    /// Digest of the log, a blob.
    pub log: Digest,
    /// Digest of the tree list, a blob.
    pub tree: Digest,
    /// Manifest and layer, blobs, when an artifact was put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<(Digest, Digest)>,
}

/// A person agreed at an approval node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// The run.
    pub run: RunId,
    /// The node.
    pub step: Name,
    /// Who.
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
    /// How.
    pub outcome: RunOutcome,
    /// What made it end, unless it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Work>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// Everything passed, and the runners agree.
    Passed,
    /// Something failed on some runner.
    Failed,
    /// The runners' artifacts differ.
    Differed,
    /// What is still to be done, nobody will do: the trust root does not name one of its runners any more; or, where
    /// work is named, its runner gave that up or is gone.
    Lost,
    /// Somebody did not want it any more.
    Cancelled,
}
