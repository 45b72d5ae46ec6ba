//! The root key, which opens key rings. It lies in a file, or in a device that wraps without showing it.
//!
//! Invariant: a ring names the root key by an identity that tells nothing of the key, so a wrong one is named as such.

use std::fmt;
use std::str::FromStr;

use evidence::Digest;
use zeroize::Zeroizing;

use crate::cipher::{Draw, Key, OpenError, Sealed};
use crate::key_line;

/// A key that wraps others.
pub trait RootKey: fmt::Debug + Send + Sync {
    /// Its identity.
    fn id(&self) -> Digest;

    /// Wraps bytes for a purpose.
    ///
    /// # Errors
    /// `RootKeyError` if the device cannot now.
    fn wrap(&self, purpose: &str, draw: Draw<'_>, plain: &[u8]) -> Result<Sealed, RootKeyError>;

    /// Unwraps bytes that were wrapped for this purpose.
    ///
    /// # Errors
    /// `RootKeyError` if they were not, or the device cannot now.
    fn unwrap(&self, purpose: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, RootKeyError>;
}

/// A root key does not wrap or unwrap.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The bytes are not of this key or purpose.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The cryptographic library failed.
    #[error("the root key does not wrap the ring's key now")]
    Wrap,
    /// The device failed.
    #[error("the device of the root key failed: {0}")]
    Device(String),
}

/// A root key in a file: one line, a word that says what it is, and 32 bytes in base64.
#[derive(Debug)]
pub struct FileKey(Key);

/// The text is not a root key. It is not shown, since it may be one nearly.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the file has no root key: expected one line, `{WORD}` and 32 bytes in standard base64")]
pub struct FileKeyError;

impl FileKey {
    /// A key whose bytes this fills, with random ones.
    pub fn filled(fill: impl FnOnce(&mut [u8])) -> Self {
        Self(Key::filled(fill))
    }

    /// The line for the file. It is secret.
    #[must_use]
    pub fn line(&self) -> Zeroizing<String> {
        key_line::write(WORD, &self.0)
    }
}

impl FromStr for FileKey {
    type Err = FileKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        key_line::read(WORD, text).map(Self).ok_or(FileKeyError)
    }
}

impl RootKey for FileKey {
    fn id(&self) -> Digest {
        let mut bytes = Zeroizing::new(Vec::with_capacity(ID.len() + crate::KEY_BYTES));
        bytes.extend_from_slice(ID.as_bytes());
        bytes.extend_from_slice(self.0.as_bytes());
        Digest::of(&bytes)
    }

    fn wrap(&self, purpose: &str, draw: Draw<'_>, plain: &[u8]) -> Result<Sealed, RootKeyError> {
        self.0.seal(purpose, draw, plain).ok_or(RootKeyError::Wrap)
    }

    fn unwrap(&self, purpose: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, RootKeyError> {
        Ok(self.0.open(purpose, sealed)?)
    }
}

const WORD: &str = "countersign-root-key@v1";
const ID: &str = "countersign-root-key@v1\n";
