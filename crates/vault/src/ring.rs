//! The key ring: the keys of all living values, wrapped under the ring's key, which the root key wraps, and the pair to
//! which people wrap the keys of new values. Format: `docs/formats/key-ring.md`.
//!
//! Invariant: each ring that is written after a value was destroyed has another ring key and another intake pair, so what an
//! older ring, or a request of that time, leaves on a disk opens nothing without the older ring. A copy of the older ring *and*
//! the root key open what was destroyed since: a new root key ends that.

use std::collections::{BTreeMap, BTreeSet};

use evidence::canonical::{self, CanonicalError};
use evidence::seal::{SealKey, WrappedKey};
use evidence::{Digest, Id, Moment};
use serde::{Deserialize, Serialize};

use crate::binding::Binding;
use crate::cipher::{Draw, Key, OpenError, Sealed};
use crate::hpke::SealSecret;
use crate::ring_error::RingError;
use crate::root_key::RootKey;
use crate::sealed::SealedValue;

/// Most bytes of a ring: about 100,000 values.
pub const RING_BYTES_MAX: usize = 32 << 20;

/// An open ring.
#[derive(Debug)]
pub struct KeyRing {
    installation: Id,
    key: Key,
    intake: SealSecret,
    /// The public key of the intake pair.
    open_to: SealKey,
    keys: BTreeMap<Digest, Held>,
}

/// The key of a value.
#[derive(Debug)]
struct Held {
    since: Moment,
    key: Key,
}

/// A ring in storage.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRing {
    v: u8,
    installation: Id,
    /// Identity of the root key.
    root: Digest,
    /// The ring's key, under the root key.
    key: Sealed,
    /// The intake pair's private key, under the ring's key.
    intake: Sealed,
    /// Keys of values, under the ring's key.
    keys: BTreeMap<Digest, StoredKey>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    since: Moment,
    key: Sealed,
}

impl KeyRing {
    /// A ring without keys.
    ///
    /// # Errors
    /// `RingError::Drawn` when the random bytes make no pair.
    pub fn empty(installation: Id, draw: Draw<'_>) -> Result<Self, RingError> {
        let (key, intake, open_to) = fresh(draw)?;
        Ok(Self { installation, key, intake, open_to, keys: BTreeMap::new() })
    }

    /// Opens a ring from storage.
    ///
    /// # Errors
    /// `RingError` when it is malformed, of another installation, of another root key, or damaged.
    pub fn open(bytes: &[u8], installation: Id, root: &dyn RootKey) -> Result<Self, RingError> {
        let stored: StoredRing = canonical::decode("key ring", bytes, RING_BYTES_MAX)?;
        if stored.v != VERSION {
            return Err(RingError::Unknown(stored.v));
        }
        if stored.installation != installation {
            return Err(RingError::Installation { found: stored.installation, expected: installation });
        }
        if stored.root != root.id() {
            return Err(RingError::Root { found: root.id(), needed: stored.root });
        }
        let damaged = |place: String| move |source| RingError::Damaged { place, source };
        let key = root.unwrap(&ring_purpose(installation), &stored.key)?;
        let key = Key::from_slice(&key).ok_or(OpenError).map_err(damaged("its own key".into()))?;
        let intake = key.open(&intake_purpose(installation), &stored.intake);
        let intake = intake.and_then(|bytes| SealSecret::from_slice(&bytes).ok_or(OpenError));
        let intake = intake.map_err(damaged("its intake key".into()))?;
        let open_to = intake.public().map_err(|_| RingError::Drawn)?;
        let mut keys = BTreeMap::new();
        for (value, StoredKey { since, key: sealed }) in stored.keys {
            let opened = key.open(&key_purpose(installation, &value, since), &sealed);
            let opened = opened.and_then(|bytes| Key::from_slice(&bytes).ok_or(OpenError));
            let opened = opened.map_err(damaged(format!("sealed value {value}")))?;
            keys.insert(value, Held { since, key: opened });
        }
        Ok(Self { installation, key, intake, open_to, keys })
    }

