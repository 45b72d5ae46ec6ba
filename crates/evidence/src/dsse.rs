//! DSSE envelopes v1.0 (<https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md>).
//!
//! Invariant: signatures are verified over the payload bytes as received. The caller decides which key and algorithm
//! count; the envelope's `keyid` only helps to find the key. Our own envelopes have one encoding: canonical JSON,
//! padded standard base64, signatures sorted by key id, and one signature for each key.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};

/// Largest payload of an envelope, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 512 * 1024;
/// Largest envelope, in bytes.
pub const ENVELOPE_BYTES_MAX: usize = 1024 * 1024;
/// Highest number of signatures in one envelope.
pub const SIGNATURES_MAX: usize = 64;

/// A payload with its type and signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// One signature with a hint at the key that made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// Hint at the key; empty if the envelope has none.
    pub keyid: String,
    /// Signature bytes, in the form of the key's algorithm.
    pub sig: Vec<u8>,
}

/// Errors of reading an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The bytes are not the canonical JSON of an envelope.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The bytes are not the JSON of an envelope.
    #[error("envelope: {0}")]
    Json(#[from] serde_json::Error),
    /// A field is not base64.
    #[error("envelope: field `{0}` is not base64")]
    Base64(&'static str),
    /// The signatures are missing, too many, out of order, or two of them are by one key.
    #[error(
        "envelope: between 1 and {SIGNATURES_MAX} signatures are needed, sorted by key id, one for each key"
    )]
    Signatures,
    /// The payload is larger than allowed.
    #[error("envelope: the payload has more than {PAYLOAD_BYTES_MAX} bytes")]
    Long,
    /// The payload has another type than expected.
    #[error("envelope: the payload is of type `{found}`, expected `{expected}`")]
    Type {
        /// Type expected.
        expected: String,
        /// Type found.
        found: String,
    },
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    payload: String,
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Creates an envelope without signatures.
    #[must_use]
    pub fn new(payload_type: &str, payload: Vec<u8>) -> Self {
        Self { payload_type: payload_type.to_owned(), payload, signatures: Vec::new() }
    }

    /// Parses an envelope of countersign: canonical, signatures sorted and unique.
    ///
    /// # Errors
    /// `EnvelopeError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        Ok(canonical::decode("envelope", bytes, ENVELOPE_BYTES_MAX)?)
    }

    /// Parses an envelope of any program: with any JSON spacing and either base64 alphabet, as the protocol demands
    /// (<https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md#standard-json-envelope>).
    ///
    /// # Errors
    /// `EnvelopeError` names the fault.
    pub fn decode_foreign(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::Long);
        }
        Self::from_wire(serde_json::from_slice(bytes)?, &[EITHER, EITHER_URL])
    }

    fn from_wire(wire: Wire, engines: &[GeneralPurpose]) -> Result<Self, EnvelopeError> {
        let decode = |field, text: &str| {
            let decoded = engines.iter().find_map(|engine| engine.decode(text).ok());
            decoded.ok_or(EnvelopeError::Base64(field))
        };
        if wire.signatures.is_empty() || wire.signatures.len() > SIGNATURES_MAX {
            return Err(EnvelopeError::Signatures);
        }
        let payload = decode("payload", &wire.payload)?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(EnvelopeError::Long);
        }
        let signatures = wire
            .signatures
            .into_iter()
            .map(|signature| Ok(Signature { sig: decode("sig", &signature.sig)?, keyid: signature.keyid }));
        let signatures = signatures.collect::<Result<_, EnvelopeError>>()?;
        Ok(Self { payload_type: wire.payload_type, payload, signatures })
    }

    /// Encodes the envelope into its canonical bytes.
    ///
    /// # Errors
    /// `EnvelopeError::Signatures` before the first signature.
    pub fn encode(&self) -> Result<Vec<u8>, EnvelopeError> {
        if self.signatures.is_empty() {
            return Err(EnvelopeError::Signatures);
        }
        Ok(canonical::encode("envelope", self)?)
    }

    /// Whether the payload is of a type. It says nothing about the payload itself.
    #[must_use]
    pub fn is_of(&self, payload_type: &str) -> bool {
        self.payload_type == payload_type
    }

    /// Digest of the payload. It names the statement independently of its signatures.
    #[must_use]
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// The payload, if it has the expected type.
    ///
    /// # Errors
    /// `EnvelopeError::Type` if it has another type.
    pub fn payload(&self, expected: &str) -> Result<&[u8], EnvelopeError> {
        if self.payload_type == expected {
            return Ok(&self.payload);
        }
        Err(EnvelopeError::Type { expected: expected.to_owned(), found: self.payload_type.clone() })
    }

    /// Type of the payload.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The signatures. None of them is verified.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The bytes that a signer signs, see [`pae`].
    #[must_use]
    pub fn pae(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// Adds a signature. It replaces an older one of the same key.
    pub fn add(&mut self, signature: Signature) {
        self.signatures.retain(|other| other.keyid != signature.keyid);
        self.signatures.push(signature);
        self.signatures.sort();
    }
}

impl TryFrom<Wire> for Envelope {
    type Error = EnvelopeError;

    /// Envelopes inside other canonical documents follow the same strict rules as `decode`.
    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let envelope = Self::from_wire(wire, &[STANDARD])?;
        let sorted = envelope.signatures.is_sorted_by(|a, b| a.keyid < b.keyid);
        if sorted { Ok(envelope) } else { Err(EnvelopeError::Signatures) }
    }
}

impl From<Envelope> for Wire {
    fn from(envelope: Envelope) -> Self {
        let sign = |signature: Signature| WireSignature {
            keyid: signature.keyid,
            sig: STANDARD.encode(&signature.sig),
        };
        Self {
            payload: STANDARD.encode(&envelope.payload),
            payload_type: envelope.payload_type,
            signatures: envelope.signatures.into_iter().map(sign).collect(),
        }
    }
}

/// Pre-authentication encoding
/// (<https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md#signature-definition>).
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const EITHER: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const EITHER_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
