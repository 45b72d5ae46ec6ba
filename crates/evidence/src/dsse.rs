//! DSSE envelopes (secure-systems-lab/dsse, protocol and envelope v1.0).
//!
//! Invariant: signatures are checked over the payload bytes as received; which key and which algorithm
//! counts comes from the caller, the envelope's `keyid` only finds it. Ours have one encoding: canonical
//! JSON, padded standard base64, signatures sorted by key id, one for each.

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
/// Most signatures in one envelope.
pub const SIGNATURES_MAX: usize = 64;

/// A payload with its type and signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// One signature: bytes, and a hint which key made them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// Hint that finds the key; empty when the envelope has none.
    pub keyid: String,
    /// Signature bytes, in whatever form the key's algorithm gives them.
    pub sig: Vec<u8>,
}

/// Why some bytes are not an envelope that can be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not canonical JSON of an envelope.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Not JSON of an envelope.
    #[error("envelope: {0}")]
    Json(#[from] serde_json::Error),
    /// A field is not base64.
    #[error("envelope: field `{0}` is not base64")]
    Base64(&'static str),
    /// No signature, too many, out of order, or two by one key.
    #[error(
        "envelope: between 1 and {SIGNATURES_MAX} signatures are needed, sorted by key id, one for each key"
    )]
    Signatures,
    /// The payload is larger than allowed.
    #[error("envelope: the payload has more than {PAYLOAD_BYTES_MAX} bytes")]
    Long,
    /// Another kind of payload than asked for.
    #[error("envelope: the payload is of type `{found}`, expected `{expected}`")]
    Type {
        /// Type asked for.
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
    /// Makes an envelope without signatures.
    #[must_use]
    pub fn new(payload_type: &str, payload: Vec<u8>) -> Self {
        Self { payload_type: payload_type.to_owned(), payload, signatures: Vec::new() }
    }

    /// Parses one of ours: canonical, signatures sorted and unique.
    ///
    /// # Errors
    /// `EnvelopeError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        Ok(canonical::decode("envelope", bytes, ENVELOPE_BYTES_MAX)?)
    }

    /// Parses anybody's: any JSON spacing and either base64 alphabet, as the protocol demands.
    ///
    /// # Errors
    /// `EnvelopeError` names what is wrong.
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

    /// The canonical bytes of the envelope.
    ///
    /// # Errors
    /// `EnvelopeError::Signatures` when nobody has signed yet.
    pub fn encode(&self) -> Result<Vec<u8>, EnvelopeError> {
        if self.signatures.is_empty() {
            return Err(EnvelopeError::Signatures);
        }
        Ok(canonical::encode("envelope", self)?)
    }

    /// Digest of the payload: it names what was said, whoever has signed it so far.
    #[must_use]
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// The payload, if it is of the type asked for.
    ///
    /// # Errors
    /// `EnvelopeError::Type` when it is another.
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

    /// The signatures, none of them verified.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The bytes that a signer signs (PAE).
    #[must_use]
    pub fn pae(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// Adds a signature, or replaces the one of the same key.
    pub fn add(&mut self, signature: Signature) {
        self.signatures.retain(|other| other.keyid != signature.keyid);
        self.signatures.push(signature);
        self.signatures.sort();
    }
}

impl TryFrom<Wire> for Envelope {
    type Error = EnvelopeError;

    /// What stands inside other canonical documents follows the same strict rules as `decode`.
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

/// Pre-authentication encoding (DSSE protocol, "Signature Definition").
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
