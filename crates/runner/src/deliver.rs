//! Sends the result of a piece of work until the server has accepted it, or has refused it for good.
//!
//! Invariant: nothing is sent without end to a server that answers. A missing answer, a busy server and a full disk are
//! temporary; a failing server is asked a limited number of times; a refused result is not sent again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evidence::Digest;
use evidence::dsse::Envelope;
use tracing::warn;
use wire::{Client, ClientError, CommandOutcome, ProblemKind};

use crate::stored_answer::CompletedWork;

/// Sends the result of a piece of work; also succeeds if the work is not wanted any more.
///
/// # Errors
/// `ClientError` when the server will not take it.
pub async fn deliver(
    client: &Client,
    done: CompletedWork,
    wanted: &AtomicBool,
    pause: Duration,
) -> Result<(), ClientError> {
    for blob in done.blobs.into_iter().map(bytes::Bytes::from) {
        if until_answered(|| put_blob(client.clone(), blob.clone()), wanted, pause).await?.is_none() {
            return Ok(());
        }
    }
    until_answered(|| report(client.clone(), done.receipt.clone()), wanted, pause).await.map(drop)
}

async fn put_blob(client: Client, bytes: bytes::Bytes) -> Result<Digest, ClientError> {
    client.put_blob(bytes).await
}

async fn report(client: Client, receipt: Envelope) -> Result<CommandOutcome, ClientError> {
    client.report_receipt(receipt).await
}

/// Sends something until there is an answer; `None` if the work is not wanted any more.
///
/// # Errors
/// `ClientError` when the server says that it will not take it, or goes on failing.
pub async fn until_answered<T, F>(
    send: impl Fn() -> F,
    wanted: &AtomicBool,
    pause: Duration,
) -> Result<Option<T>, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let (mut failed, mut pause, mut complained) = (0, pause, false);
    loop {
        let error = match send().await {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) if is_over(&error) || !wanted.load(Ordering::Relaxed) => {
                drop(error);
                return Ok(None);
            }
            Err(error) => error,
        };
        match kind_of(&error) {
            Kind::Passes => {}
            Kind::Fails if failed < FAILURES_MAX => failed += 1,
            Kind::Fails | Kind::Stays => return Err(error),
        }
        if !complained {
            warn!("{error}; sending again");
            complained = true;
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

/// The meaning of an error for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Temporary, and independent of the content: it is sent again as long as the work is wanted.
    Passes,
    /// The server failed, possibly because of the content: it is sent again a limited number of times.
    Fails,
    /// Permanent: the same content always gets the same answer.
    Stays,
}

fn kind_of(error: &ClientError) -> Kind {
    match error {
        ClientError::Unreachable { .. } | ClientError::Unproven { .. } => Kind::Passes,
        ClientError::Problem(problem) => match problem.kind {
            ProblemKind::Busy | ProblemKind::Full => Kind::Passes,
            ProblemKind::Failed => Kind::Fails,
            _ => Kind::Stays,
        },
        ClientError::Answer { .. } | ClientError::SignIn(_) | ClientError::Url(_) | ClientError::Tls(_) => {
            Kind::Fails
        }
    }
}

/// Whether the work ended meanwhile, or its result was accepted before.
fn is_over(error: &ClientError) -> bool {
    let ClientError::Problem(problem) = error else { return false };
    !problem.reasons.is_empty() && problem.reasons.iter().all(|reason| OVER.contains(&reason.code.as_str()))
}

/// Reasons with which the server says that the work has ended.
const OVER: [&str; 3] = ["nothing-due", "already-reported", "no-such-run"];
/// Number of times that a server may fail on the same content.
const FAILURES_MAX: u32 = 8;
/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(30);
