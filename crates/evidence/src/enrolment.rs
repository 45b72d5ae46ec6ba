//! Enrolments: signed statements that bind one natural person to keys, roles and scopes. Format:
//! `docs/formats/enrolment.md`.
//!
//! Invariant: a person's own signature never counts towards their own enrolment, except in solo mode. Signing in and
//! approving use different keys, except in solo mode, where the SSHSIG namespaces keep the two apart.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::credentials::{ACCOUNTS_MAX, ForgeAccount, OPENPGP_MAX, OpenPgp, PASSKEYS_MAX, Passkey};
use crate::dsse::{Envelope, EnvelopeError};
use crate::ssh::{self, SshKey};
use crate::trust_root::{Mode, QuorumError, TrustRoot};
use crate::{Digest, Id, Moment, Name};

pub use crate::purpose::Purpose;

/// DSSE payload type of an enrolment.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.enrolment+json";
/// SSHSIG namespace of its signatures.
pub const NAMESPACE: &str = "countersign-enrolment@v1";
/// Largest enrolment in bytes.
pub const BYTES_MAX: usize = 16 * 1024;
/// Longest validity of an enrolment.
pub const VALIDITY_MAX: Duration = Duration::from_hours(24 * 366 * 2);

/// A key with its purposes. The purposes are sorted and unique.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledKey {
    /// The key.
    pub key: SshKey,
    /// Purposes of the key.
    pub purposes: Vec<Purpose>,
}

/// A role within a scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Name of the role in policies: `developer`, `release-manager`.
    pub role: Name,
    /// Project of the grant; absent for all projects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    /// Environment of the grant; absent for all environments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Name>,
}

/// An enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// Random id under which ledger entries name the person.
    pub person: Id,
    /// Subject of the person, which never changes.
    pub subject: String,
    /// Display name.
    pub name: String,
    /// Addresses that the person's commits carry as author or committer, lower case, sorted.
    pub emails: Vec<String>,
    /// Keys.
    pub keys: Vec<EnrolledKey>,
    /// Roles.
    pub grants: Vec<Grant>,
    /// Time of signing.
    pub issued: Moment,
    /// End of validity.
    pub expires: Moment,
    /// Accounts of the person at forges, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<ForgeAccount>,
    /// Roles that the person may take on for a time, sorted. None of them counts by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub eligible: Vec<Grant>,
    /// Passkeys, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passkeys: Vec<Passkey>,
    /// OpenPGP certificates, sorted. Their keys sign commits and tags alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub openpgp: Vec<OpenPgp>,
}

