//! Asks witnesses for the newest status beside a role's work, so that a freeze or a revocation reaches the role while the server is down or
//! hides it.
//!
//! Invariant: the role alone judges what comes, and keeps it. A witness that is silent or lies changes nothing, and is asked again.

use std::fmt::Display;
use std::time::Duration;

use evidence::Id;
use evidence::relayed_status::RelayedStatus;
use tracing::{info, warn};

use crate::status_relay::StatusRelay;

/// Asks every witness again and again. `take` keeps a status that is newer than what the role knows, and returns its number.
/// Runs until it is dropped.
pub async fn follow_statuses<E>(
    relays: &[StatusRelay],
    installation: Id,
    take: impl Fn(&RelayedStatus) -> Result<Option<u64>, E> + Clone + Send + 'static,
) where
    E: Display + Send + 'static,
{
    let mut failing = vec![false; relays.len()];
    loop {
        for (relay, failing) in relays.iter().zip(&mut failing) {
            let taken = asked(relay, installation, take.clone()).await;
            match &taken {
                Ok(Some(number)) => info!("status {number} came from the witness at {}", relay.url()),
                Ok(None) => {}
                Err(fault) if !*failing => warn!("the witness at {}: {fault}; asking again", relay.url()),
                Err(_) => {}
            }
            *failing = taken.is_err();
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn asked<E: Display + Send + 'static>(
    relay: &StatusRelay,
    installation: Id,
    take: impl FnOnce(&RelayedStatus) -> Result<Option<u64>, E> + Send + 'static,
) -> Result<Option<u64>, String> {
    let given = relay.newest(installation).await.map_err(|error| error.to_string())?;
    let Some(given) = given else { return Ok(None) };
    // Signatures and the disk take their time, and the role goes on meanwhile.
    let judged = tokio::task::spawn_blocking(move || take(&given));
    judged.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// Pause between two rounds of questions.
const ASK_EVERY: Duration = Duration::from_secs(10);
