//! The envelope that all kinds of observations share.
//!
//! Invariant: a payload has one encoding, and the key of the agent that it names signs it alone. `sequence` counts the
//! reports and observations of the agent together.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rules::About;
use super::table::{Body, ObservationKind};
use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError};
use crate::environment::Environment;
use crate::machine::{MachineKeyError, MachineSigner};
use crate::{Digest, Id, Moment, Name, Place};

/// DSSE payload type of an observation.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.observation+json";
/// Largest payload in bytes.
pub const BYTES_MAX: usize = 32 * 1024;

/// An observation of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The installation.
    pub installation: Id,
    /// The place of the agent.
    pub place: Place,
    /// Name of the agent in the environment statement.
    pub agent: Name,
    /// Time of signing, by the agent's clock.
    pub time: Moment,
    /// Size of the newest checkpoint that the agent has seen.
    pub checkpoint: u64,
    /// Root hash of the ledger at that size.
    pub checkpoint_root: Option<Digest>,
    /// Version of the newest trust root seen.
    pub root: u32,
    /// Number of the newest status seen.
    pub status: u64,
    /// Number of the newest environment statement seen.
    pub statement: u64,
    /// Number among all reports and observations of the agent, from 1.
    pub sequence: u64,
    /// Digest of the payload of the one before; absent for the first.
    pub previous: Option<Digest>,
    /// The content.
    pub body: Body,
}

/// Errors of reading and verifying an observation.
#[derive(Debug, thiserror::Error)]
pub enum ObservationError {
    /// The envelope is malformed.
    #[error("observation: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The body does not have the form of its kind.
    #[error("observation: `body`: {0}")]
    Body(#[source] serde_json::Error),
    /// The signature is invalid.
    #[error("observation: {0}")]
    Signature(#[from] MachineKeyError),
    /// A rule of the format is broken.
    #[error("observation: {0}")]
    Rule(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    v: u8,
    kind: ObservationKind,
    installation: Id,
    project: Name,
    service: Name,
    environment: Name,
    agent: Name,
    time: Moment,
    checkpoint: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint_root: Option<Digest>,
    root: u32,
    status: u64,
    statement: u64,
    sequence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Digest>,
    body: Value,
}

impl Observation {
    /// Signs the observation.
    ///
    /// # Errors
    /// `ObservationError` when a rule of the format is broken, or the key could not sign.
    pub fn sign(&self, signer: &MachineSigner) -> Result<Envelope, ObservationError> {
        self.check()?;
        let bytes = self.encode()?;
        if bytes.len() > BYTES_MAX {
            return Err(ObservationError::Rule("it has more than 32 KiB"));
        }
        let mut envelope = Envelope::new(PAYLOAD_TYPE, bytes);
        signer.sign(&mut envelope)?;
        Ok(envelope)
    }

    /// Reads an observation without verifying the signature, in order to look up its environment.
    ///
    /// # Errors
    /// `ObservationError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, ObservationError> {
        let bytes = envelope.payload(PAYLOAD_TYPE)?;
        let payload: Payload = canonical::decode("observation", bytes, BYTES_MAX)?;
        if payload.v != 1 {
            return Err(ObservationError::Rule("`v` is not 1, the version that this program knows"));
        }
        let Payload { project, service, environment, .. } = payload;
        let observation = Self {
            installation: payload.installation,
            place: Place { project, service, environment },
            agent: payload.agent,
            time: payload.time,
            checkpoint: payload.checkpoint,
            checkpoint_root: payload.checkpoint_root,
            root: payload.root,
            status: payload.status,
            statement: payload.statement,
            sequence: payload.sequence,
            previous: payload.previous,
            body: Body::read(payload.kind, payload.body).map_err(ObservationError::Body)?,
        };
        // The form of the body is known only now, so its encoding is compared only now.
        if observation.encode()? != bytes {
            return Err(ObservationError::Rule("`body` has another encoding than the canonical one"));
        }
        observation.check().map(|()| observation)
    }

    /// Reads an observation and verifies the signature of the agent that it names, with the key in the environment statement.
    ///
    /// # Errors
    /// `ObservationError` names the fault.
    pub fn open(envelope: &Envelope, environment: &Environment) -> Result<Self, ObservationError> {
        let observation = Self::read(envelope)?;
        let same =
            observation.installation == environment.installation && observation.place == environment.place();
        if !same {
            return Err(ObservationError::Rule("it is of another environment"));
        }
        let agent = environment.agents.iter().find(|agent| agent.name == observation.agent);
        let agent = agent.ok_or(ObservationError::Rule("the environment statement names no such agent"))?;
        agent.signed(envelope)?;
        Ok(observation)
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> ObservationKind {
        self.body.kind()
    }

    /// The release that it is about; `None` if it is about the place, whatever runs there.
    #[must_use]
    pub fn about(&self) -> Option<About> {
        self.body.about()
    }

    /// The artifact that must not come again at the place until a person lifts that.
    #[must_use]
    pub fn barred(&self) -> Option<Digest> {
        self.about().filter(|_| self.body.bars()).map(|about| about.artifact)
    }

    /// Number of the statement of a preview that the agent removed with everything that it left.
    #[must_use]
    pub fn ends(&self) -> Option<u64> {
        self.body.ends()
    }

    fn encode(&self) -> Result<Vec<u8>, ObservationError> {
        let Place { project, service, environment } = self.place.clone();
        let payload = Payload {
            v: 1,
            kind: self.kind(),
            installation: self.installation,
            project,
            service,
            environment,
            agent: self.agent.clone(),
            time: self.time,
            checkpoint: self.checkpoint,
            checkpoint_root: self.checkpoint_root,
            root: self.root,
            status: self.status,
            statement: self.statement,
            sequence: self.sequence,
            previous: self.previous,
            body: self.body.value().map_err(ObservationError::Body)?,
        };
        Ok(canonical::encode("observation", &payload)?)
    }

    fn check(&self) -> Result<(), ObservationError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(ObservationError::Rule(text)) };
        rule(
            self.sequence >= 1 && (self.sequence == 1) == self.previous.is_none(),
            "`sequence` starts at 1, and each later one names the `previous` statement",
        )?;
        self.body.fault().map_or(Ok(()), |fault| Err(ObservationError::Rule(fault)))
    }
}
