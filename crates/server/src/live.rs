//! Reads new entries for browsers that watch: what each is about, without its content.
//!
//! Invariant: entries are read once for all watchers, and not at all while nobody watches.

use std::sync::Arc;

use domain::Event;
use evidence::Place;
use evidence::entry::Entry;
use ledger::{LedgerError, Reader};
use serde::Deserialize as _;
use serde_json::Value;
use tracing::warn;

use crate::shared::Shared;
use crate::views::project_of;
use crate::watchers::{BEHIND_MAX, Change};

/// Tells watchers of new entries until the server ends.
pub async fn run(shared: Arc<Shared>) {
    let mut changes = shared.intake.changes();
    let mut told = shared.intake.state().entries;
    loop {
        if changes.changed().await.is_err() {
            return;
        }
        changes.borrow_and_update();
        let size = shared.intake.state().entries;
        if shared.watchers.count() > 0 && size > told {
            let (at, from) = (Arc::clone(&shared), told);
            let read = tokio::task::spawn_blocking(move || {
                at.gatekeeper.readers().with(|reader| between(reader, from, size))
            });
            match read.await {
                Ok(Ok(found)) => found.into_iter().for_each(|change| shared.watchers.tell(change)),
                Ok(Err(error)) => warn!("browsers cannot be told what changed: {error}"),
                Err(error) => warn!("browsers cannot be told what changed: {error}"),
            }
        }
        told = size;
    }
}

/// The changes between two sizes of the ledger; of many, the last ones.
///
/// # Errors
/// `LedgerError` if the entries cannot be read.
pub fn between(reader: &Reader, from: u64, to: u64) -> Result<Vec<Change>, LedgerError> {
    let from = from.max(to.saturating_sub(BEHIND_MAX as u64));
    let entries = reader.entries(from, to)?;
    let numbered = entries.iter().zip(from..);
    numbered.map(|(entry, number)| change(entry, number + 1)).collect()
}

fn change(entry: &Entry, size: u64) -> Result<Change, LedgerError> {
    let unsound = |what: String| LedgerError::Row { place: format!("entry {}", size - 1), what };
    let header = entry.check().map_err(|error| unsound(error.to_string()))?;
    let event = Event::read(&header.kind, &entry.facts).map_err(|error| unsound(error.to_string()))?;
    let facts: Value = entry.facts.decode("facts").map_err(|error| unsound(error.to_string()))?;
    let place = facts.get("place").and_then(|place| Place::deserialize(place).ok());
    let run = facts.get("run").and_then(Value::as_str).map(str::to_owned);
    Ok(Change {
        size,
        project: project_of(header.project.as_ref(), &event).cloned(),
        is_refusal: matches!(event, Event::Refused(_)),
        place,
        run,
    })
}
