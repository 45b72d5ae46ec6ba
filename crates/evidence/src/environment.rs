//! Environment statements: the policy and configuration of one service in one environment. Format:
//! `docs/formats/environment.md`.
//!
//! Invariant: no other statement sets policy and configuration. A threshold of policy signers signs it, and its number
//! rises.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::id::CommitId;
use crate::trust_root::{Machine, QuorumError, TrustRoot};
use crate::{Digest, Id, Moment, Name};

/// DSSE payload type of an environment statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.environment+json";
/// SSHSIG namespace of its signatures.
pub const NAMESPACE: &str = "countersign-environment@v1";

/// An environment statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
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
    /// Number of the statement. It rises with each statement for this service and environment.
    pub number: u64,
    /// Time of signing.
    pub issued: Moment,
    /// Digest of the policy files.
    pub policy: Digest,
    /// Digest of the configuration.
    pub configuration: Digest,
    /// Agents that may apply releases here.
    pub agents: Vec<Machine>,
    /// Commit after which the range of changes of the first release begins.
    pub baseline: CommitId,
    /// Environment of the same service that must run the artifact first; absent for the first environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Name>,
    /// Whether releases go ahead by themselves. If not, each one needs a person's signed request.
    pub automatic: bool,
}

/// Errors of reading and verifying an environment statement.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The envelope is malformed.
    #[error("environment statement: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A signature is invalid, or too few policy signers signed.
    #[error("environment statement: {0}; it needs the policy signers that the trust root names")]
    Quorum(#[from] QuorumError),
    /// A rule of the format is broken.
    #[error("environment statement: {0}")]
    Rule(&'static str),
}

impl Environment {
    /// Encodes the statement into an envelope without signatures.
    ///
    /// # Errors
    /// `EnvironmentError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, EnvironmentError> {
        self.check()?;
        Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("environment statement", self)?))
    }

    /// Reads the payload without verifying signatures.
    ///
    /// # Errors
    /// `EnvironmentError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, EnvironmentError> {
        let payload = envelope.payload(PAYLOAD_TYPE)?;
        let statement: Self = canonical::decode("environment statement", payload, PAYLOAD_BYTES_MAX)?;
        statement.check().map(|()| statement)
    }

    /// Reads a statement and verifies it against a root.
    ///
    /// # Errors
    /// `EnvironmentError` names the fault.
    pub fn open(envelope: &Envelope, root: &TrustRoot) -> Result<Self, EnvironmentError> {
        let statement = Self::read(envelope)?;
        if statement.installation != root.installation {
            return Err(EnvironmentError::Rule("it is of another installation"));
        }
        root.policy.signed(envelope, NAMESPACE)?;
        Ok(statement)
    }

    fn check(&self) -> Result<(), EnvironmentError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(EnvironmentError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.number >= 1, "`number` starts at 1")?;
        rule(self.agents.is_sorted_by(|a, b| a < b), "`agents` are not sorted or one stands twice")?;
        rule(self.after.as_ref() != Some(&self.environment), "`after` names the environment itself")?;
        let keys: BTreeSet<_> = self.agents.iter().map(|agent| &agent.key).collect();
        rule(keys.len() == self.agents.len(), "an agent's key stands twice")?;
        rule((1..=64).contains(&self.agents.len()), "between 1 and 64 agents are needed")
    }
}
