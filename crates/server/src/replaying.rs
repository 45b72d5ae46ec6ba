//! Replay from disk, and the check of all lines of records: one thread reads entries, all processors check them one by one, and one decides them in order.

use domain::Event;
use evidence::entry::{Entry, Header};
use judge::{OutOfOrder, PrepareError, Replay, Store, lines_of, prepare};
use ledger::{LedgerError, Reader, in_order};

/// Why a ledger could not be replayed to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An entry is unknown to this program.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// An entry is missing, or exists twice.
    #[error(transparent)]
    OutOfOrder(#[from] OutOfOrder),
}

/// Decides every command of a ledger again; `said` is called with the number of entries so far.
///
/// # Errors
/// `ReplayError` if an entry cannot be read at all; differing outcomes are part of the result.
pub fn replay<'a, S: Store>(
    reader: &Reader,
    store: &'a S,
    mut said: impl FnMut(u64),
) -> Result<Replay<'a, S>, ReplayError> {
    let size = reader.head()?.frontier.size();
    let mut replay = Replay::new(store);
    let mut next = 0;
    let read = || -> Result<Vec<_>, ReplayError> {
        let entries = reader.unchecked(next, size.min(next + BATCH))?;
        let first = next;
        next += entries.len() as u64;
        Ok((first..).zip(entries).collect())
    };
    in_order(
        read,
        |(number, entry)| prepare(number, entry),
        |batch| {
            for prepared in batch {
                replay.take(&prepared?)?;
            }
            said(replay.state().entries);
            Ok(())
        },
    )?;
    replay.finish();
    Ok(replay)
}

/// Compares the lines of every record with the facts of its entry; the numbers of those that differ, with the fault.
///
/// # Errors
/// `ReplayError` if an entry cannot be read at all.
pub fn unsound_lines(reader: &Reader) -> Result<Vec<(u64, String)>, ReplayError> {
    let size = reader.head()?.frontier.size();
    let (mut next, mut found) = (0, Vec::new());
    let read = || -> Result<Vec<_>, ReplayError> {
        let entries = reader.unchecked(next, size.min(next + BATCH))?;
        let first = next;
        next += entries.len() as u64;
        Ok((first..).zip(entries).collect())
    };
    let fault = |(number, entry): (u64, Entry)| -> Option<(u64, String)> {
        let header = Header::decode(&entry.header).ok()?;
        let Ok(Event::Recorded(facts)) = Event::read(&header.kind, &entry.facts) else { return None };
        lines_of(&header, &facts, &entry).err().map(|error| (number, error.to_string()))
    };
    in_order(read, fault, |batch| {
        found.extend(batch.into_iter().flatten());
        Ok(())
    })?;
    Ok(found)
}

/// Entries in a batch: a few milliseconds of work.
const BATCH: u64 = 128;
