//! Approvals and rejections: a person's signed decision about one artifact under one plan. Format:
//! `docs/formats/approval.md`.
//!
//! Invariant: an approval is an in-toto statement whose subjects are the digests of the artifact and the plan, signed
//! by one approval key (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>). It counts only for
//! the release, evidence and policy that it names. This module does not compare them: the caller does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError};
use crate::ssh::{self, SshKey, SshSigError};
use crate::statement::{PAYLOAD_TYPE, TYPE};
use crate::{Digest, Id, Moment, Name};

/// Predicate type of an approval.
pub const APPROVAL: &str = "tag:countersign,2026:approval/v1";
/// Predicate type of a rejection.
pub const REJECTION: &str = "tag:countersign,2026:rejection/v1";
/// SSHSIG namespace of an approval.
pub const APPROVAL_NAMESPACE: &str = "countersign-approval@v1";
/// SSHSIG namespace of a rejection.
pub const REJECTION_NAMESPACE: &str = "countersign-rejection@v1";
/// Largest statement in bytes.
pub const BYTES_MAX: usize = 24 * 1024;

/// A person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The person approves.
    Approve,
    /// The person rejects.
    Reject,
}

/// Predicate of an approval or rejection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Approval {
    /// The installation.
    pub installation: Id,
    /// The person's id in the enrolment.
    pub person: Id,
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// Number of the release.
    pub release: u64,
    /// Artifact that the release replaces, and that comes back if its probe fails. Absent for a first release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
    /// Digest of the evidence manifest.
    pub evidence: Digest,
    /// Digest of the policy in force.
    pub policy: Digest,
    /// Version of the trust root.
    pub root: u32,
    /// Text of the checkpoint that the person saw.
    pub checkpoint: String,
    /// The person's reason.
    pub reason: String,
    /// Id of the change ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Start of validity.
    pub not_before: Moment,
    /// End of validity.
    pub expires: Moment,
    /// Random number that keeps two equal decisions apart.
    pub nonce: Id,
    /// `command-line`, or `browser` if the person signed in a page of the server.
    pub via: String,
    /// Digests of the person's own rebuild, by path. Absent if the person did not rebuild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<BTreeMap<String, Digest>>,
}

/// A decision together with its subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The person's decision.
    pub decision: Decision,
    /// The artifact.
    pub artifact: Digest,
    /// The deployment plan.
    pub plan: Digest,
    /// The predicate.
    pub said: Approval,
}

/// Errors of reading and verifying an approval.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The envelope is malformed.
    #[error("approval: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature is invalid.
    #[error("approval: {0}")]
    Signature(#[from] SshSigError),
    /// A rule of the format is broken.
    #[error("approval: {0}")]
    Rule(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "_type")]
    type_uri: String,
    subject: [Subject; 2],
    predicate_type: String,
    predicate: Approval,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: Sha256,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sha256 {
    sha256: String,
}

impl Decision {
    /// SSHSIG namespace of the signature. Approvals and rejections use different ones, so that a signature over one can
    /// never pass for the other.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Approve => APPROVAL_NAMESPACE,
            Self::Reject => REJECTION_NAMESPACE,
        }
    }

    const fn predicate_type(self) -> &'static str {
        match self {
            Self::Approve => APPROVAL,
            Self::Reject => REJECTION,
        }
    }
}

impl Signed {
    /// Encodes the statement into an envelope without signatures.
    ///
    /// # Errors
    /// `ApprovalError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, ApprovalError> {
        self.check()?;
        let subject = |name: &str, digest: Digest| Subject {
            name: name.to_owned(),
            digest: Sha256 { sha256: digest.hex() },
        };
        let wire = Wire {
            type_uri: TYPE.to_owned(),
            subject: [subject(ARTIFACT, self.artifact), subject(PLAN, self.plan)],
            predicate_type: self.decision.predicate_type().to_owned(),
            predicate: self.said.clone(),
        };
        Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("approval", &wire)?))
    }

    /// Reads the payload without verifying the signature, in order to look up the person's keys.
    ///
    /// # Errors
    /// `ApprovalError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, ApprovalError> {
        let wire: Wire = canonical::decode("approval", envelope.payload(PAYLOAD_TYPE)?, BYTES_MAX)?;
        if wire.type_uri != TYPE {
            return Err(ApprovalError::Rule("`_type` is not in-toto Statement v1"));
        }
        let decision = match wire.predicate_type.as_str() {
            APPROVAL => Decision::Approve,
            REJECTION => Decision::Reject,
            _ => return Err(ApprovalError::Rule("`predicateType` is neither approval nor rejection")),
        };
        let [artifact, plan] = &wire.subject;
        if artifact.name != ARTIFACT || plan.name != PLAN {
            return Err(ApprovalError::Rule("the subjects are not `artifact` and `plan`"));
        }
        let digest = |subject: &Subject| {
            let parsed = format!("sha256:{}", subject.digest.sha256).parse();
            parsed.map_err(|_| ApprovalError::Rule("a subject's digest is not SHA-256"))
        };
        let signed =
            Self { decision, artifact: digest(artifact)?, plan: digest(plan)?, said: wire.predicate };
        signed.check().map(|()| signed)
    }

    /// Verifies that exactly one of the person's approval keys signed, and returns that key.
    ///
    /// # Errors
    /// `ApprovalError` when the signature is invalid.
    pub fn verify<'a>(&self, envelope: &Envelope, keys: &[&'a SshKey]) -> Result<&'a SshKey, ApprovalError> {
        match ssh::signers(envelope, self.decision.namespace(), keys)?.as_slice() {
            [key] => Ok(key),
            _ => Err(ApprovalError::Rule("it needs exactly one signature")),
        }
    }

    fn check(&self) -> Result<(), ApprovalError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(ApprovalError::Rule(text)) };
        let said = &self.said;
        rule(said.not_before < said.expires, "`expires` is not after `notBefore`")?;
        rule((1..=4000).contains(&said.reason.trim().len()), "a reason of 1 to 4,000 bytes is needed")?;
        rule(said.ticket.as_ref().is_none_or(|t| (1..=200).contains(&t.len())), "the ticket is too long")?;
        rule(["command-line", "browser"].contains(&said.via.as_str()), "`via` is not known")?;
        rule(said.release >= 1, "`release` starts at 1")
    }
}

const ARTIFACT: &str = "artifact";
const PLAN: &str = "plan";
