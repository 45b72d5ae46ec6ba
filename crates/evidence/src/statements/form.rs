//! The envelope that all kinds of statements share.
//!
//! Invariant: a payload has one encoding. A statement counts from `not_before` until just before `expires`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::loan::{Loan, LoanFault, LoanTerms};
use super::rules::{Given, Matter};
use super::scope::Scope;
use super::secret_version::SecretVersion;
use super::seen_report::SeenReport;
use super::table::{Body, StatementKind};
use crate::canonical::{self, CanonicalError};
use crate::document::findings::Finding;
use crate::dsse::{Envelope, EnvelopeError};
use crate::ssh::{self, SshKey, SshSigError};
use crate::{Digest, Id, Moment};

/// DSSE payload type of a statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.statement+json";
/// SSHSIG namespace of its signature.
pub const NAMESPACE: &str = "countersign-statement@v1";
/// Largest payload in bytes.
pub const BYTES_MAX: usize = 24 * 1024;

/// A statement of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The installation.
    pub installation: Id,
    /// The person who signs.
    pub person: Id,
    /// The places where it counts.
    pub scope: Scope,
    /// Digests of the things that it is about, sorted.
    pub subjects: Vec<Digest>,
    /// Start of validity.
    pub not_before: Moment,
    /// End of validity. The statement does not count at this time any more.
    pub expires: Moment,
    /// Version of the trust root that the person saw.
    pub root: u32,
    /// Text of the checkpoint that the person saw.
    pub checkpoint: String,
    /// The person's reason.
    pub reason: String,
    /// Random number that keeps two equal statements apart.
    pub nonce: Id,
    /// `command-line`, or `browser` if the person signed in a page of the server.
    pub via: String,
    /// The content.
    pub body: Body,
}

