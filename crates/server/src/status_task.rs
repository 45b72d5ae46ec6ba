//! Gives each new status to the witnesses, so that they know the newest one when this server is down: a freeze that was made
//! then has to follow it.
//!
//! Invariant: it gives what the ledger has, and takes nothing. A witness that is silent delays nobody, and is asked again; one
//! that refuses a status is given the next one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evidence::Digest;
use evidence::machine::MachineKey;
use evidence::relayed_status::RelayedStatus;
use evidence::status::StatusFile;
use judge::Store as _;
use tracing::warn;
use wire::{RelayError, give_to_all};

use crate::shared::Shared;

/// A status and the root under which it is given.
type Version = (Digest, Option<Digest>);

/// Runs until the server ends.
pub async fn run(shared: Arc<Shared>, urls: Vec<String>) {
    let mut given = BTreeMap::new();
    let mut complained = false;
    let mut changes = shared.intake.changes();
    loop {
        changes.borrow_and_update();
        let failures = round(&shared, &urls, &mut given).await;
        if failures.is_empty() {
            complained = false;
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        }
        if !complained {
            warn!("witnesses do not have the newest status: {}; giving it again", failures.join("; "));
        }
        complained = true;
        drop(tokio::time::timeout(PAUSE, changes.changed()).await);
    }
}

/// Gives the status in force to the witnesses that do not have it yet; returns why some of them still do not.
async fn round(shared: &Arc<Shared>, urls: &[String], given: &mut BTreeMap<String, Version>) -> Vec<String> {
    let Some(version) = version(shared) else { return Vec::new() };
    let left: Vec<_> = urls.iter().filter(|url| given.get(*url) != Some(&version)).collect();
    if left.is_empty() {
        return Vec::new();
    }
    let answers = match give(shared, &left).await {
        Ok(answers) => answers,
        Err(why) => return vec![why],
    };
    let mut failures = Vec::new();
    for (url, answer) in left.into_iter().zip(answers) {
        match answer {
            Ok(()) => {}
            Err(RelayError::Refused(why)) => warn!("the witness at {url} does not keep the status: {why}"),
            Err(error) => {
                failures.push(format!("{url}: {error}"));
                continue;
            }
        }
        given.insert(url.clone(), version);
    }
    failures
}

/// The status in force and the newest root; `None` before there is one.
fn version(shared: &Shared) -> Option<Version> {
    let state = shared.intake.state();
    Some((state.identity.status()?.2, state.identity.roots().last().copied()))
}

/// Gives the status in force to these witnesses, all at once.
async fn give(shared: &Arc<Shared>, urls: &[&String]) -> Result<Vec<Result<(), RelayError>>, String> {
    let at = Arc::clone(shared);
    let read = tokio::task::spawn_blocking(move || newest(&at));
    let (relayed, keys) = read.await.map_err(text)??;
    Ok(give_to_all(urls.iter().copied(), &keys, &relayed).await)
}

/// The status in force with all roots, and the keys of the witnesses.
fn newest(shared: &Shared) -> Result<(RelayedStatus, Vec<MachineKey>), String> {
    let state = shared.intake.state();
    let roots = shared.gatekeeper.roots(&state).map_err(text)?;
    let keys = shared.gatekeeper.root(&state).map_err(text)?.witness_keys().map_err(text)?;
    let digest = state.identity.status().ok_or("there is no status")?.2;
    let bytes = shared.gatekeeper.store().blob(&digest).map_err(text)?;
    let status = StatusFile::decode(&bytes).map_err(text)?;
    Ok((RelayedStatus::new(status, roots), keys.iter().map(MachineKey::from).collect()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Pause before a witness that did not answer is asked again.
const PAUSE: Duration = Duration::from_secs(5);
