//! One version of a secret as it is stored: its value, sealed under a key that seals nothing else. Format:
//! `docs/formats/sealed-value.md`.
//!
//! Invariant: installation, secret and number are part of what is sealed, so that no row can take another one's place. The
//! value's length is hidden up to a step, so that a short password does not show its length.

use evidence::canonical::{self, CanonicalError};
use evidence::{Digest, Id};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::binding::{Binding, SecretVersion};
use crate::cipher::{Draw, Key, OpenError, Sealed};

/// Most bytes of a value: 1 MiB.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// Most bytes of a sealed value: base64 of the largest value, and what is around it.
pub const SEALED_BYTES_MAX: usize = VALUE_BYTES_MAX / 3 * 4 + 4_096;

/// A sealed version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedValue {
    v: u8,
    /// The version.
    of: SecretVersion,
    /// The value.
    value: Sealed,
}

/// Errors of a value that is to be sealed, or of a sealed one that is read.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// The value is too long.
    #[error(
        "the value has {found} bytes, at most {VALUE_BYTES_MAX} are allowed; a secret is no place for files"
    )]
    Long {
        /// Its length in bytes.
        found: usize,
    },
    /// The sealed value is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The version of the format is unknown.
    #[error("sealed value: version {0} is unknown; upgrade this program")]
    Unknown(u8),
    /// The cryptographic library failed.
    #[error("the value could not be sealed")]
    Seal,
}

impl SealedValue {
    /// Seals a value under a fresh key, which seals nothing else.
    ///
    /// # Errors
    /// `ValueError` when the value is too long.
    pub fn seal(
        installation: Id,
        of: &SecretVersion,
        value: &[u8],
        draw: Draw<'_>,
    ) -> Result<(Self, Key), ValueError> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(ValueError::Long { found: value.len() });
        }
        let key = Key::filled(&mut *draw);
        if key.is_zero() {
            return Err(ValueError::Seal);
        }
        let value = key.seal(&purpose(installation, of), draw, &padded(value)).ok_or(ValueError::Seal)?;
        Ok((Self { v: VERSION, of: of.clone(), value }, key))
    }

    /// Opens the value.
    ///
    /// # Errors
    /// `OpenError` when the key is another one, the installation too, or anything was changed.
    pub fn open(&self, installation: Id, key: &Key) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut bytes = key.open(&purpose(installation, &self.of), &self.value)?;
        let end = bytes.iter().rposition(|byte| *byte != 0).ok_or(OpenError)?;
        if bytes.get(end) != Some(&END) {
            return Err(OpenError);
        }
        bytes.truncate(end);
        Ok(bytes)
    }

    /// The version that it says it is of.
    #[must_use]
    pub const fn of(&self) -> &SecretVersion {
        &self.of
    }

    /// The binding of its key, for work that it is lent to, or for nobody.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn binding(&self, installation: Id, lent: Option<Id>) -> Result<Binding, CanonicalError> {
        Ok(Binding { installation, lent, of: self.of.clone(), value: self.digest()? })
    }

    /// Its bytes in storage.
    ///
    /// # Errors
    /// `CanonicalError` when they cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("sealed value", self)
    }

    /// Digest of the bytes in storage. It tells nothing of the value.
    ///
    /// # Errors
    /// `CanonicalError` when they cannot be encoded.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        self.encode().map(|bytes| Digest::of(&bytes))
    }

    /// Reads bytes from storage.
    ///
    /// # Errors
    /// `ValueError` when they are malformed, or of an unknown version.
    pub fn decode(bytes: &[u8]) -> Result<Self, ValueError> {
        let read: Self = canonical::decode("sealed value", bytes, SEALED_BYTES_MAX)?;
        if read.v == VERSION { Ok(read) } else { Err(ValueError::Unknown(read.v)) }
    }
}

/// The value, a byte that ends it, and zeros up to the next step (ISO/IEC 7816-4).
fn padded(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = (value.len() + 1).next_multiple_of(STEP);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    bytes.extend_from_slice(value);
    bytes.push(END);
    bytes.resize(length, 0);
    bytes
}

fn purpose(installation: Id, of: &SecretVersion) -> String {
    format!("countersign-sealed-value@v1\n{installation}\n{}\n{}\n", of.secret, of.number)
}

const VERSION: u8 = 1;
/// Lengths of values are hidden within this many bytes.
const STEP: usize = 64;
/// Ends a value before its padding.
const END: u8 = 0x80;
