//! Claims: short-lived signatures by which a machine proves who it is when it asks for work or uploads bytes. Format:
//! `docs/formats/claim.md`.
//!
//! Invariant: the machine's own key signs a claim for one operation on one target, valid for minutes. A claim only
//! authorises a transfer of bytes and decides nothing. It is not stored, except for the claim by which a runner gives
//! up work.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError};
use crate::machine::{MachineKey, MachineKeyError, MachineSigner};
use crate::request::CLOCK_SKEW_MAX;
use crate::{Digest, Id, Moment, Name};

/// DSSE payload type of a claim.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.claim+json";
/// Largest claim in bytes.
pub const BYTES_MAX: usize = 4 * 1024;

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// Name of the machine in the trust root or in an environment statement.
    pub machine: Name,
    /// Method and path of the operation, for instance `GET /api/v1/work/runner`.
    pub operation: String,
    /// Time of signing.
    pub issued: Moment,
    /// Key with which the intended server signs its answers. The key changes with each start of a server, so no other
    /// server, and no later process, accepts the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<MachineKey>,
    /// Digest of the request's body, if neither the path nor signatures inside the body already identify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Digest>,
}

/// Operation that a server received.
#[derive(Clone, Debug)]
pub struct ClaimedOperation {
    /// Method and path of the operation.
    pub operation: String,
    /// Key with which the server signs its answers.
    pub server: MachineKey,
}

/// The operation with which a runner gives up the work of a nonce.
#[must_use]
pub fn giving_up(nonce: Id) -> String {
    format!("POST /api/v1/work/given-up/{nonce}")
}

/// Errors of reading and verifying a claim.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The envelope is malformed.
    #[error("claim: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature is invalid.
    #[error("claim: {0}")]
    Signature(#[from] MachineKeyError),
    /// A rule of the format is broken.
    #[error("claim: {0}")]
    Rule(&'static str),
}

impl Claim {
    /// Signs the claim.
    ///
    /// # Errors
    /// `ClaimError` when it cannot be encoded, or the key did not sign.
    pub fn sign(&self, signer: &MachineSigner) -> Result<Envelope, ClaimError> {
        let mut envelope = Envelope::new(PAYLOAD_TYPE, canonical::encode("claim", self)?);
        signer.sign(&mut envelope)?;
        Ok(envelope)
    }

    /// Reads a claim without verifying the signature, in order to look up the machine's key.
    ///
    /// # Errors
    /// `ClaimError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, ClaimError> {
        let claim: Self = canonical::decode("claim", envelope.payload(PAYLOAD_TYPE)?, BYTES_MAX)?;
        if claim.v == 1 { Ok(claim) } else { Err(ClaimError::Rule("`v` is not 1")) }
    }

    /// Verifies installation, operation, server, time and signature.
    ///
    /// # Errors
    /// `ClaimError` names the fault.
    pub fn verify(
        &self,
        envelope: &Envelope,
        key: &MachineKey,
        installation: Id,
        asked: &ClaimedOperation,
        now: Moment,
    ) -> Result<(), ClaimError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(ClaimError::Rule(text)) };
        rule(self.server == Some(asked.server), "it is for another server, or for one that has ended since")?;
        rule(self.issued <= now.later_by(CLOCK_SKEW_MAX), "it is from the future: check the clock")?;
        rule(now <= self.issued.later_by(VALIDITY), "it has expired: check the clock")?;
        self.verify_kept(envelope, key, installation, &asked.operation)
    }

    /// Verifies a stored claim: installation, operation and signature. Its server and time are in the past and not
    /// checked.
    ///
    /// # Errors
    /// `ClaimError` names the fault.
    pub fn verify_kept(
        &self,
        envelope: &Envelope,
        key: &MachineKey,
        installation: Id,
        operation: &str,
    ) -> Result<(), ClaimError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(ClaimError::Rule(text)) };
        rule(self.installation == installation, "it is for another installation")?;
        rule(self.operation == operation, "it is for another operation")?;
        Ok(key.verify(envelope)?)
    }

    /// Checks that the claim was made for this body.
    ///
    /// # Errors
    /// `ClaimError` when it names another body or no body.
    pub fn is_for(&self, body: &[u8]) -> Result<(), ClaimError> {
        let holds = self.body == Some(Digest::of(body));
        if holds { Ok(()) } else { Err(ClaimError::Rule("it was made for another body")) }
    }
}

const VALIDITY: Duration = Duration::from_mins(5);
