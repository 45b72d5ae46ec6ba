//! Removes blobs that no entry names: an hour after the start, and once a day.
//!
//! Invariant: blobs that a waiting command needs stay (`ledger::Blobs::sweep`). The sweep runs on a thread of the pool and
//! takes no lock of the writer.

use std::sync::Arc;
use std::time::Duration;

use ledger::BlobError;
use tracing::{info, warn};

use crate::http::{secrets, uploads};
use crate::shared::Shared;

/// Sweeps for as long as the server runs.
pub async fn run(shared: Arc<Shared>) {
    let mut pause = FIRST;
    loop {
        tokio::time::sleep(pause).await;
        pause = EVERY;
        let at = Arc::clone(&shared);
        match tokio::task::spawn_blocking(move || sweep(&at)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => info!("removed {removed} blobs that no entry names"),
            Ok(Err(error)) => {
                warn!("blobs that no entry names could not be removed: {error}")
            }
            Err(error) => {
                warn!("blobs that no entry names could not be removed: {error}")
            }
        }
    }
}

fn sweep(shared: &Shared) -> Result<u64, BlobError> {
    let stopping = || *shared.stopping.borrow();
    let keeper = &shared.gatekeeper;
    for project in shared.uploads.all() {
        if let Err(error) = uploads::sweep(shared, &project) {
            warn!("uploads of project {project} that no run needs could not be removed: {error}");
        }
    }
    if let Err(error) = secrets::forget(shared) {
        warn!("keys of destroyed secrets could not be taken out of the vault: {error}");
    }
    keeper.readers().with(|reader| keeper.blobs().sweep(reader, AGE, &|| !stopping()))
}

/// By then every command that was waiting at the start has been recorded, or is sent again.
const FIRST: Duration = Duration::from_hours(1);
const EVERY: Duration = Duration::from_hours(24);
const AGE: Duration = Duration::from_hours(24);
