//! Events of gates, as facts.
//!
//! Invariant: facts hold codes and digests. Gate inputs, bundles and the texts of verdicts are blobs.

use evidence::environment::Environment;
use evidence::preview::Previews;
use evidence::{CommitId, Digest, Moment, Name};
use serde::{Deserialize, Serialize};

use evidence::Place;

use crate::ids::PersonId;

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
    /// Keys of the place's agents.
    pub agents: Vec<AgentKey>,
    /// Commit after which the range of changes of the first release begins.
    pub baseline: CommitId,
    /// Environment that must run the same artifact first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Name>,
    /// Whether releases go ahead without a person's request.
    pub automatic: bool,
    /// Digest of the times in which releases may begin, a blob. Absent if they always may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Digest>,
    /// Milliseconds for which the environment before has to run an artifact. Absent if it need not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak_ms: Option<u64>,
    /// Previews that people may make from it. Absent if it is no template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previews: Option<Previews>,
    /// The preview that a request made. Absent if the place stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Box<PreviewMade>>,
    /// Version of the root under which the statement was signed.
    pub root: u32,
}

/// A preview that a person's request made from a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewMade {
    /// Environment of the template.
    pub template: Name,
    /// Number of the template.
    pub number: u64,
    /// The slot that it takes.
    pub slot: u32,
    /// Its end.
    pub until: Moment,
    /// The person who asked.
    pub person: PersonId,
}

/// A person asked for the end of a preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewEnding {
    /// Its place.
    pub place: Place,
    /// Number of its statement.
    pub number: u64,
    /// The person who asked.
    pub person: PersonId,
    /// Digest of the signed request's envelope, a blob.
    pub request: Digest,
}

/// An agent's name with the id of its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentKey {
    /// Name of the agent.
    pub name: Name,
    /// Id of the agent's key.
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
    /// Number of this judgement; it rises each time the same release is judged again.
    pub generation: u32,
    /// Digest of the policy that has to decide.
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
    /// Outcome of the gate.
    pub outcome: GateOutcome,
    /// Codes of all reasons against the release, sorted.
    pub reasons: Vec<String>,
    /// Codes of what the policy warns of, sorted. Omitted when empty, as in entries of older programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Digest of the policy that decided.
    pub policy: Digest,
    /// Name and version of the policy engine.
    pub engine: String,
    /// Number of ledger entries in the state that was judged.
    pub at: u64,
    /// Time at which the gate was judged.
    pub moment: Moment,
    /// Digest of the bundle, a blob. Absent if no bundle could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Digest>,
    /// Digest of the gate input, a blob. Absent if no input could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Digest>,
    /// Digest of the verdict with its texts, a blob.
    pub verdict: Digest,
}

/// Outcome of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateOutcome {
    /// The checks ran and found nothing against the release.
    Pass,
    /// At least one check is against the release.
    Fail,
    /// The gate could not decide. This never counts as a pass.
    Undecided,
}

impl GateOutcome {
    /// Name of the outcome in entries and views.
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
            place: statement.place(),
            number: statement.number,
            envelope,
            policy: statement.policy,
            configuration: statement.configuration,
            agents: statement.agents.iter().map(agent).collect(),
            baseline: statement.baseline.clone(),
            after: statement.after.clone(),
            automatic: statement.automatic,
            windows: statement.windows,
            soak_ms: statement.soak_ms,
            previews: statement.previews.clone(),
            preview: statement.preview.as_ref().map(|preview| {
                Box::new(PreviewMade {
                    template: preview.template.clone(),
                    number: preview.number,
                    slot: preview.slot,
                    until: preview.until,
                    person: preview.person.into(),
                })
            }),
            root,
        }
    }
}
