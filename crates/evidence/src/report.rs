//! Agent reports: what one agent did with one release, signed by it. Format: `docs/formats/agent-report.md`.
//!
//! Invariant: exactly one agent's key signs, one that the environment statement names. It states the highest
//! numbers that the agent has seen, so that nobody can give it older ones unnoticed.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::environment::Environment;
use crate::machine::{MachineKeyError, MachineSigner};
use crate::{CommitId, Digest, Id, Moment, Name};

/// DSSE payload type of an agent report.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.agent-report+json";

/// Most bytes of the explanation in a report.
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
    /// The agent, by its name in the environment statement.
    pub agent: Name,
    /// Number of the release that it was given.
    pub release: u64,
    /// The artifact that it was given.
    pub artifact: Digest,
    /// The plan that it was given.
    pub plan: Digest,
    /// What came of it.
    pub outcome: ReleaseOutcome,
    /// Artifact and commit that run after it; absent when nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// Codes of the reasons against, sorted.
    pub reasons: Vec<String>,
    /// Why it did not work, in the agent's words: the probe's last answer, how the process ended, its last lines.
    /// Absent when there is nothing to say.
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
    /// Root hash of the ledger with that many entries: two agents that were shown different ledgers are found
    /// out by whoever reads both reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_root: Option<Digest>,
    /// Highest number of a release that the agent has seen: the next one is above it, also where the ledger
    /// was restored from a backup that does not know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<u64>,
    /// When it was made.
    pub time: Moment,
}

/// What runs in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// The artifact.
    pub artifact: Digest,
    /// The commit that it was built from.
    pub commit: CommitId,
}

/// What came of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseOutcome {
    /// It runs, and its probe passed.
    Running,
    /// Its probe failed; what ran before runs again.
    Returned,
    /// Its probe failed and nothing ran before, or could not be started again.
    Failed,
    /// The agent did not apply it, for the reasons given.
    Refused,
}

impl ReleaseOutcome {
    /// As it stands in reports and in views.
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

/// Why a report is not one, or is not believed.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The envelope is malformed.
    #[error("agent report: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature does not count.
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
    /// `ReportError` when a rule of the format is broken, or the key did not sign.
    pub fn sign(&self, signer: &MachineSigner) -> Result<Envelope, ReportError> {
        self.check()?;
        let mut envelope = Envelope::new(PAYLOAD_TYPE, canonical::encode("agent report", self)?);
        signer.sign(&mut envelope)?;
        Ok(envelope)
    }

    /// Reads a report without looking at its signature; needed to find the environment that it is of.
    ///
    /// # Errors
    /// `ReportError` names what is wrong.
    pub fn read(envelope: &Envelope) -> Result<Self, ReportError> {
        let payload = envelope.payload(PAYLOAD_TYPE)?;
        let report: Self = canonical::decode("agent report", payload, PAYLOAD_BYTES_MAX)?;
        report.check().map(|()| report)
    }

    /// Reads a report and checks that the agent that it names signed it, as the environment statement knows
    /// that agent.
    ///
    /// # Errors
    /// `ReportError` names what is wrong.
    pub fn open(envelope: &Envelope, environment: &Environment) -> Result<Self, ReportError> {
        let report = Self::read(envelope)?;
        let same = report.installation == environment.installation
            && report.project == environment.project
            && report.service == environment.service
            && report.environment == environment.environment;
        if !same {
            return Err(ReportError::Rule("it is of another environment"));
        }
        let agent = environment.agents.iter().find(|agent| agent.name == report.agent);
        let agent = agent.ok_or(ReportError::Rule("the environment statement names no such agent"))?;
        agent.key.verify(envelope)?;
        Ok(report)
    }

    fn check(&self) -> Result<(), ReportError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(ReportError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.detail.len() <= DETAIL_BYTES_MAX, "`detail` is too long")?;
        rule(self.reasons.is_sorted() && self.reasons.len() <= 64, "`reasons` are not sorted, or too many")?;
        let runs = self.running.as_ref().is_some_and(|running| running.artifact == self.artifact);
        rule(self.outcome != ReleaseOutcome::Running || runs, "it says `running` but something else runs")
    }
}
