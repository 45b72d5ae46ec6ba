//! How commands wait for asynchronous work.
//!
//! Invariant: an interrupted wait cancels nothing else, and says what continues without it.

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// A runtime for the asynchronous work of one command.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Waits for a result; on Ctrl-C or SIGTERM it fails with a message about what continues.
pub async fn unless_interrupted<T>(
    waiting: impl Future<Output = Result<T, Failure>>,
    goes_on: &str,
) -> Result<T, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = waiting => done,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Err(Failure::interrupted(format!("interrupted: {goes_on}")))
        }
        _ = terminate.recv() => Err(Failure::interrupted(format!("ended: {goes_on}"))),
    }
}
