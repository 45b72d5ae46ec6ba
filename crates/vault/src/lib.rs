//! Values of secrets, sealed: each under a key that seals nothing else, and that key wrapped to those who may open it.
//! Formats: `docs/formats/sealed-value.md`, `docs/formats/key-ring.md`.
//!
//! Invariant: a value opens only as the version of the secret that it was sealed for, in its own installation. Without the
//! root key no ring opens. A version that was destroyed opens from no ring that is written afterwards. Random bytes come
//! from the caller, but for those of HPKE. The crate does not decide about rights, numbers or ends: the domain does.

mod binding;
mod cipher;
mod hpke;
mod key_line;
mod ring;
mod ring_error;
mod root_key;
mod sealed;

pub use binding::{Binding, Secret, SecretVersion};
pub use cipher::{Draw, KEY_BYTES, Key, OpenError, Sealed};
pub use evidence::seal::WrappedKey;
pub use hpke::{SealSecret, SealSecretError, WrapError};
pub use ring::{KeyRing, RING_BYTES_MAX};
pub use ring_error::RingError;
pub use root_key::{FileKey, FileKeyError, RootKey, RootKeyError};
pub use sealed::{SEALED_BYTES_MAX, SealedValue, VALUE_BYTES_MAX, ValueError};
