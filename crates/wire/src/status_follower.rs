//! Asks witnesses for the newest status beside a role's work, so that a freeze or a revocation reaches the role while the server is down or
//! hides it.
//!
//! Invariant: the role alone judges what comes, one status after the other, and keeps it. A witness that is silent or lies changes
//! nothing, delays no other one, and is asked again.

use std::fmt::Display;
use std::time::Duration;

use evidence::Id;
use evidence::relayed_status::RelayedStatus;
use futures_util::future::join_all;
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::status_relay::StatusRelay;

/// Asks every witness again and again, all at once. `take` keeps a status that is newer than what the role knows, and returns its
/// number. Runs until it is dropped.
pub async fn follow_statuses<E>(
    relays: &[StatusRelay],
    installation: Id,
    take: impl Fn(&RelayedStatus) -> Result<Option<u64>, E> + Clone + Send + 'static,
) where
    E: Display + Send + 'static,
{
    // Two that took at the same time could leave the older status.
    let turn = Mutex::new(());
    join_all(relays.iter().map(|relay| follow(relay, installation, &take, &turn))).await;
    // Without witnesses there is nobody to ask.
    std::future::pending().await
}

/// Asks one witness again and again.
async fn follow<E: Display + Send + 'static>(
    relay: &StatusRelay,
    installation: Id,
    take: &(impl Fn(&RelayedStatus) -> Result<Option<u64>, E> + Clone + Send + 'static),
    turn: &Mutex<()>,
) {
    let mut is_failing = false;
    loop {
        let taken = asked(relay, installation, take.clone(), turn).await;
        match &taken {
            Ok(Some(number)) => info!("status {number} came from the witness at {}", relay.url()),
            Ok(None) => {}
            Err(fault) if !is_failing => warn!("the witness at {}: {fault}; asking again", relay.url()),
            Err(_) => {}
        }
        is_failing = taken.is_err();
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn asked<E: Display + Send + 'static>(
    relay: &StatusRelay,
    installation: Id,
    take: impl FnOnce(&RelayedStatus) -> Result<Option<u64>, E> + Send + 'static,
    turn: &Mutex<()>,
) -> Result<Option<u64>, String> {
    let given = relay.newest(installation).await.map_err(|error| error.to_string())?;
    let Some(given) = given else { return Ok(None) };
    let _turn = turn.lock().await;
    // Signatures and the disk take their time, and the role goes on meanwhile.
    let judged = tokio::task::spawn_blocking(move || take(&given));
    judged.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// Pause between two questions to a witness.
const ASK_EVERY: Duration = Duration::from_secs(10);
