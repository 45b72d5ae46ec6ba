//! The operations of a store of secrets, of every make.

use crate::answer::{Credentials, Fields, KvValue, KvVersion, Lease};
use crate::error::StoreError;
use crate::path::StorePath;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

/// A store of secrets. Each call asks it once and waits, up to a bound.
pub trait Store {
    /// A secret, in its newest or a named version.
    ///
    /// # Errors
    /// `StoreError::Absent` if nothing is there, or the version was deleted or destroyed.
    fn read(&self, mount: &StorePath, path: &StorePath, version: Option<u64>) -> Result<KvValue, StoreError>;

    /// Writes a new version, if the newest one has this number (0: nothing is there), and returns its number.
    ///
    /// # Errors
    /// `StoreError::Conflict` if it has another number.
    fn write(
        &self,
        mount: &StorePath,
        path: &StorePath,
        fields: &Fields,
        newest: u64,
    ) -> Result<u64, StoreError>;

    /// The versions by number.
    ///
    /// # Errors
    /// `StoreError` if nothing is there.
    fn versions(&self, mount: &StorePath, path: &StorePath) -> Result<BTreeMap<u64, KvVersion>, StoreError>;

    /// Destroys versions for good.
    ///
    /// # Errors
    /// `StoreError` if the store refuses.
    fn destroy(&self, mount: &StorePath, path: &StorePath, versions: &[u64]) -> Result<(), StoreError>;

    /// Credentials of a database that are made for the caller.
    ///
    /// # Errors
    /// `StoreError` if the store makes none.
    fn credentials(&self, mount: &StorePath, role: &StorePath) -> Result<Credentials, StoreError>;

    /// Renews a lease for so many seconds, or fewer if the store says so.
    ///
    /// # Errors
    /// `StoreError` if it has ended or cannot be renewed.
    fn renew(&self, lease: &Lease, seconds: u64) -> Result<Lease, StoreError>;

    /// Revokes another session by its accessor, and with it all that was lent to it.
    ///
    /// # Errors
    /// `StoreError` if the store refuses, or has no such session any more.
    fn revoke(&self, accessor: &str) -> Result<(), StoreError>;

    /// Gives a lease back. When this returns, what was lent is gone.
    ///
    /// # Errors
    /// `StoreError` if the store could not end it; then it ends by itself.
    fn give_back(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Encrypts bytes under a key that never leaves the store. `context` has to be the same at decryption.
    ///
    /// # Errors
    /// `StoreError` if the store refuses.
    fn encrypt(
        &self,
        mount: &StorePath,
        key: &StorePath,
        bytes: &[u8],
        context: &[u8],
    ) -> Result<String, StoreError>;

    /// Decrypts what `encrypt` returned.
    ///
    /// # Errors
    /// `StoreError` if it is of another key or context, or was changed.
    fn decrypt(
        &self,
        mount: &StorePath,
        key: &StorePath,
        sealed: &str,
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError>;
}
