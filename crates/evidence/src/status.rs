//! Status: the revocations, withdrawals, bars and freezes in force. Format: `docs/formats/status.md`.
//!
//! Invariant: a *base* needs the threshold of status signers. A single signer may add a *tightening*, which names the
//! base, has a higher number, contains everything in it and ends no later. So one person can stop things at once, but
//! nobody alone can start them again.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{ENVELOPE_BYTES_MAX, Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::ssh;
use crate::trust_root::{QuorumError, TrustRoot};
use crate::{Digest, Id, Moment, Name};

/// DSSE payload type of a status statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.status+json";
/// SSHSIG namespace of its signatures.
pub const NAMESPACE: &str = "countersign-status@v1";
/// Longest validity of a status.
pub const VALIDITY_MAX: Duration = Duration::from_hours(24 * 92);

/// Highest distance of a tightening's number from its base's. Otherwise one signer could use up all numbers, and no status could
/// follow.
pub const LEAP_MAX: u64 = 1_000_000;

/// A revoked key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Fingerprint of an SSH key (`SHA256:…`) or id of a machine key (`sha256:…`).
    pub key: String,
    /// Statements that are first recorded at or after this moment do not count.
    pub invalid_since: Moment,
}

/// A place where releases are stopped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// The project.
    pub project: Name,
    /// Service of the freeze; absent for all services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Name>,
    /// Environment of the freeze; absent for all environments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Name>,
}

impl Freeze {
    /// Whether the freeze covers a place.
    #[must_use]
    pub fn covers(&self, project: &Name, service: &Name, environment: &Name) -> bool {
        self.project == *project
            && self.service.as_ref().is_none_or(|name| name == service)
            && self.environment.as_ref().is_none_or(|name| name == environment)
    }
}

impl fmt::Display for Freeze {
    /// Writes the form that people use: `PROJECT`, `PROJECT/SERVICE` or `PROJECT/SERVICE/ENVIRONMENT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.project)?;
        match (&self.service, &self.environment) {
            (None, None) => Ok(()),
            (Some(service), None) => write!(f, "/{service}"),
            (service, Some(environment)) => {
                let service = service.as_ref().map_or("*", Name::as_str);
                write!(f, "/{service}/{environment}")
            }
        }
    }
}

/// One status statement, a base or a tightening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// Number of the statement. It rises with each statement.
    pub number: u64,
    /// Digest of the base's payload, if this is a tightening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Digest>,
    /// Time of signing.
    pub issued: Moment,
    /// End of validity.
    pub expires: Moment,
    /// Lowest root version that is still accepted.
    pub minimum_root: u32,
    /// Revoked keys, sorted.
    pub revoked: Vec<Revocation>,
    /// Digests of withdrawn enrolments, sorted.
    pub withdrawn: Vec<Digest>,
    /// Digests of artifacts that may run nowhere, sorted.
    pub barred: Vec<Digest>,
    /// Frozen places, sorted.
    pub frozen: Vec<Freeze>,
}

/// The file `status.json`, as it is sent and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusFile {
    /// The base.
    pub base: Envelope,
    /// The tightening in force, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tightening: Option<Envelope>,
}

/// The statement in force, from a status file whose signatures were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusInForce {
    /// The tightening if there is one, otherwise the base.
    pub status: Status,
    /// Digest of the base's payload.
    pub base: Digest,
    /// Number of the base.
    pub base_number: u64,
}

impl StatusInForce {
    /// Whether this may replace the status that was in force before. It may if it has a newer base, or if it tightens
    /// the same base and keeps everything that was stopped. Without this rule, one signer could loosen a status by
    /// tightening an old base.
    #[must_use]
    pub fn follows(&self, before: &Self) -> bool {
        let newer = self.status.number > before.status.number;
        let same_base = self.base == before.base && self.status.contains(&before.status);
        newer && (same_base || self.base_number > before.status.number)
    }
}

