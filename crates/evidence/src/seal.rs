//! Seal keys: public keys to which secrets of one machine are encrypted, with HPKE
//! (<https://www.rfc-editor.org/rfc/rfc9180>) over X25519 (<https://www.rfc-editor.org/rfc/rfc7748>).
//!
//! Invariant: a seal key is written `x25519:` and 32 bytes in padded standard base64. The prefix keeps it apart from
//! the Ed25519 keys that sign. Points of small order are refused, because everybody knows what such a key would seal.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// Public key to which a machine's secrets are encrypted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SealKey([u8; 32]);

/// A key of AES-256 that was wrapped to the holder of a seal key (`docs/formats/sealed-value.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrappedKey {
    /// The encapsulated secret, 32 bytes.
    pub enc: Bytes,
    /// Ciphertext and tag, 48 bytes.
    pub bytes: Bytes,
}

/// The text is not a seal key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a seal key: expected `x25519:` and 32 bytes in standard base64, not of small order")]
pub struct SealKeyError(String);

impl SealKey {
    /// The 32 bytes (<https://www.rfc-editor.org/rfc/rfc7748#section-5>).
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        Self::from_bytes(bytes.try_into().ok()?)
    }

    /// The key with these bytes; `None` for a point of small order or a second spelling.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let [.., last] = bytes;
        let usable = last & 0x80 == 0 && !SMALL_ORDER.contains(&bytes);
        usable.then_some(Self(bytes))
    }
}

impl fmt::Display for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({self})")
    }
}

impl FromStr for SealKey {
    type Err = SealKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or_else(|| SealKeyError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for SealKey {
    type Error = SealKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SealKey> for String {
    fn from(key: SealKey) -> Self {
        key.to_string()
    }
}

impl WrappedKey {
    /// Whether both parts have their lengths.
    #[must_use]
    pub const fn is_sized(&self) -> bool {
        self.enc.0.len() == ENC_BYTES && self.bytes.0.len() == WRAPPED_BYTES
    }
}

const ENC_BYTES: usize = 32;
const WRAPPED_BYTES: usize = 48;
const PREFIX: &str = "x25519:";

const fn small(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// The points of small order and those that stand for them, little-endian: 0, 1, the two of order 8, p - 1, p, p + 1
/// (<https://cr.yp.to/ecdh.html#validate>). The top bit is no part of a coordinate, so a key has it clear.
const SMALL_ORDER: [[u8; 32]; 7] = [
    small(0, 0, 0),
    small(1, 0, 0),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    small(0xec, 0xff, 0x7f),
    small(0xed, 0xff, 0x7f),
    small(0xee, 0xff, 0x7f),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_key_has_one_spelling() {
        let key = SealKey([9; 32]);
        assert_eq!(key.to_string().parse(), Ok(key));
        let text = key.to_string();
        let bare = text.strip_prefix(PREFIX).unwrap();
        for bad in [bare, "", "x25519:", "ed25519:CQkJ", &text[..text.len() - 1], &format!("{text} ")] {
            assert!(bad.parse::<SealKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn attack_a_seal_key_that_everybody_can_open() {
        for bytes in SMALL_ORDER {
            let text = SealKey(bytes).to_string();
            assert!(text.parse::<SealKey>().is_err(), "{text}");
            let mut near = bytes;
            near[1] ^= 1;
            assert!(SealKey(near).to_string().parse::<SealKey>().is_ok(), "{text}");
            let mut high = near;
            high[31] |= 0x80;
            assert!(SealKey(high).to_string().parse::<SealKey>().is_err(), "a second spelling of {text}");
        }
    }
}