    /// The ring's bytes for storage, under a root key.
    ///
    /// # Errors
    /// `RingError` when the root key does not wrap, or the ring is too large.
    pub fn encode(&self, root: &dyn RootKey, draw: Draw<'_>) -> Result<Vec<u8>, RingError> {
        let Self { installation, .. } = *self;
        let key = root.wrap(&ring_purpose(installation), draw, self.key.as_bytes())?;
        let intake = self.key.seal(&intake_purpose(installation), draw, self.intake.as_bytes());
        let intake = intake.ok_or(RingError::Drawn)?;
        let mut keys = BTreeMap::new();
        for (value, Held { since, key }) in &self.keys {
            let sealed = self.key.seal(&key_purpose(installation, value, *since), draw, key.as_bytes());
            let key = sealed.ok_or(RingError::Seal(*value))?;
            keys.insert(*value, StoredKey { since: *since, key });
        }
        let stored = StoredRing { v: VERSION, installation, root: root.id(), key, intake, keys };
        let bytes = canonical::encode("key ring", &stored)?;
        let (found, max) = (bytes.len(), RING_BYTES_MAX);
        if found > max {
            return Err(CanonicalError::Long { what: "key ring", found, max }.into());
        }
        Ok(bytes)
    }

    /// The key to which the keys of new values are wrapped.
    #[must_use]
    pub const fn intake(&self) -> &SealKey {
        &self.open_to
    }

    /// Takes in the key of a value, which has to open it.
    ///
    /// # Errors
    /// `RingError` when it does not.
    pub fn take_in(
        &mut self,
        sealed: &SealedValue,
        key: &WrappedKey,
        now: Moment,
    ) -> Result<Digest, RingError> {
        let binding = sealed.binding(self.installation, None)?;
        let fault = |source| RingError::Intake { of: sealed.of().clone(), source };
        let key = self.intake.unwrap(key, &binding).map_err(fault)?;
        sealed.open(self.installation, &key).map_err(fault)?;
        self.keys.entry(binding.value).or_insert(Held { since: now, key });
        Ok(binding.value)
    }

    /// Takes a key out that no stored ring has yet, after the ring could not be stored.
    pub fn forget(&mut self, value: &Digest) {
        self.keys.remove(value);
    }

    /// Whether the ring has the key of a value.
    #[must_use]
    pub fn has(&self, value: &Digest) -> bool {
        self.keys.contains_key(value)
    }

    /// Wraps the key of a value to somebody who may open it.
    ///
    /// # Errors
    /// `RingError::Absent` when the ring has no such key.
    pub fn lend(&self, to: &SealKey, binding: &Binding) -> Result<WrappedKey, RingError> {
        let held = self.keys.get(&binding.value).ok_or(RingError::Absent(binding.value))?;
        Ok(held.key.wrap(to, binding)?)
    }

    /// Destroys the keys of values for which this holds, by digest and the moment since which the ring has them, and changes
    /// the ring's own key and its intake pair if there were any. Returns their digests.
    ///
    /// # Errors
    /// `RingError::Drawn` when the random bytes make no pair; then nothing is destroyed.
    pub fn destroy(
        &mut self,
        is_meant: impl Fn(&Digest, Moment) -> bool,
        draw: Draw<'_>,
    ) -> Result<BTreeSet<Digest>, RingError> {
        let meant = self.keys.iter().filter(|(value, held)| is_meant(value, held.since));
        let meant: BTreeSet<Digest> = meant.map(|(value, _)| *value).collect();
        if !meant.is_empty() {
            (self.key, self.intake, self.open_to) = fresh(draw)?;
            self.keys.retain(|value, _| !meant.contains(value));
        }
        Ok(meant)
    }

    /// Changes the ring's own key and its intake pair.
    ///
    /// # Errors
    /// `RingError::Drawn` when the random bytes make no pair; then nothing is changed.
    pub fn renew(&mut self, draw: Draw<'_>) -> Result<(), RingError> {
        (self.key, self.intake, self.open_to) = fresh(draw)?;
        Ok(())
    }

    /// The values whose keys it has.
    pub fn values(&self) -> impl Iterator<Item = &Digest> {
        self.keys.keys()
    }
}

/// A ring's own key, and an intake pair.
fn fresh(draw: Draw<'_>) -> Result<(Key, SealSecret, SealKey), RingError> {
    // A source of randomness that failed leaves zeros.
    let intake = SealSecret::filled(&mut *draw);
    let open_to = intake.public().map_err(|_| RingError::Drawn)?;
    let key = Key::filled(draw);
    if key.is_zero() { Err(RingError::Drawn) } else { Ok((key, intake, open_to)) }
}

fn ring_purpose(installation: Id) -> String {
    format!("countersign-key-ring@v1\n{installation}\n")
}

fn intake_purpose(installation: Id) -> String {
    format!("countersign-key-ring@v1\n{installation}\nintake\n")
}

fn key_purpose(installation: Id, value: &Digest, since: Moment) -> String {
    format!("countersign-key-ring@v1\n{installation}\n{value}\n{since}\n")
}

const VERSION: u8 = 1;
