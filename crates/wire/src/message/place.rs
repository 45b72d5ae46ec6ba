//! A place with its releases, checks and agents.

use evidence::preview::Previews;
use evidence::{CommitId, Digest, Moment, Name, Place};
use serde::{Deserialize, Serialize};

use super::drift::{AgentBaselineView, AgentDriftView};
use super::release::{LastOutcomeView, PendingReleaseView, ReleaseView, RollbackView, RunningReleaseView};
use crate::named::NamedPerson;
use crate::service::{AgentSecretsView, ServiceView};
use crate::statement::StatementView;
use crate::states::{AgentTurn, WorkState};

/// The current view of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceView {
    /// The place.
    pub place: Place,
    /// Environment that comes before this one.
    pub after: Option<Name>,
    /// Whether releases start automatically.
    pub automatic: bool,
    /// Number of the environment statement.
    pub statement: u64,
    /// Digest of its envelope, a blob.
    pub envelope: Digest,
    /// Number of the entry that recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// The running release.
    pub running: Option<RunningReleaseView>,
    /// The release that ran before.
    pub before: Option<RunningReleaseView>,
    /// Earlier releases that a rollback can return to, the latest first.
    #[serde(default)]
    pub earlier: Vec<RunningReleaseView>,
    /// Commit after which the range of a new release begins.
    pub base: CommitId,
    /// The pending release.
    pub open: Option<PendingReleaseView>,
    /// Whether a plan remains to be derived.
    pub wanted: bool,
    /// The latest recorded verdict or report.
    pub last: Option<LastOutcomeView>,
    /// The newest releases and rollbacks there, the latest first.
    #[serde(default)]
    pub releases: Vec<ReleaseView>,
    /// Highest number of a release or rollback there; 0 before the first one.
    #[serde(default)]
    pub highest: u64,
    /// Number of a rollback that the agent has not reported yet.
    #[serde(default)]
    pub rollback: Option<u64>,
    /// Artifacts that people rolled back there and nobody has released again.
    #[serde(default)]
    pub rolled_back: Vec<RollbackView>,
    /// Artifacts that failed their judgement there and must not come again until a person lifts that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<BarView>,
    /// How it differs from what was declared for it, as each of its agents observed it last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<AgentDriftView>,
    /// How its hosts differ from the baseline, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline: Vec<AgentBaselineView>,
    /// Whether the current status freezes the place.
    #[serde(default)]
    pub frozen: bool,
    /// The times in which releases begin there; absent if they always may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<WindowsView>,
    /// Previews that people may make from it; absent if it is no template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previews: Option<Previews>,
    /// Its template, slot and end, if it is a preview; absent if it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<PreviewView>,
    /// Its agents.
    #[serde(default)]
    pub agents: Vec<MachineView>,
    /// The release that each agent has, in the order in which they get releases; empty if there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<AgentTurnView>,
    /// State of the service, as its agent reports it; `None` if the agent has not reported recently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceView>,
    /// The secrets with which the service of each agent runs, of agents that have reported recently.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agent_secrets: Vec<AgentSecretsView>,
    /// Checks of the running release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckView>,
    /// Statements of people whose scope covers the place: those in force first, then the newest that ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<StatementView>,
}

/// A preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewView {
    /// Environment of its template.
    pub template: Name,
    /// The slot that it takes.
    pub slot: u32,
    /// Its end.
    pub until: Moment,
    /// Name of the person who asked for it; absent if they are no longer enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether its time is over or somebody ended it: its agent has not reported yet that it removed everything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ending: bool,
}

/// The windows of a place, at the moment of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowsView {
    /// Digest of the windows, a blob.
    pub windows: Digest,
    /// Whether they are open.
    pub open: bool,
    /// When that changes; absent if they never open again, or if the server cannot read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Moment>,
    /// How far people lifted them for the pending release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<WindowsLiftedView>,
}

/// An override of windows for a pending release, as far as it is signed. Judges decide whether it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowsLiftedView {
    /// Number of the release.
    pub release: u64,
    /// End of the override.
    pub until: Moment,
    /// Number of people who signed the same.
    pub signed: usize,
    /// Number of people who have to sign the same.
    pub needed: usize,
}

/// A statement that lifts a bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftView {
    /// The person who signed it.
    pub by: NamedPerson,
    /// Its end.
    pub until: Moment,
}

/// An artifact that failed its judgement at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarView {
    /// The artifact.
    pub artifact: Digest,
    /// Number of the release that failed.
    pub release: u64,
    /// The agent that observed it.
    pub agent: Name,
    /// Digest of the signed observation, a blob.
    pub envelope: Digest,
    /// The observation in a few words.
    pub why: String,
    /// The statement in force that lifts it; absent if nobody has lifted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<LiftView>,
}

/// A check of a running release on one runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// Name of the check.
    pub name: Name,
    /// The runner.
    pub runner: Name,
    /// Its state.
    pub state: WorkState,
}

/// The release that one of several agents of a place has, as it reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentTurnView {
    /// The agent.
    pub agent: Name,
    /// Number of the release that it runs; absent if none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Its state.
    pub state: AgentTurn,
}

/// A machine, as far as the server heard from it. This is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineView {
    /// Its name.
    pub name: Name,
    /// Seconds since its last request for work; since the server's start if there was none.
    pub silent_seconds: u64,
    /// Whether it was given work and has not asked for more since.
    pub at_work: bool,
}
