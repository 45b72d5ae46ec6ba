//! What can happen to gates, as facts. Inputs, bundles and verdicts in words are blobs.

use evidence::environment::Environment;
use evidence::{CommitId, Digest, Moment, Name};
use serde::{Deserialize, Serialize};

use crate::place::Place;

/// An environment statement came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSet {
    /// The place.
    pub place: Place,
    /// Number of the statement.
    pub number: u64,
    /// Digest of the signed envelope, a blob.
    pub envelope: Digest,
    /// Digest of the policy, a blob.
    pub policy: Digest,
    /// Digest of the configuration, a blob.
    pub configuration: Digest,
    /// The agents.
    pub agents: Vec<AgentKey>,
    /// Commit from which the first range counts.
    pub baseline: CommitId,
    /// Environment that must run the same artifact before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Name>,
    /// Whether a release begins by itself.
    pub automatic: bool,
    /// Version of the root under which it was signed.
    pub root: u32,
}

/// An agent by name and id of its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentKey {
    /// Its name.
    pub name: Name,
    /// Id of its key.
    pub key: Digest,
}

/// A gate is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateDue {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Rises each time that the same release is judged again.
    pub generation: u32,
    /// Digest of the policy that decides.
    pub policy: Digest,
}

/// A gate was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Generation that was asked for.
    pub generation: u32,
    /// Outcome.
    pub outcome: GateOutcome,
    /// Codes of every reason against, sorted.
    pub reasons: Vec<String>,
    /// Digest of the policy that decided.
    pub policy: Digest,
    /// Name and version of the policy engine.
    pub engine: String,
    /// Number of entries whose state was judged.
    pub at: u64,
    /// Moment at which it was judged.
    pub moment: Moment,
    /// Digest of the bundle, a blob; absent when none could be put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Digest>,
    /// Digest of the gate input, a blob; absent when none could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Digest>,
    /// Digest of the verdict in words, a blob.
    pub verdict: Digest,
}

/// Outcome of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateOutcome {
    /// Something was checked and nothing is against it.
    Pass,
    /// Something is against it.
    Fail,
    /// No decision could be made; never a pass.
    Undecided,
}

impl GateOutcome {
    /// As it stands on record and in views.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Undecided => "undecided",
        }
    }
}

impl EnvironmentSet {
    /// Facts of a statement whose signatures were checked against a root.
    #[must_use]
    pub fn of(statement: &Environment, envelope: Digest, root: u32) -> Self {
        let agent = |machine: &evidence::trust_root::Machine| AgentKey {
            name: machine.name.clone(),
            key: machine.key.id(),
        };
        Self {
            place: Place {
                project: statement.project.clone(),
                service: statement.service.clone(),
                environment: statement.environment.clone(),
            },
            number: statement.number,
            envelope,
            policy: statement.policy,
            configuration: statement.configuration,
            agents: statement.agents.iter().map(agent).collect(),
            baseline: statement.baseline.clone(),
            after: statement.after.clone(),
            automatic: statement.automatic,
            root,
        }
    }
}
