//! Signed requests: a person's instructions to the server, stored as evidence. Format: `docs/formats/request.md`.
//!
//! Invariant: exactly one sign-in key of the person's enrolment signs a request, for this installation. It is valid for
//! minutes, and its nonce makes it count once. The product, not this format, knows the meaning of an action.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::ssh::{self, SshKey, SshSigError};
use crate::vouched::Vouched;
use crate::{Digest, Id, Moment, Name, Place};

/// DSSE payload type of a request.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.request+json";
/// SSHSIG namespace of its signature.
pub const NAMESPACE: &str = "countersign-request@v1";
/// Longest validity of a request.
pub const VALIDITY_MAX: Duration = Duration::from_mins(10);
/// The person in a request for a session by someone who does not know their own id: the server finds them by their key.
pub const UNNAMED: Id = Id::from_random([0; 16]);
/// How far a sender's clock may be ahead.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_mins(2);

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// The person who signs.
    pub person: Id,
    /// Time of signing.
    pub issued: Moment,
    /// End of validity.
    pub expires: Moment,
    /// Random number. A nonce counts once for each person.
    pub nonce: Id,
    /// Name of the action, for instance `enrol`.
    pub action: Name,
    /// Arguments of the action.
    pub arguments: serde_json::Value,
}

/// Arguments of the action `advance`: an order about a rollout under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Digest of its plan.
    pub plan: Digest,
    /// The step that begins, or that is paused or goes on, counted from 1. The step after the last is the end.
    pub step: u8,
    /// The order; absent if the step begins.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "do")]
    pub order: Option<AdvanceDo>,
    /// The reason, for people; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An order about a step that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdvanceDo {
    /// The rollout does not widen until it is resumed.
    Pause,
    /// It goes on, and the step is watched anew.
    Resume,
}

/// Arguments of the action `preview-remove`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovePreview {
    /// The place of the preview.
    pub place: Place,
    /// Number of its statement.
    pub number: u64,
}

/// Errors of reading and verifying a request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The envelope is malformed.
    #[error("request: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature is invalid.
    #[error("request: {0}")]
    Signature(#[from] SshSigError),
    /// A rule of the format is broken.
    #[error("request: {0}")]
    Rule(&'static str),
}

impl Request {
    /// Encodes the request into an envelope without signatures.
    ///
    /// # Errors
    /// `RequestError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, RequestError> {
        self.check()?;
        Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("request", self)?))
    }

    /// Reads the payload without verifying signatures, in order to look up the person's keys.
    ///
    /// # Errors
    /// `RequestError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, RequestError> {
        let request: Self = canonical::decode("request", envelope.payload(PAYLOAD_TYPE)?, PAYLOAD_BYTES_MAX)?;
        request.check().map(|()| request)
    }

    /// Verifies installation, time and the signature of one of the person's sign-in keys, and returns that key.
    ///
    /// # Errors
    /// `RequestError` names the fault.
    pub fn verify<'a>(
        &self,
        envelope: &Envelope,
        installation: Id,
        sign_in: &[&'a SshKey],
        now: Moment,
    ) -> Result<&'a SshKey, RequestError> {
        self.verify_vouched(envelope, None, installation, sign_in, now)
    }

    /// Like [`Self::verify`], for a request whose signatures may have been verified before.
    ///
    /// # Errors
    /// `RequestError` names the fault.
    pub fn verify_vouched<'a>(
        &self,
        envelope: &Envelope,
        vouched: Option<&Vouched>,
        installation: Id,
        sign_in: &[&'a SshKey],
        now: Moment,
    ) -> Result<&'a SshKey, RequestError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(RequestError::Rule(text)) };
        rule(self.installation == installation, "it is for another installation")?;
        rule(self.issued <= now.later_by(CLOCK_SKEW_MAX), "it is from the future: check the clock")?;
        rule(now < self.expires, "it has expired: check the clock and send it again")?;
        let signers = match vouched.and_then(|vouched| vouched.signers(envelope, NAMESPACE, sign_in)) {
            Some(signers) => signers,
            None => ssh::signers(envelope, NAMESPACE, sign_in)?,
        };
        match signers.as_slice() {
            [key] => Ok(key),
            _ => Err(RequestError::Rule("it needs exactly one signature")),
        }
    }

    /// Digest that makes a repeated request count once.
    #[must_use]
    pub fn idempotency(&self) -> Digest {
        Digest::of(format!("countersign request {} {}", self.person, self.nonce).as_bytes())
    }

    fn check(&self) -> Result<(), RequestError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(RequestError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.issued < self.expires, "`expires` is not after `issued`")?;
        rule(self.expires <= self.issued.later_by(VALIDITY_MAX), "a request is valid for 10 minutes at most")
    }
}
