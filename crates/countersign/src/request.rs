//! A person's commands: signed by the sign-in key of the profile, sent, and answered by the server.

use std::time::Duration;

use evidence::Bytes;
use evidence::dsse::Envelope;
use evidence::request::{self, Request};
use serde_json::Value;
use wire::{ClientError, CommandOutcome, ProblemKind, Submission};

use crate::clock::now;
use crate::failure::Failure;
use crate::home::{Home, Profile};
use crate::random;
use crate::signing::PersonKey;
use crate::waiting::{runtime, unless_interrupted};

/// Parts that accompany a request.
#[derive(Debug, Default)]
pub struct With {
    /// Signed statements.
    pub statements: Vec<Envelope>,
    /// Bytes that the statements name by digest.
    pub attachments: Vec<Vec<u8>>,
    /// Path of the repository.
    pub repository: Option<String>,
}

/// A request that was signed and sent.
#[derive(Debug)]
pub struct Sent {
    /// The request.
    pub request: Request,
    /// The server's answer.
    pub outcome: CommandOutcome,
}

/// Signs a request and sends it; a refusal is a failure with its reasons.
pub fn send(home: &Home, action: &str, arguments: Value, with: With) -> Result<Sent, Failure> {
    let profile = Profile::of(home)?;
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
        statements: with.statements,
        attachments: with.attachments.into_iter().map(Bytes).collect(),
        repository: with.repository,
    };
    let client = home.client()?;
    let sending = async {
        match client.submit(&submission).await {
            Err(ClientError::Problem(problem)) if problem.kind == ProblemKind::Refused => {
                Err(Failure::counted(problem.detail, problem.reasons))
            }
            outcome => Ok(outcome?),
        }
    };
    let unknown = "it is unknown whether the server has recorded the request; `countersign status` shows what is recorded";
    let outcome = runtime()?.block_on(unless_interrupted(sending, unknown))?;
    if outcome.accepted {
        Ok(Sent { request, outcome })
    } else {
        Err(Failure::refused(outcome.entry, outcome.reasons))
    }
}

/// Validity of a request, and so the longest time that it may take to reach its server.
pub const VALIDITY: Duration = Duration::from_mins(5);
