//! Signed requests: what a person asks of the server, kept as evidence. Format: `docs/formats/request.md`.
//!
//! Invariant: signed by exactly one sign-in key of the person's enrolment, for this installation, valid for
//! minutes, with a nonce that makes it count once. What the action means is the product's to know, not this
//! format's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::ssh::{self, SshKey, SshSigError};
use crate::vouched::Vouched;
use crate::{Digest, Id, Moment, Name};

/// DSSE payload type of a request.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.request+json";
/// SSHSIG namespace of its signature.
pub const NAMESPACE: &str = "countersign-request@v1";
/// Longest that a request may be valid.
pub const VALIDITY_MAX: Duration = Duration::from_mins(10);
/// How far a sender's clock may run ahead.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_mins(2);

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// Who asks.
    pub person: Id,
    /// When it was signed.
    pub issued: Moment,
    /// When it ends.
    pub expires: Moment,
    /// Random; the same nonce of the same person counts once.
    pub nonce: Id,
    /// What is asked, for instance `enrol`.
    pub action: Name,
    /// Arguments of the action.
    pub arguments: serde_json::Value,
}

/// Why a request is not one, or does not count.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The envelope is malformed.
    #[error("request: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature does not count.
    #[error("request: {0}")]
    Signature(#[from] SshSigError),
    /// A rule of the format is broken.
    #[error("request: {0}")]
    Rule(&'static str),
}

impl Request {
    /// An envelope without signatures.
    ///
    /// # Errors
    /// `RequestError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, RequestError> {
        self.check()?;
        Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("request", self)?))
    }

    /// Reads the payload without looking at signatures; needed to find whose keys count.
    ///
    /// # Errors
    /// `RequestError` names what is wrong.
    pub fn read(envelope: &Envelope) -> Result<Self, RequestError> {
        let request: Self = canonical::decode("request", envelope.payload(PAYLOAD_TYPE)?, PAYLOAD_BYTES_MAX)?;
        request.check().map(|()| request)
    }

    /// Checks installation, time and signature by one of the person's sign-in keys; answers that key.
    ///
    /// # Errors
    /// `RequestError` names what is wrong.
    pub fn verify<'a>(
        &self,
        envelope: &Envelope,
        installation: Id,
        sign_in: &[&'a SshKey],
        now: Moment,
    ) -> Result<&'a SshKey, RequestError> {
        self.verify_vouched(envelope, None, installation, sign_in, now)
    }

    /// The same, where the signatures may have been looked at before.
    ///
    /// # Errors
    /// `RequestError` names what is wrong.
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

    /// Digest under which the request counts once.
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
