//! Removal of live logs whose work has ended.

use std::sync::Arc;

use crate::shared::Shared;

/// Removes live logs once their work has ended, for as long as the server runs.
pub async fn run(shared: Arc<Shared>) {
    let mut changes = shared.intake.changes();
    while changes.changed().await.is_ok() {
        let at = Arc::clone(&shared);
        let removed = tokio::task::spawn_blocking(move || at.logs.keep_outstanding(&at.intake.state()));
        if removed.await.is_err() {
            return;
        }
    }
}
