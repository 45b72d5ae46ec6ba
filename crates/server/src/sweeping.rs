//! Blobs that no entry names are removed: an hour after the start, and once a day.
//!
//! Invariant: what a command on its way needs stays (`ledger::Blobs::sweep`); it takes a thread of the pool and no lock
//! of the writer.

use std::sync::Arc;
use std::time::Duration;

use ledger::BlobError;

use crate::http::Shared;

/// Sweeps for as long as the server runs.
pub async fn run(shared: Arc<Shared>) {
    let mut pause = FIRST;
    loop {
        tokio::time::sleep(pause).await;
        pause = EVERY;
        let at = Arc::clone(&shared);
        match tokio::task::spawn_blocking(move || sweep(&at)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => shown::say(&format!("removed {removed} blobs that no entry names")),
            Ok(Err(error)) => shown::say(&format!("warning: blobs that no entry names stay: {error}")),
            Err(error) => shown::say(&format!("warning: blobs that no entry names stay: {error}")),
        }
    }
}

fn sweep(shared: &Shared) -> Result<u64, BlobError> {
    let stopping = || *shared.stopping.borrow();
    let keeper = &shared.gatekeeper;
    keeper.readers().with(|reader| keeper.blobs().sweep(reader, AGE, &|| !stopping()))
}

/// Commands that were on their way at the start have come by then, or are sent anew.
const FIRST: Duration = Duration::from_hours(1);
const EVERY: Duration = Duration::from_hours(24);
const AGE: Duration = Duration::from_hours(24);
