//! AES-256-GCM (<https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf>) with one purpose for each key.
//!
//! Invariant: what is sealed is bound to its associated data. A key seals few messages, so random nonces do not meet: a
//! value's key seals one, a ring's key at most `2^32` (section 8.3). A key's bytes are overwritten when it is dropped.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use evidence::Bytes;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Length of a key in bytes.
pub const KEY_BYTES: usize = 32;

/// Fills bytes with random ones.
pub type Draw<'a> = &'a mut dyn FnMut(&mut [u8]);

/// A key of AES-256.
pub struct Key(Box<Zeroizing<[u8; KEY_BYTES]>>);

/// Sealed bytes: a nonce, and the ciphertext with its tag at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The nonce, 12 bytes.
    pub nonce: Bytes,
    /// Ciphertext and tag.
    pub bytes: Bytes,
}

/// Sealed bytes do not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("it was sealed with another key, for something else, or it was changed since")]
pub struct OpenError;

impl Key {
    /// A key whose bytes this fills, with random ones. They stay where they are, so that no copy is left behind.
    pub fn filled(fill: impl FnOnce(&mut [u8])) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0; KEY_BYTES]));
        fill(&mut bytes[..]);
        Self(bytes)
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == KEY_BYTES).then(|| Self::filled(|key| key.copy_from_slice(bytes)))
    }

    /// Whether nothing filled it, as a source of randomness that failed.
    pub(crate) fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Seals bytes for a purpose.
    pub(crate) fn seal(&self, purpose: &str, draw: Draw<'_>, plain: &[u8]) -> Option<Sealed> {
        let mut nonce = [0; NONCE_LEN];
        draw(&mut nonce);
        let mut bytes = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
        bytes.extend_from_slice(plain);
        let key = self.key()?;
        let aad = Aad::from(purpose.as_bytes());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes).ok()?;
        Some(Sealed { nonce: Bytes(nonce.to_vec()), bytes: Bytes(bytes) })
    }

    /// Opens bytes that were sealed for this purpose.
    pub(crate) fn open(&self, purpose: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let nonce = Nonce::try_assume_unique_for_key(&sealed.nonce.0).map_err(|_| OpenError)?;
        let mut bytes = Zeroizing::new(sealed.bytes.0.clone());
        let key = self.key().ok_or(OpenError)?;
        let opened = key.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut bytes);
        let length = opened.map_err(|_| OpenError)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    fn key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.as_bytes()).ok().map(LessSafeKey::new)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}
