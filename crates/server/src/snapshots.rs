//! Snapshots of the state, used to start faster.
//!
//! Invariant: a snapshot counts only if the entry that the hint names binds it to this ledger's size and root hash, to
//! this program's rules, and to its own bytes. Otherwise it is dropped with a warning, and the state is computed from the
//! whole ledger: a snapshot saves time and decides nothing.

use std::path::Path;

use domain::{Event, RULES, State};
use evidence::Digest;
use evidence::canonical;
use ledger::{BLOBS, Blobs, LedgerError, Reader, Tiles};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::writer_error::WriterError;

/// Name of the file that names the entry of the newest snapshot.
pub const HINT: &str = "snapshot.json";
/// Largest state that is stored, in bytes.
pub const STATE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The position of the newest snapshot; it proves nothing.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    pub v: u8,
    pub entry: u64,
}

/// The state of a ledger, computed from its newest snapshot, and that snapshot's size; 0 if no snapshot was used.
///
/// # Errors
/// `WriterError` if entries cannot be read or are unknown to this program.
pub fn state_of(dir: &Path, reader: &Reader) -> Result<(State, u64), WriterError> {
    let mut state = match newest(dir, reader) {
        Ok(state) => state.unwrap_or_default(),
        Err(what) => {
            warn!("the snapshot does not count, so the state is computed from the whole ledger: {what}");
            State::default()
        }
    };
    let from = state.entries;
    fold(&mut state, reader)?;
    Ok((state, from))
}

/// Applies all entries that the state does not contain yet; on an empty state, the whole ledger.
///
/// # Errors
/// `WriterError` if entries cannot be read or are unknown to this program.
pub fn fold(state: &mut State, reader: &Reader) -> Result<(), WriterError> {
    let size = reader.head()?.frontier.size();
    while state.entries < size {
        for entry in reader.entries(state.entries, size)? {
            state.fold(&entry.check()?, &entry.facts)?;
        }
    }
    Ok(())
}

/// The newest snapshot, if there is one; an error in words if it does not count.
fn newest(dir: &Path, reader: &Reader) -> Result<Option<State>, String> {
    let hint = match std::fs::read(dir.join(HINT)) {
        Ok(bytes) => serde_json::from_slice::<Hint>(&bytes).map_err(text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(text(error)),
    };
    if hint.v != 1 {
        return Err(format!("`{HINT}` is of version {}", hint.v));
    }
    let entry = reader.entries(hint.entry, hint.entry.saturating_add(1)).map_err(text)?.into_iter().next();
    let entry = entry.ok_or_else(|| format!("there is no entry {}", hint.entry))?;
    let header = entry.check().map_err(text)?;
    let event = Event::read(&header.kind, &entry.facts).map_err(text)?;
    let Event::Snapshotted(found) = event else {
        return Err(format!("entry {} is not a snapshot", hint.entry));
    };
    if found.rules != RULES || found.size > hint.entry || found.size == 0 {
        return Err(format!("it is of rules {} at size {}", found.rules, found.size));
    }
    if root_at(dir, reader, found.size).map_err(text)? != found.root {
        return Err(format!("it is of another ledger of {} entries", found.size));
    }
    let blobs = Blobs::read_only(&dir.join(BLOBS));
    let bytes = blobs.read(&found.state, STATE_BYTES_MAX as u64).map_err(text)?;
    let state: State = canonical::decode("snapshot", &bytes, STATE_BYTES_MAX).map_err(text)?;
    if state.entries != found.size {
        return Err(format!("it holds {} entries, not {}", state.entries, found.size));
    }
    Ok(Some(state))
}

/// Root hash of the ledger when it had so many entries.
pub fn root_at(dir: &Path, reader: &Reader, size: u64) -> Result<Digest, LedgerError> {
    let root = tlog::root_of(&Tiles::new(dir, reader), 0, size)?;
    Ok(Digest::from_bytes(*root.as_bytes()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
