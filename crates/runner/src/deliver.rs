//! Sends what came of a piece of work until the server has taken it, or has said that it never will.
//!
//! Invariant: nothing is sent without end to a server that answers. Nobody's answer, a busy server and a full disk pass;
//! a failing server is asked a bounded number of times; what is refused is not sent again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evidence::Digest;
use evidence::dsse::Envelope;
use wire::{Client, ClientError, CommandOutcome, ProblemKind};

use crate::work::CompletedWork;

/// Sends what came of a piece of work; fine when nobody wants it any more.
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

/// Sends something until there is an answer; `None` when nobody wants it any more.
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
            shown::say(&format!("warning: {error}; sending again"));
            complained = true;
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

/// What an error says about the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It says nothing about what is sent: it may be sent for as long as somebody wants it.
    Passes,
    /// The server failed at it: it may do so again.
    Fails,
    /// The answer to the same is the same.
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
        ClientError::Answer { .. } | ClientError::SignIn(_) => Kind::Fails,
    }
}

/// Whether somebody decided meanwhile that this is not wanted any more, or it was taken before.
fn is_over(error: &ClientError) -> bool {
    let ClientError::Problem(problem) = error else { return false };
    !problem.reasons.is_empty() && problem.reasons.iter().all(|reason| OVER.contains(&reason.code.as_str()))
}

/// Reasons by which work has come to an end.
const OVER: [&str; 3] = ["nothing-due", "already-reported", "no-such-run"];
/// How often a server may fail at the same.
const FAILURES_MAX: u32 = 8;
/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(30);
