//! Events of identities, as facts.
//!
//! Invariant: facts hold no personal data. Names and addresses are particulars; signed statements are particulars or
//! blobs.

use evidence::enrolment::{Enrolment, EnrolmentError, Grant, Purpose};
use evidence::status::{Freeze, Revocation, Status, StatusInForce};
use evidence::trust_root::{Mode, TrustRoot, TrustRootError};
use evidence::{Digest, Id, Moment};
use serde::{Deserialize, Serialize};

use crate::ids::PersonId;

/// A trust root came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rooted {
    /// The installation.
    pub installation: Id,
    /// Version of the root.
    pub version: u32,
    /// Digest of the root's canonical bytes.
    pub digest: Digest,
    /// Digest of the signed envelope, a blob.
    pub envelope: Digest,
    /// Mode, which decides whether a second person is required.
    pub mode: Mode,
    /// End of the root's validity.
    pub expires: Moment,
}

/// A person was enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// The person.
    pub person: PersonId,
    /// Digest of the person's subject, which never changes.
    pub subject: Digest,
    /// Fingerprints and purposes of the person's keys.
    pub keys: Vec<EnrolledKey>,
    /// The person's roles.
    pub grants: Vec<Grant>,
    /// End of the enrolment's validity.
    pub expires: Moment,
    /// Digest of the enrolment's canonical bytes.
    pub digest: Digest,
    /// Version of the root under which the registrars signed.
    pub root: u32,
}

/// A key, named by its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledKey {
    /// SHA-256 fingerprint in the form that OpenSSH prints.
    pub fingerprint: String,
    /// Purposes that the key may sign for.
    pub purposes: Vec<Purpose>,
}

/// A status statement came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusSet {
    /// Number of the statement.
    pub number: u64,
    /// Digest of the base's payload.
    pub base: Digest,
    /// Number of the base.
    pub base_number: u64,
    /// Digest of the status file, a blob.
    pub file: Digest,
    /// End of the status's validity.
    pub expires: Moment,
    /// Lowest root version that is still accepted.
    pub minimum_root: u32,
    /// Revoked keys.
    pub revoked: Vec<Revocation>,
    /// Withdrawn enrolments.
    pub withdrawn: Vec<Digest>,
    /// Digests of artifacts that may run nowhere.
    pub barred: Vec<Digest>,
    /// Frozen places.
    pub frozen: Vec<Freeze>,
    /// Version of the root under which the status was signed.
    pub root: u32,
}

impl Rooted {
    /// Facts of a root whose signatures were verified.
    ///
    /// # Errors
    /// `TrustRootError` when the root cannot be encoded.
    pub fn of(root: &TrustRoot, envelope: Digest) -> Result<Self, TrustRootError> {
        Ok(Self {
            installation: root.installation,
            version: root.version,
            digest: root.digest()?,
            envelope,
            mode: root.mode,
            expires: root.expires,
        })
    }
}

impl Enrolled {
    /// Facts of an enrolment whose signatures were verified against a root.
    ///
    /// # Errors
    /// `EnrolmentError` when the enrolment cannot be encoded.
    pub fn of(enrolment: &Enrolment, root: u32) -> Result<Self, EnrolmentError> {
        let key = |key: &evidence::enrolment::EnrolledKey| EnrolledKey {
            fingerprint: key.key.fingerprint().to_owned(),
            purposes: key.purposes.clone(),
        };
        Ok(Self {
            person: enrolment.person.into(),
            subject: Digest::of(enrolment.subject.as_bytes()),
            keys: enrolment.keys.iter().map(key).collect(),
            grants: enrolment.grants.clone(),
            expires: enrolment.expires,
            digest: enrolment.digest()?,
            root,
        })
    }
}

impl StatusSet {
    /// Facts of a status whose signatures were verified against a root.
    #[must_use]
    pub fn of(opened: StatusInForce, file: Digest, root: u32) -> Self {
        let status = opened.status;
        Self {
            number: status.number,
            base: opened.base,
            base_number: opened.base_number,
            file,
            expires: status.expires,
            minimum_root: status.minimum_root,
            revoked: status.revoked,
            withdrawn: status.withdrawn,
            barred: status.barred,
            frozen: status.frozen,
            root,
        }
    }

    /// Rebuilds the statement, as far as the check of succession reads it.
    pub(super) fn opened(&self, installation: Id) -> StatusInForce {
        let status = Status {
            v: 1,
            installation,
            number: self.number,
            base: Some(self.base),
            issued: Moment::default(),
            expires: self.expires,
            minimum_root: self.minimum_root,
            revoked: self.revoked.clone(),
            withdrawn: self.withdrawn.clone(),
            barred: self.barred.clone(),
            frozen: self.frozen.clone(),
        };
        StatusInForce { status, base: self.base, base_number: self.base_number }
    }
}
