//! Takes snapshots of the state at intervals, and records them.

use std::path::Path;
use std::sync::Arc;

use domain::snapshot::{RecordSnapshot, Snapshotted};
use domain::{Command, RULES, State};
use evidence::Name;
use evidence::canonical;
use evidence::entry::{Actor, Auth};
use tracing::{Span, warn};

use crate::job::{Answer, CommandSource, Job};
use crate::shared::Shared;
use crate::snapshots::{HINT, Hint, STATE_BYTES_MAX, root_at};

/// Takes a snapshot each time the ledger has grown enough since the last one.
pub async fn run(shared: Arc<Shared>) {
    let mut changes = shared.intake.changes();
    let mut last = shared.intake.snapshot();
    loop {
        changes.borrow_and_update();
        let state = shared.intake.state();
        if state.entries >= last.saturating_add(EVERY) {
            match take(&shared, &state).await {
                Ok(()) => {}
                Err(what) => warn!("no snapshot was taken: {what}"),
            }
            // After a failure too, the next attempt waits until the ledger has grown again.
            last = state.entries;
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn take(shared: &Arc<Shared>, state: &Arc<State>) -> Result<(), String> {
    let (at, of) = (Arc::clone(shared), Arc::clone(state));
    let made = tokio::task::spawn_blocking(move || {
        let bytes = canonical::encode("snapshot", of.as_ref()).map_err(text)?;
        if bytes.len() > STATE_BYTES_MAX {
            return Err(format!("the state has {} bytes, at most {STATE_BYTES_MAX} are kept", bytes.len()));
        }
        let readers = at.gatekeeper.readers();
        let root = readers.with(|reader| root_at(readers.dir(), reader, of.entries)).map_err(text)?;
        let kept = at.gatekeeper.blobs().put(&bytes).map_err(text)?;
        Ok(Snapshotted { size: of.entries, root, state: kept, rules: RULES })
    });
    let snapshotted = made.await.map_err(text)??;
    let action: Name = "snapshot".parse().map_err(text)?;
    let origin =
        CommandSource { actor: Actor::System, auth: Auth::None, action, idempotency: None, project: None };
    let blobs = vec![snapshotted.state];
    let command = Command::RecordSnapshot(RecordSnapshot { snapshotted });
    match shared
        .intake
        .submit(Job { command, origin, particulars: None, blobs, bodies: Vec::new(), span: Span::none() })
        .await
        .map_err(text)?
    {
        Answer::Accepted { entry, .. } => {
            let (dir, hint) = (shared.gatekeeper.readers().dir().to_path_buf(), Hint { v: 1, entry });
            let written = tokio::task::spawn_blocking(move || write(&dir, &hint));
            written.await.map_err(text)?
        }
        Answer::Refused { refusal, .. } => Err(refusal.to_string()),
        Answer::Repeated(_) => Ok(()),
    }
}

fn write(dir: &Path, hint: &Hint) -> Result<(), String> {
    let bytes = serde_json::to_vec(hint).map_err(text)?;
    disk::replace("server.snapshot", &dir.join(HINT), &bytes, 0o600).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Number of entries after which a new snapshot is taken.
const EVERY: u64 = 10_000;
