//! Agent reports: an agent's signed statement about one release. Format: `docs/formats/agent-report.md`.
//!
//! Invariant: exactly one key signs, the key of an agent that the environment statement names. A report states the
//! highest numbers that the agent has seen. So nobody can hand the agent older statements without its reports showing
//! it.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::environment::Environment;
use crate::machine::{MachineKeyError, MachineSigner};
use crate::{CommitId, Digest, Id, Moment, Name};

/// DSSE payload type of an agent report.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.agent-report+json";

/// Highest number of bytes of the explanation in a report.
pub const DETAIL_BYTES_MAX: usize = 4096;

/// An agent report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentReport {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// Name of the agent in the environment statement.
    pub agent: Name,
    /// Number of the release that the agent received.
    pub release: u64,
    /// The artifact that the agent received.
    pub artifact: Digest,
    /// The plan that the agent received.
    pub plan: Digest,
    /// Outcome of the release.
    pub outcome: ReleaseOutcome,
    /// Artifact and commit that run afterwards; absent if nothing runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// Codes of the reasons against the release, sorted.
    pub reasons: Vec<String>,
    /// Explanation of a failure: the probe's last answer, the end of the process, its last lines. Absent if there is
    /// nothing to explain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Version of the newest trust root seen.
    pub root: u32,
    /// Number of the newest status seen.
    pub status: u64,
    /// Number of the newest environment statement seen.
    pub statement: u64,
    /// Size of the newest checkpoint seen.
    pub checkpoint: u64,
    /// Root hash of the ledger at that size. If a server shows different ledgers to two agents, a comparison of their
    /// reports reveals it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_root: Option<Digest>,
    /// Highest release number that the agent has seen. The next release must be above it, even if the ledger was
    /// restored from a backup that does not contain that number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<u64>,
    /// Time of signing.
    pub time: Moment,
    /// Number of this statement among all reports and observations of the agent; absent in reports of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Digest of the statement before it, so that a withheld one leaves a gap; absent for the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// Digest of the payload of the person's request, if the agent got the order to return by hand and not from its server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<Digest>,
}

/// The running artifact of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// The artifact.
    pub artifact: Digest,
    /// The commit that it was built from.
    pub commit: CommitId,
    /// Number of the release that brought it up; absent in reports of older programs, and if they brought it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Digest of the plan of that release; absent as the number is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
}

impl Running {
    /// An artifact that runs, brought up by an unknown release.
    #[must_use]
    pub const fn of(artifact: Digest, commit: CommitId) -> Self {
        Self { artifact, commit, release: None, plan: None }
    }

    /// Whether the same artifact of the same commit runs, whichever release brought it up.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.artifact, &self.commit) == (other.artifact, &other.commit)
    }

    /// Whether this release brought it up. Unknown is no.
    #[must_use]
    pub fn is_by(&self, report: &AgentReport) -> bool {
        self.release == Some(report.release) && self.plan == Some(report.plan)
    }
}

/// Outcomes of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseOutcome {
    /// The release runs, and its probe passed.
    Running,
    /// The probe failed, and the previous release runs again.
    Returned,
    /// The probe failed, and there was no previous release or it could not be started again.
    Failed,
    /// The agent did not apply the release, for the reasons in the report.
    Refused,
}

impl ReleaseOutcome {
    /// Name of the outcome in reports and views.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Returned => "returned",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// Errors of reading and verifying a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The envelope is malformed.
    #[error("agent report: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature is invalid.
    #[error("agent report: {0}")]
    Signature(#[from] MachineKeyError),
    /// A rule of the format is broken.
    #[error("agent report: {0}")]
    Rule(&'static str),
}

impl AgentReport {
    /// Signs the report.
    ///
    /// # Errors
    /// `ReportError` when a rule of the format is broken, or the key could not sign.
    pub fn sign(&self, signer: &MachineSigner) -> Result<Envelope, ReportError> {
        self.check()?;
        let mut envelope = Envelope::new(PAYLOAD_TYPE, canonical::encode("agent report", self)?);
        signer.sign(&mut envelope)?;
        Ok(envelope)
    }

    /// Reads a report without verifying the signature, in order to look up its environment.
    ///
    /// # Errors
    /// `ReportError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, ReportError> {
        let payload = envelope.payload(PAYLOAD_TYPE)?;
        let report: Self = canonical::decode("agent report", payload, PAYLOAD_BYTES_MAX)?;
        report.check().map(|()| report)
    }

    /// Reads a report and verifies the signature of the agent that it names, with the key in the environment statement.
    ///
    /// # Errors
    /// `ReportError` names the fault.
    pub fn open(envelope: &Envelope, environment: &Environment) -> Result<Self, ReportError> {
        let report = Self::read(envelope)?;
        let same = report.installation == environment.installation && report.place() == environment.place();
        if !same {
            return Err(ReportError::Rule("it is of another environment"));
        }
        let agent = environment.agents.iter().find(|agent| agent.name == report.agent);
        let agent = agent.ok_or(ReportError::Rule("the environment statement names no such agent"))?;
        agent.signed(envelope)?;
        Ok(report)
    }

    fn check(&self) -> Result<(), ReportError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(ReportError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.detail.len() <= DETAIL_BYTES_MAX, "`detail` is too long")?;
        rule(self.reasons.is_sorted() && self.reasons.len() <= 64, "`reasons` are not sorted, or too many")?;
        let runs = self.running.as_ref().is_some_and(|running| {
            running.artifact == self.artifact
                && running.release.is_none_or(|release| release == self.release)
                && running.plan.is_none_or(|plan| plan == self.plan)
        });
        rule(self.outcome != ReleaseOutcome::Running || runs, "it says `running` but something else runs")?;
        let follows = match (self.sequence, self.previous) {
            (None | Some(1), None) => true,
            (Some(number), Some(_)) => number > 1,
            (None, Some(_)) | (Some(_), None) => false,
        };
        rule(follows, "`sequence` starts at 1, and each later one names the `previous` statement")
    }
}
