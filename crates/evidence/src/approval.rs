//! Approvals and rejections: what one person says of one artifact under one plan. Format:
//! `docs/formats/approval.md`.
//!
//! Invariant: an in-toto statement whose subjects are the artifact's and the plan's digest, signed by one
//! approval key. It counts only for exactly what it names; the caller compares.

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

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Approval {
    /// The installation.
    pub installation: Id,
    /// Who says it, by the id in their enrolment.
    pub person: Id,
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// Number of the release.
    pub release: u64,
    /// Artifact that it replaces and may return to; absent for a first release.
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
    /// Why.
    pub reason: String,
    /// Change ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// When it begins to count.
    pub not_before: Moment,
    /// When it ceases to count.
    pub expires: Moment,
    /// Random.
    pub nonce: Id,
    /// `command-line`, or `browser` when it was made in a page that the server sent.
    pub via: String,
    /// Digests that the person's own rebuild gave, by path; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<BTreeMap<String, Digest>>,
}

/// An approval with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Yes or no.
    pub decision: Decision,
    /// The artifact.
    pub artifact: Digest,
    /// The deployment plan.
    pub plan: Digest,
    /// What is said.
    pub said: Approval,
}

/// Why a statement is not an approval, or does not count.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The envelope is malformed.
    #[error("approval: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The signature does not count.
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
    /// SSHSIG namespace of its signature.
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
    /// An envelope without signatures.
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

    /// Reads the payload without looking at the signature; needed to find whose keys count.
    ///
    /// # Errors
    /// `ApprovalError` names what is wrong.
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

    /// Checks that exactly one of the person's approval keys signed; answers that key.
    ///
    /// # Errors
    /// `ApprovalError` when it does not count.
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
