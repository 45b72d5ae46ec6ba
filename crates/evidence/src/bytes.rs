//! Bytes inside canonical JSON, in padded standard base64 (<https://www.rfc-editor.org/rfc/rfc4648#section-4>).
//!
//! Invariant: one spelling. Text that decodes but would be encoded differently is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes inside a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub Vec<u8>);

/// The text is not padded standard base64 in its one spelling.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not padded standard base64")]
pub struct BytesError;

impl TryFrom<String> for Bytes {
    type Error = BytesError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(Self).map_err(|_| BytesError)
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        STANDARD.encode(bytes.0)
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
