//! Introductions: how a server shows that it is the one that its clients mean, and how each of its answers shows that
//! it is by that server. Format: `docs/formats/introduction.md`.
//!
//! Invariant: the ledger's key vouches for a key that the server's process has drawn, for one URL and for a day; that
//! key signs answers and nothing else, each over the asker's own nonce. An introduction decides nothing, and is not kept.

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
/// How long one counts.
pub const VALIDITY: Duration = Duration::from_hours(24);

/// An introduction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introduction {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// Where the server listens.
    pub url: String,
    /// By which key it signs its answers for as long as it runs.
    pub key: MachineKey,
    /// When this was made.
    pub issued: Moment,
    /// Until when it counts.
    pub expires: Moment,
}

/// Why an introduction does not count.
#[derive(Debug, thiserror::Error)]
pub enum IntroductionError {
    /// The envelope is malformed.
    #[error("introduction: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature does not count.
    #[error("introduction: {0}")]
    Signature(#[from] MachineKeyError),
    /// A rule of the format is broken.
    #[error("introduction: {0}")]
    Rule(String),
}

impl Introduction {
    /// Signs it with the ledger's key.
    ///
    /// # Errors
    /// `IntroductionError` when it cannot be encoded, or the key did not sign.
    pub fn sign(&self, ledger: &MachineSigner) -> Result<Envelope, IntroductionError> {
        let mut envelope = Envelope::new(PAYLOAD_TYPE, canonical::encode("introduction", self)?);
        ledger.sign(&mut envelope)?;
        Ok(envelope)
    }

    /// Checks an introduction: by the ledger's key, of this installation, now.
    ///
    /// # Errors
    /// `IntroductionError` names what is wrong.
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

    /// Whether it introduces a server to somebody who asked at `url`.
    ///
    /// # Errors
    /// `IntroductionError` when it is for a server elsewhere: whoever answered has passed it on.
    pub fn is_of(&self, url: &str) -> Result<(), IntroductionError> {
        if self.url == url {
            return Ok(());
        }
        let what =
            format!("it is of a server at {}, and this one was asked at {url}; use the same URL", self.url);
        Err(IntroductionError::Rule(what))
    }
}

/// What a server says of one answer: enough to tell it from every other.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Drawn by whoever asked, for this question alone.
    pub nonce: Id,
    /// Method, path and query of the question, for instance `GET /api/v1/runs?begins=4`.
    pub asked: &'a str,
    /// HTTP status.
    pub status: u16,
    /// Digest of the body; `None` of one that is sent in pieces, whose digest the asker knows.
    pub body: Option<Digest>,
}

impl Answer<'_> {
    /// The value of the header that shows by whom an answer is.
    ///
    /// # Errors
    /// `MachineKeyError` when the key did not sign.
    pub fn header(&self, key: &MachineSigner) -> Result<String, MachineKeyError> {
        Ok(format!("{} {}", self.body_word(), key.sign_text(&self.text())?))
    }

    /// Reads such a header: the digest that it states, if it is signed by this key for this question and status.
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

/// What a server has signed of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated(pub Option<Digest>);

const PIECES: &str = "pieces";