/// Errors of reading and verifying an enrolment.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The envelope is malformed.
    #[error("enrolment: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A signature is invalid, or too few registrars signed.
    #[error(
        "enrolment: {0}; it needs the registrars that the trust root names, other than the person enrolled"
    )]
    Quorum(#[from] QuorumError),
    /// A rule of the format is broken.
    #[error("enrolment: {0}")]
    Rule(&'static str),
}

impl Enrolment {
    /// Encodes the statement into an envelope without signatures.
    ///
    /// # Errors
    /// `EnrolmentError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, EnrolmentError> {
        self.check()?;
        Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("enrolment", self)?))
    }

    /// Reads the payload without verifying signatures.
    ///
    /// # Errors
    /// `EnrolmentError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, EnrolmentError> {
        let enrolment: Self = canonical::decode("enrolment", envelope.payload(PAYLOAD_TYPE)?, BYTES_MAX)?;
        enrolment.check().map(|()| enrolment)
    }

    /// Reads an enrolment and verifies it against a root: installation, threshold and second-person rules.
    ///
    /// # Errors
    /// `EnrolmentError` names the fault.
    pub fn open(envelope: &Envelope, root: &TrustRoot) -> Result<Self, EnrolmentError> {
        let enrolment = Self::read(envelope)?;
        if enrolment.installation != root.installation {
            return Err(EnrolmentError::Rule("it is of another installation"));
        }
        if root.mode != Mode::Solo && !enrolment.purposes_are_apart() {
            return Err(EnrolmentError::Rule("outside solo mode sign-in and approval need different keys"));
        }
        let allowed = root.registrars.keys();
        let signers = ssh::signers(envelope, NAMESPACE, &allowed).map_err(QuorumError::from)?;
        let mut persons = root.registrars.persons(&signers);
        if root.mode != Mode::Solo {
            persons.remove(enrolment.subject.as_str());
        }
        let needed = root.registrars.threshold;
        if persons.len() < needed as usize {
            return Err(QuorumError::Threshold { found: persons.len(), needed }.into());
        }
        Ok(enrolment)
    }

    /// Digest of the canonical bytes. It names this enrolment.
    ///
    /// # Errors
    /// `EnrolmentError` when it cannot be encoded.
    pub fn digest(&self) -> Result<Digest, EnrolmentError> {
        Ok(Digest::of(&canonical::encode("enrolment", self)?))
    }

    /// Keys that serve a purpose.
    pub fn keys_for(&self, purpose: Purpose) -> impl Iterator<Item = &SshKey> {
        self.keys.iter().filter(move |key| key.purposes.contains(&purpose)).map(|key| &key.key)
    }

    /// Fields that restrict what may happen and that this program does not apply. A judge that meets one decides nothing.
    #[must_use]
    pub fn unapplied(&self) -> Vec<&'static str> {
        (!self.eligible.is_empty()).then_some("eligible").into_iter().collect()
    }

    fn purposes_are_apart(&self) -> bool {
        let both = [Purpose::SignIn, Purpose::Approve];
        let keys = self.keys.iter().map(|key| &key.purposes);
        let all = keys.chain(self.passkeys.iter().map(|key| &key.purposes));
        !all.into_iter().any(|purposes| both.iter().all(|purpose| purposes.contains(purpose)))
    }

    /// Rules of the fields that came later.
    fn check_later(&self) -> Result<(), EnrolmentError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(EnrolmentError::Rule(text)) };
        let accounts = self.accounts.is_sorted_by(|a, b| a < b) && self.accounts.len() <= ACCOUNTS_MAX;
        rule(accounts, "`accounts` are not sorted, one stands twice, or there are more than 16")?;
        let eligible = self.eligible.is_sorted_by(|a, b| a < b) && self.eligible.len() <= 64;
        rule(eligible, "`eligible` are not sorted, one stands twice, or there are more than 64")?;
        let passkeys = self.passkeys.is_sorted_by(|a, b| a < b) && self.passkeys.len() <= PASSKEYS_MAX;
        rule(passkeys, "`passkeys` are not sorted, one stands twice, or there are more than 8")?;
        rule(self.passkeys.iter().all(Passkey::is_sound), "a passkey has no valid id, key or purposes")?;
        let credentials: BTreeSet<_> = self.passkeys.iter().map(|key| &key.credential).collect();
        let keys: BTreeSet<_> = self.passkeys.iter().map(|key| &key.key).collect();
        let distinct = credentials.len() == self.passkeys.len() && keys.len() == self.passkeys.len();
        rule(distinct, "a passkey's id or key stands twice")?;
        let openpgp = self.openpgp.is_sorted_by(|a, b| a < b) && self.openpgp.len() <= OPENPGP_MAX;
        rule(openpgp, "`openpgp` are not sorted, one stands twice, or there are more than 4")?;
        rule(self.openpgp.iter().all(OpenPgp::is_sound), "an OpenPGP certificate is unsound or too long")
    }

    fn check(&self) -> Result<(), EnrolmentError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(EnrolmentError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.issued < self.expires, "`expires` is not after `issued`")?;
        rule(
            self.expires <= self.issued.later_by(VALIDITY_MAX),
            "an enrolment is valid for two years at most",
        )?;
        rule((1..=300).contains(&self.subject.len()), "`subject` is empty or longer than 300 bytes")?;
        rule((1..=200).contains(&self.name.len()), "`name` is empty or longer than 200 bytes")?;
        rule(self.emails.is_sorted_by(|a, b| a < b), "`emails` are not sorted or one stands twice")?;
        let lower = self.emails.iter().all(|email| *email == email.to_lowercase() && email.contains('@'));
        rule(lower, "an address in `emails` has no `@` or upper-case letters")?;
        rule(!self.keys.is_empty() && self.keys.len() <= 16, "between 1 and 16 keys are needed")?;
        let distinct: BTreeSet<_> = self.keys.iter().map(|key| &key.key).collect();
        rule(distinct.len() == self.keys.len(), "a key stands twice")?;
        let purposes =
            |key: &EnrolledKey| !key.purposes.is_empty() && key.purposes.is_sorted_by(|a, b| a < b);
        rule(self.keys.iter().all(purposes), "purposes of a key are missing, not sorted, or stand twice")?;
        rule(self.grants.is_sorted_by(|a, b| a < b), "`grants` are not sorted or one stands twice")?;
        rule(self.grants.len() <= 64 && self.emails.len() <= 16, "more than 64 grants or 16 addresses")?;
        self.check_later()
    }
}
