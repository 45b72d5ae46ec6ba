//! A person's commands: signed by the sign-in key of the profile, sent, and answered by the server.
//!
//! Input: an action with its arguments. Output: the server's answer. Invariant: a request is signed before the first
//! byte is sent, and it is never sent twice.

use std::time::Duration;

use evidence::dsse::Envelope;
use evidence::request::{self, Request};
use evidence::{Bytes, Digest, Id};
use serde_json::Value;
use wire::{Client, ClientError, CommandOutcome, ProblemKind, Submission};

use crate::access::Access;
use crate::clock::now;
use crate::error::Error;
use crate::profile::Profile;
use crate::random;
use crate::signing::PersonKey;

/// Parts that accompany a request.
#[derive(Debug, Default)]
pub struct Parts {
    /// Signed statements.
    pub statements: Vec<Envelope>,
    /// Bytes that the statements name by digest.
    pub attachments: Vec<Vec<u8>>,
    /// Path of the repository.
    pub repository: Option<String>,
    /// The commit's objects, which are sent first.
    pub upload: Option<Vec<u8>>,
}

/// A request that was signed and not sent yet.
#[derive(Debug)]
pub struct SignedRequest {
    request: Request,
    submission: Submission,
    upload: Option<Vec<u8>>,
}

/// A request that was signed and sent.
#[derive(Debug)]
pub struct Sent {
    /// The request.
    pub request: Request,
    /// Digest of its signed envelope.
    pub envelope: Digest,
    /// The server's answer.
    pub outcome: CommandOutcome,
}

/// Signs a request with the sign-in key of the profile that belongs to an installation.
pub fn sign(access: &Access, action: &str, arguments: Value, parts: Parts) -> Result<SignedRequest, Error> {
    let profile = Profile::of(access)?;
    let now = now()?;
    let request = Request {
        v: 1,
        installation: profile.installation,
        person: profile.person.id(),
        issued: now,
        expires: now.later_by(VALIDITY),
        nonce: random::id()?,
        action: action.parse()?,
        arguments,
    };
    let mut envelope = request.envelope()?;
    PersonKey::read(&profile.sign_in_key)?.sign(&mut envelope, request::NAMESPACE)?;
    let submission = Submission {
        request: envelope,
        statements: parts.statements,
        attachments: parts.attachments.into_iter().map(Bytes).collect(),
        repository: parts.repository,
        upload: parts.upload.as_deref().map(Digest::of),
    };
    Ok(SignedRequest { request, submission, upload: parts.upload })
}

impl SignedRequest {
    /// The signed request, for what is sent before it.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.submission.request
    }

    /// The nonce of the request.
    #[must_use]
    pub const fn nonce(&self) -> Id {
        self.request.nonce
    }

    /// Sends the request; a refusal is an error with its reasons.
    pub async fn send(self, client: &Client) -> Result<Sent, Error> {
        if let Some(pack) = self.upload {
            client.put_upload(self.submission.request.clone(), pack.into()).await?;
        }
        let envelope = Digest::of(&self.submission.request.encode()?);
        let outcome = match client.submit(&self.submission).await {
            Err(ClientError::Problem(problem)) if problem.kind == ProblemKind::Refused => {
                return Err(Error::Counted { message: problem.detail, reasons: problem.reasons });
            }
            outcome => outcome?,
        };
        if outcome.accepted {
            Ok(Sent { request: self.request, envelope, outcome })
        } else {
            Err(Error::Refused { entry: outcome.entry, reasons: outcome.reasons })
        }
    }
}

/// Validity of a request, and so the longest time that it may take to reach its server.
pub const VALIDITY: Duration = Duration::from_mins(5);
