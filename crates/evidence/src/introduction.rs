//! Introductions: signed statements by which a server proves its identity to clients, and each answer proves its
//! origin. Format: `docs/formats/introduction.md`.
//!
//! Invariant: the ledger's key vouches for a key that the server process has drawn, for one URL and one day. That key
//! signs only answers, each over a nonce of the client. An introduction decides nothing and is not stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError};
use crate::machine::{MachineKey, MachineKeyError, MachineSigner};
use crate::request::CLOCK_SKEW_MAX;
use crate::{Digest, Id, Moment};

/// DSSE payload type of an introduction.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.introduction+json";
/// Largest introduction in bytes.
pub const BYTES_MAX: usize = 4 * 1024;
/// Validity of an introduction.
pub const VALIDITY: Duration = Duration::from_hours(24);

/// An introduction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introduction {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// URL of the server.
    pub url: String,
    /// Key with which the server signs its answers until it stops.
    pub key: MachineKey,
    /// Time of signing.
    pub issued: Moment,
    /// End of validity.
    pub expires: Moment,
}

/// Errors of reading and verifying an introduction.
#[derive(Debug, thiserror::Error)]
pub enum IntroductionError {
    /// The envelope is malformed.
    #[error("introduction: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature is invalid.
    #[error("introduction: {0}")]
    Signature(#[from] MachineKeyError),
    /// A rule of the format is broken.
    #[error("introduction: {0}")]
    Rule(String),
}

impl Introduction {
    /// Signs the introduction with the ledger's key.
    ///
    /// # Errors
    /// `IntroductionError` when it cannot be encoded, or the key did not sign.
    pub fn sign(&self, ledger: &MachineSigner) -> Result<Envelope, IntroductionError> {
        let mut envelope = Envelope::new(PAYLOAD_TYPE, canonical::encode("introduction", self)?);
        ledger.sign(&mut envelope)?;
        Ok(envelope)
    }

    /// Reads an introduction and verifies the ledger's signature, the installation and the time.
    ///
    /// # Errors
    /// `IntroductionError` names the fault.
    pub fn open(
        envelope: &Envelope,
        ledger: &MachineKey,
        installation: Id,
        now: Moment,
    ) -> Result<Self, IntroductionError> {
        ledger.verify(envelope)?;
        let said: Self = canonical::decode("introduction", envelope.payload(PAYLOAD_TYPE)?, BYTES_MAX)?;
        let rule = |holds: bool, text: &str| {
            if holds { Ok(()) } else { Err(IntroductionError::Rule(text.to_owned())) }
        };
        rule(said.v == 1, "`v` is not 1")?;
        rule(said.installation == installation, "it is of another installation")?;
        rule(said.issued <= now.later_by(CLOCK_SKEW_MAX), "it is from the future: check the clock")?;
        rule(now <= said.expires, "it has expired: check the clock")?;
        rule(said.expires <= said.issued.later_by(VALIDITY), "it counts for more than a day")?;
        Ok(said)
    }

    /// Checks that the introduction is for the server at `url`.
    ///
    /// # Errors
    /// `IntroductionError` when it is for another URL: then the answering server has only passed it on.
    pub fn is_of(&self, url: &str) -> Result<(), IntroductionError> {
        if self.url == url {
            return Ok(());
        }
        let what =
            format!("it is of a server at {}, and this one was asked at {url}; use the same URL", self.url);
        Err(IntroductionError::Rule(what))
    }
}

/// One answer of a server, identified well enough to tell it from every other.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Nonce that the client drew for this one question.
    pub nonce: Id,
    /// Method, path and query of the question, for instance `GET /api/v1/runs?begins=4`.
    pub asked: &'a str,
    /// HTTP status.
    pub status: u16,
    /// Digest of the body. `None` if the body is sent in pieces and the client knows its digest.
    pub body: Option<Digest>,
}

impl Answer<'_> {
    /// The header value that proves the origin of an answer.
    ///
    /// # Errors
    /// `MachineKeyError` when the key did not sign.
    pub fn header(&self, key: &MachineSigner) -> Result<String, MachineKeyError> {
        Ok(format!("{} {}", self.body_word(), key.sign_text(&self.text())?))
    }

    /// Reads such a header value. Returns the digest that it states if this key signed it for this question and status.
    #[must_use]
    pub fn stated(nonce: Id, asked: &str, status: u16, header: &str, key: &MachineKey) -> Option<Stated> {
        let (word, signature) = header.split_once(' ')?;
        let body = match word {
            PIECES => None,
            digest => Some(digest.parse().ok()?),
        };
        let answer = Answer { nonce, asked, status, body };
        key.has_signed_text(&answer.text(), signature).then_some(Stated(body))
    }

    fn body_word(&self) -> String {
        self.body.map_or_else(|| PIECES.to_owned(), |digest| digest.to_string())
    }

    fn text(&self) -> String {
        let Self { nonce, asked, status, .. } = self;
        format!("countersign answer v1\n{nonce}\n{asked}\n{status}\n{}\n", self.body_word())
    }
}

/// A server's signed statement of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated(pub Option<Digest>);

const PIECES: &str = "pieces";