/// Errors of reading and verifying a statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The envelope is malformed.
    #[error("statement: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The body does not have the form of its kind.
    #[error("statement: `body`: {0}")]
    Body(#[source] serde_json::Error),
    /// The signature is invalid.
    #[error("statement: {0}")]
    Signature(#[from] SshSigError),
    /// A rule of the format is broken.
    #[error("statement: {0}")]
    Rule(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    v: u8,
    kind: StatementKind,
    installation: Id,
    person: Id,
    scope: Scope,
    subjects: Vec<Digest>,
    not_before: Moment,
    expires: Moment,
    root: u32,
    checkpoint: String,
    reason: String,
    nonce: Id,
    via: String,
    body: Value,
}

impl Statement {
    /// Encodes the statement into an envelope without signatures.
    ///
    /// # Errors
    /// `StatementError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, StatementError> {
        self.check()?;
        Ok(Envelope::new(PAYLOAD_TYPE, self.encode()?))
    }

    /// Reads the payload without verifying the signature, in order to look up the person's keys.
    ///
    /// # Errors
    /// `StatementError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, StatementError> {
        let bytes = envelope.payload(PAYLOAD_TYPE)?;
        let payload: Payload = canonical::decode("statement", bytes, BYTES_MAX)?;
        if payload.v != 1 {
            return Err(StatementError::Rule("`v` is not 1, the version that this program knows"));
        }
        let statement = Self {
            installation: payload.installation,
            person: payload.person,
            scope: payload.scope,
            subjects: payload.subjects,
            not_before: payload.not_before,
            expires: payload.expires,
            root: payload.root,
            checkpoint: payload.checkpoint,
            reason: payload.reason,
            nonce: payload.nonce,
            via: payload.via,
            body: Body::read(payload.kind, payload.body).map_err(StatementError::Body)?,
        };
        // The form of the body is known only now, so its encoding is compared only now.
        if statement.encode()? != bytes {
            return Err(StatementError::Rule("`body` has another encoding than the canonical one"));
        }
        statement.check().map(|()| statement)
    }

    /// Verifies that exactly one of the person's approval keys signed, and returns that key.
    ///
    /// # Errors
    /// `StatementError` when the signature is invalid.
    pub fn verify<'a>(&self, envelope: &Envelope, keys: &[&'a SshKey]) -> Result<&'a SshKey, StatementError> {
        match ssh::signers(envelope, NAMESPACE, keys)?.as_slice() {
            [key] => Ok(key),
            _ => Err(StatementError::Rule("it needs exactly one signature")),
        }
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> StatementKind {
        self.body.kind()
    }

    /// Whether it counts at a moment, as far as time decides that.
    #[must_use]
    pub fn is_in_force(&self, now: Moment) -> bool {
        self.not_before <= now && now < self.expires
    }

    /// Whether it is about a release.
    #[must_use]
    pub fn concerns(&self, matter: &Matter<'_>) -> bool {
        self.body.concerns(&self.subjects, matter)
    }

    /// Whether it says something else about its subject than the release does, so that people read a text that is not true.
    #[must_use]
    pub fn misstates(&self, matter: &Matter<'_>) -> bool {
        self.body.misstates(&self.subjects, matter)
    }

    /// Whether it settles a finding, so that the finding is not open.
    #[must_use]
    pub fn settles(&self, id: &Digest, finding: &Finding) -> bool {
        self.body.settles(&self.subjects, id, finding)
    }

    /// Why it does not settle a finding that it is about, because the finding is worse than the signer saw: a sentence whose
    /// subject is the statement.
    #[must_use]
    pub fn outgrown(&self, id: &Digest, finding: &Finding) -> Option<String> {
        self.body.outgrown(&self.subjects, id, finding)
    }

    /// Whether it settles the failure of a test with this identity in a report.
    #[must_use]
    pub fn settles_test(&self, test: &Digest, report: &SeenReport) -> bool {
        self.body.settles_test(&self.subjects, test, report)
    }

    /// The version of a secret that it puts at its place, if it does.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretVersion> {
        self.body.secret()
    }

    /// Whether it lends a secret to a step: `None` if it is about another one. Whether its signer may say so, the caller asks.
    #[must_use]
    pub fn lends(&self, loan: &Loan<'_>) -> Option<Result<LoanTerms, Vec<LoanFault>>> {
        let answer = self.body.lends(loan).filter(|_| self.scope.project == *loan.project)?;
        if self.is_in_force(loan.moment) {
            return Some(answer);
        }
        let mut faults = answer.err().unwrap_or_default();
        faults.push(LoanFault::NotInForce(self.not_before, self.expires));
        Some(Err(faults))
    }

    /// The artifact whose bar at its place it ends, if it ends one. The only subject is the observation that barred it.
    #[must_use]
    pub fn unbars(&self) -> Option<Digest> {
        self.body.unbars()
    }

    /// The secret of a place that it lets a service have, if it does.
    #[must_use]
    pub fn gives(&self) -> Option<Given<'_>> {
        self.body.gives()
    }

    fn encode(&self) -> Result<Vec<u8>, StatementError> {
        let payload = Payload {
            v: 1,
            kind: self.kind(),
            installation: self.installation,
            person: self.person,
            scope: self.scope.clone(),
            subjects: self.subjects.clone(),
            not_before: self.not_before,
            expires: self.expires,
            root: self.root,
            checkpoint: self.checkpoint.clone(),
            reason: self.reason.clone(),
            nonce: self.nonce,
            via: self.via.clone(),
            body: self.body.value().map_err(StatementError::Body)?,
        };
        Ok(canonical::encode("statement", &payload)?)
    }

    fn check(&self) -> Result<(), StatementError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(StatementError::Rule(text)) };
        let longest = self.kind().longest();
        rule(self.not_before < self.expires, "`expires` is not after `not_before`")?;
        rule(
            self.expires <= self.not_before.later_by(longest),
            "it is valid for longer than its kind may be",
        )?;
        rule((1..=4000).contains(&self.reason.trim().len()), "a reason of 1 to 4,000 bytes is needed")?;
        rule(["command-line", "browser"].contains(&self.via.as_str()), "`via` is not known")?;
        rule(self.subjects.is_sorted_by(|a, b| a < b), "subjects are not sorted, or one stands twice")?;
        match self.body.fault(&self.subjects).or_else(|| self.body.fault_in(&self.scope)) {
            Some(fault) => Err(StatementError::Rule(fault)),
            None => Ok(()),
        }
    }
}
