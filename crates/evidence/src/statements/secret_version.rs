//! One version of a secret of a place: the digest of its sealed value, and the value's key, wrapped to each agent.
//!
//! Invariant: it names the ciphertext and never the value, so that nobody can try values against it. The server cannot make
//! one: it has no person's key. To open one takes the private half of a seal key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::seal::{SealKey, WrappedKey};
use crate::{Digest, Name};

/// Highest number of seal keys to which one value is wrapped.
pub const SEAL_KEYS_MAX: usize = 64;

/// A version of a secret of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretVersion {
    /// Name of the secret at its place.
    pub secret: Name,
    /// Number of the version, from 1. It rises with each version, and none is used twice.
    pub number: u32,
    /// Digest of the sealed value.
    pub value: Digest,
    /// The key of the value, wrapped to each seal key that may open it.
    pub keys: BTreeMap<SealKey, WrappedKey>,
}

impl SecretVersion {
    /// A broken rule of the form. `subjects` are those of its statement.
    #[must_use]
    pub(super) fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        let faults = [
            (subjects == [self.value], "it has one subject, the sealed value"),
            (self.number >= 1, "its number starts at 1"),
            ((1..=SEAL_KEYS_MAX).contains(&self.keys.len()), "its value is wrapped to 1 to 64 seal keys"),
            (
                self.keys.values().all(WrappedKey::is_sized),
                "a wrapped key has another length than 32 and 48 bytes",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }
}
