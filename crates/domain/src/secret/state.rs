//! The fold of secrets.
//!
//! Invariant: it is bounded. A project has at most `SECRETS_MAX` secrets, a secret at most `VERSIONS_MAX` versions: when one
//! more is put, the oldest destroyed version leaves. The highest number stays, so that no number is given twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evidence::secret_name::SecretName;
use evidence::{Digest, Moment, Name};
use serde::{Deserialize, Serialize};

use super::event::{SecretDestroyed, SecretPut};
use crate::ids::PersonId;

/// Secrets as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) secrets: BTreeMap<SecretName, Secret>,
}

/// A secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Versions by number.
    pub versions: BTreeMap<u32, Version>,
    /// Days after which a newer version is due, as the newest version says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_days: Option<u32>,
    /// Whether every read of it is an alert, as the newest version says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub honey: bool,
}

/// A version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Digest of the sealed value, a blob.
    pub value: Digest,
    /// Number of the entry that recorded it.
    pub entry: u64,
    /// The moment at which it was put.
    pub at: Moment,
    /// The person who put it.
    pub person: PersonId,
    /// Moment from which it is not lent any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// Whether it was destroyed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub destroyed: bool,
}

/// Whether a secret has to be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It has no cadence, or its newest version is young.
    Fresh,
    /// A newer version is due within the last tenth of the cadence, at least a day: people are warned.
    Soon(Moment),
    /// A newer version is due since this moment: the secret is not lent any more.
    Due(Moment),
}

impl State {
    /// Whether there is no secret. Such a state is omitted from snapshots, as in those of older programs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// A secret.
    #[must_use]
    pub fn get(&self, name: &SecretName) -> Option<&Secret> {
        self.secrets.get(name)
    }

    /// The secrets of a project, in the order of their names.
    pub fn of<'a>(
        &'a self,
        project: &'a Name,
    ) -> impl Iterator<Item = (&'a SecretName, &'a Secret)> + use<'a> {
        self.secrets.iter().filter(move |(name, _)| name.project() == project)
    }

    /// All secrets, in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = (&SecretName, &Secret)> {
        self.secrets.iter()
    }

    /// Digests of the sealed values of all versions that were destroyed: a vault forgets the keys of these at once.
    #[must_use]
    pub fn destroyed_values(&self) -> BTreeSet<Digest> {
        let versions = self.secrets.values().flat_map(|secret| secret.versions.values());
        versions.filter(|version| version.destroyed).map(|version| version.value).collect()
    }

    /// Digests of the sealed values of all versions that are not destroyed: a vault keeps the keys of these alone.
    #[must_use]
    pub fn values(&self) -> BTreeSet<Digest> {
        let versions = self.secrets.values().flat_map(|secret| secret.versions.values());
        versions.filter(|version| !version.destroyed).map(|version| version.value).collect()
    }

    /// Whether a version has this sealed value, destroyed or not.
    pub(super) fn has(&self, value: &Digest) -> bool {
        let mut versions = self.secrets.values().flat_map(|secret| secret.versions.values());
        versions.any(|version| version.value == *value)
    }

    pub(crate) fn put(&mut self, event: &SecretPut, entry: u64, moment: Moment) -> bool {
        let secret = self.secrets.entry(event.secret.clone()).or_default();
        let fits = event.number == secret.highest() + 1;
        let version = Version {
            value: event.value,
            entry,
            at: moment,
            person: event.person,
            expires: event.expires,
            destroyed: false,
        };
        secret.versions.insert(event.number, version);
        (secret.rotate_days, secret.honey) = (event.rotate_days, event.honey);
        while secret.versions.len() > VERSIONS_MAX {
            let Some(oldest) = secret.oldest_destroyed() else { return false };
            secret.versions.remove(&oldest);
        }
        fits
    }

    pub(crate) fn destroyed(&mut self, event: &SecretDestroyed) -> bool {
        let secret = self.secrets.get_mut(&event.secret);
        let Some(version) = secret.and_then(|secret| secret.versions.get_mut(&event.number)) else {
            return false;
        };
        !std::mem::replace(&mut version.destroyed, true)
    }
}

impl Secret {
    /// The highest number that was given; 0 before the first one.
    #[must_use]
    pub fn highest(&self) -> u32 {
        self.versions.last_key_value().map_or(0, |(number, _)| *number)
    }

    /// The version with the highest number, which alone is lent: after it was destroyed, no older one comes back.
    #[must_use]
    pub fn newest(&self) -> Option<(u32, &Version)> {
        self.versions.last_key_value().map(|(number, version)| (*number, version))
    }

    /// The moment from which a newer version is due, if the secret has a cadence.
    #[must_use]
    pub fn due(&self) -> Option<Moment> {
        let (days, (_, newest)) = (self.rotate_days?, self.newest()?);
        Some(newest.at.later_by(Duration::from_hours(u64::from(days) * 24)))
    }

    /// Whether a newer version is due at a moment. The cadence counts from the moment at which the newest one was put.
    #[must_use]
    pub fn rotation(&self, moment: Moment) -> Rotation {
        let (Some(days), Some((_, newest))) = (self.rotate_days, self.newest()) else {
            return Rotation::Fresh;
        };
        let hours = u64::from(days) * 24;
        let due = newest.at.later_by(Duration::from_hours(hours));
        let warned = newest.at.later_by(Duration::from_hours(hours - (hours / 10).max(24).min(hours)));
        if due <= moment {
            Rotation::Due(due)
        } else if warned <= moment {
            Rotation::Soon(due)
        } else {
            Rotation::Fresh
        }
    }

    pub(super) fn oldest_destroyed(&self) -> Option<u32> {
        self.versions.iter().find(|(_, version)| version.destroyed).map(|(number, _)| *number)
    }
}

impl Version {
    /// Whether it has expired at a moment.
    #[must_use]
    pub fn has_expired(&self, moment: Moment) -> bool {
        self.expires.is_some_and(|expires| expires <= moment)
    }
}

/// Most versions that are kept of a secret.
pub const VERSIONS_MAX: usize = 64;
/// Longest cadence in days.
pub const ROTATE_DAYS_MAX: u32 = 3_650;
