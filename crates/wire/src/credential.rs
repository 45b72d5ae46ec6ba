//! Credentials: the part of a request's header that shows its sender, before any byte of the body is read.
//!
//! Invariant: this file only parses; the server verifies the signature or session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::dsse::{Envelope, EnvelopeError};

/// A credential, as carried by the header `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A machine's claim (`docs/formats/claim.md`).
    Claim(Envelope),
    /// A person's signed request (`docs/formats/request.md`).
    Request(Envelope),
    /// The token of a session.
    Token(String),
}

impl Credential {
    /// Parses the value of an `Authorization` header; `None` if it is not one of these credentials.
    #[must_use]
    pub fn read(header: &str) -> Option<Self> {
        let (scheme, value) = header.split_once(' ')?;
        let value = value.trim();
        let envelope = || Envelope::decode(&STANDARD.decode(value).ok()?).ok();
        match scheme {
            CLAIM => envelope().map(Self::Claim),
            REQUEST => envelope().map(Self::Request),
            BEARER => Some(Self::Token(value.to_owned())),
            _ => None,
        }
    }

    /// The value of an `Authorization` header.
    ///
    /// # Errors
    /// `EnvelopeError` if the envelope cannot be encoded.
    pub fn header(&self) -> Result<String, EnvelopeError> {
        Ok(match self {
            Self::Claim(envelope) => format!("{CLAIM} {}", STANDARD.encode(envelope.encode()?)),
            Self::Request(envelope) => format!("{REQUEST} {}", STANDARD.encode(envelope.encode()?)),
            Self::Token(token) => format!("{BEARER} {token}"),
        })
    }
}

const CLAIM: &str = "Countersign";
const REQUEST: &str = "Countersign-Request";
const BEARER: &str = "Bearer";
