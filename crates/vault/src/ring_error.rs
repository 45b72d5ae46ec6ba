//! Errors of a key ring.

use evidence::canonical::CanonicalError;
use evidence::{Digest, Id};

use crate::binding::SecretVersion;
use crate::cipher::OpenError;
use crate::hpke::WrapError;
use crate::root_key::RootKeyError;

/// Errors of a key ring.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The ring is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The version of the format is unknown.
    #[error("key ring: version {0} is unknown; upgrade this program")]
    Unknown(u8),
    /// The ring is of another installation.
    #[error("the key ring is of installation {found}, not of {expected}")]
    Installation {
        /// Installation of the ring.
        found: Id,
        /// Installation expected.
        expected: Id,
    },
    /// Another root key opens the ring.
    #[error("root key {found} does not open the key ring: it needs root key {needed}")]
    Root {
        /// Identity of the key at hand.
        found: Digest,
        /// Identity of the key that the ring needs.
        needed: Digest,
    },
    /// The root key does not open the ring, or wraps nothing now.
    #[error("the ring's own key: {0}")]
    RootKey(#[from] RootKeyError),
    /// A part of the ring does not open.
    #[error("the key ring is damaged at {place}: {source}; restore it from a backup")]
    Damaged {
        /// Name of the part.
        place: String,
        /// Cause.
        source: OpenError,
    },
    /// The key that came with a value does not open it.
    #[error(
        "the key that came with {of} does not open it: {source}; it has to be wrapped to the vault's present \
         intake key"
    )]
    Intake {
        /// The version.
        of: SecretVersion,
        /// Cause.
        source: OpenError,
    },
    /// The ring has no key for this value.
    #[error("the vault has no key for sealed value {0}: it was destroyed, or it never was here")]
    Absent(Digest),
    /// The key cannot be wrapped.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// The intake pair is unusable.
    #[error("the vault's intake key could not be drawn")]
    Drawn,
    /// The key of a ring's part cannot be sealed.
    #[error("the key of sealed value {0} could not be sealed")]
    Seal(Digest),
}