/// Errors of reading and verifying a status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The envelope is malformed.
    #[error("status: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A signature is invalid, or too few status signers signed.
    #[error("status: {0}; it needs the status signers that the trust root names")]
    Quorum(#[from] QuorumError),
    /// A rule of the format is broken.
    #[error("status: {0}")]
    Rule(&'static str),
}

impl Status {
    /// Encodes the statement into an envelope without signatures.
    ///
    /// # Errors
    /// `StatusError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, StatusError> {
        self.check()?;
        Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("status", self)?))
    }

    /// Reads the payload without verifying signatures.
    ///
    /// # Errors
    /// `StatusError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, StatusError> {
        let status: Self = canonical::decode("status", envelope.payload(PAYLOAD_TYPE)?, PAYLOAD_BYTES_MAX)?;
        status.check().map(|()| status)
    }

    /// Whether this statement stops everything that `other` stops and ends no later.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        fn within<T: Ord>(all: &[T], part: &[T]) -> bool {
            part.iter().all(|item| all.binary_search(item).is_ok())
        }
        let keeps = |theirs: &Revocation| {
            self.revoked.iter().any(|r| r.key == theirs.key && r.invalid_since <= theirs.invalid_since)
        };
        other.revoked.iter().all(keeps)
            && within(&self.withdrawn, &other.withdrawn)
            && within(&self.barred, &other.barred)
            && within(&self.frozen, &other.frozen)
            && self.minimum_root >= other.minimum_root
            && self.expires <= other.expires
    }

    /// Adds everything that `other` stops, so that this statement stops it as well and ends no later.
    pub fn stop_too(&mut self, other: &Self) {
        fn unite<T: Ord + Clone>(all: &mut Vec<T>, more: &[T]) {
            all.extend_from_slice(more);
            all.sort();
            all.dedup();
        }
        for theirs in &other.revoked {
            match self.revoked.iter_mut().find(|mine| mine.key == theirs.key) {
                Some(mine) => mine.invalid_since = mine.invalid_since.min(theirs.invalid_since),
                None => self.revoked.push(theirs.clone()),
            }
        }
        self.revoked.sort();
        unite(&mut self.withdrawn, &other.withdrawn);
        unite(&mut self.barred, &other.barred);
        unite(&mut self.frozen, &other.frozen);
        self.minimum_root = self.minimum_root.max(other.minimum_root);
        self.expires = self.expires.min(other.expires);
    }

    /// Whether releases to this place are frozen.
    #[must_use]
    pub fn freezes(&self, project: &Name, service: &Name, environment: &Name) -> bool {
        self.frozen.iter().any(|freeze| freeze.covers(project, service, environment))
    }

    fn check(&self) -> Result<(), StatusError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(StatusError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.number >= 1, "`number` starts at 1")?;
        rule(self.issued < self.expires, "`expires` is not after `issued`")?;
        rule(self.expires <= self.issued.later_by(VALIDITY_MAX), "a status is valid for 92 days at most")?;
        let keys: BTreeSet<_> = self.revoked.iter().map(|revocation| &revocation.key).collect();
        rule(keys.len() == self.revoked.len(), "a key stands twice in `revoked`")?;
        let sorted = self.revoked.is_sorted()
            && self.withdrawn.is_sorted_by(|a, b| a < b)
            && self.barred.is_sorted_by(|a, b| a < b)
            && self.frozen.is_sorted_by(|a, b| a < b);
        rule(sorted, "a list is not sorted or an item stands twice")
    }
}

impl StatusFile {
    /// Parses `status.json`.
    ///
    /// # Errors
    /// `StatusError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, StatusError> {
        Ok(canonical::decode("status file", bytes, 2 * ENVELOPE_BYTES_MAX)?)
    }

    /// Encodes the bytes of `status.json`.
    ///
    /// # Errors
    /// `StatusError` when an envelope cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, StatusError> {
        Ok(canonical::encode("status file", self)?)
    }

    /// Verifies base and tightening against a root and returns the statement in force.
    ///
    /// The caller knows the time, so it also decides whether the statement has expired.
    ///
    /// # Errors
    /// `StatusError` names the fault.
    pub fn open(&self, root: &TrustRoot) -> Result<StatusInForce, StatusError> {
        let base = Status::read(&self.base)?;
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(StatusError::Rule(text)) };
        rule(base.installation == root.installation, "it is of another installation")?;
        rule(base.base.is_none(), "a tightening stands in the place of the base")?;
        root.status.signed(&self.base, NAMESPACE)?;
        let (digest, base_number) = (self.base.payload_digest(), base.number);
        let Some(envelope) = &self.tightening else {
            return Ok(StatusInForce { status: base, base: digest, base_number });
        };
        let tightening = Status::read(envelope)?;
        rule(tightening.installation == root.installation, "it is of another installation")?;
        rule(tightening.base == Some(digest), "the tightening names another base")?;
        rule(tightening.number > base.number, "the tightening's number is not above the base's")?;
        let leap = tightening.number - base.number;
        rule(leap <= LEAP_MAX, "the tightening's number is more than 1000000 above the base's")?;
        rule(tightening.contains(&base), "the tightening loosens something or ends later than its base")?;
        let signers = ssh::signers(envelope, NAMESPACE, &root.status.keys()).map_err(QuorumError::from)?;
        rule(!signers.is_empty(), "nobody signed the tightening")?;
        Ok(StatusInForce { status: tightening, base: digest, base_number })
    }
}
