//! Stored cosigned checkpoints. If a key is revoked later, they prove by which time an entry existed.
//!
//! Invariant: the last checkpoint of each `SLOT` is stored. So the time of an entry is known to within one slot, while
//! the table grows only with time and not with entries. A slot only decides which checkpoints are stored; readers
//! verify their signatures.

use std::time::Duration;

use evidence::Moment;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tlog::{Checkpoint, Note};

use crate::error::LedgerError;
use crate::rows::stored;

/// Stores a cosigned checkpoint. It replaces the last one if both are of the same slot.
pub fn store(connection: &Connection, note: &Note, at: Moment) -> Result<(), LedgerError> {
    let doing = LedgerError::sql("keep a cosigned checkpoint");
    let checkpoint: Checkpoint = note.text().parse()?;
    let (size, slot) = (stored(checkpoint.size)?, slot(at)?);
    let text = "SELECT size, slot FROM cosigned ORDER BY size DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let last = connection.query_row(text, [], read).optional().map_err(doing)?;
    if last.map_or(0, |(last, _)| last) >= size {
        // The first cosignature of a size proves the earliest time, so later ones are ignored. An empty tree proves
        // nothing.
        return Ok(());
    }
    if let Some((last, _)) = last.filter(|(_, of)| *of == slot) {
        connection.execute("DELETE FROM cosigned WHERE size = ?1", params![last]).map_err(doing)?;
    }
    let text = "INSERT INTO cosigned (size, slot, note) VALUES (?1, ?2, ?3)";
    connection.execute(text, params![size, slot, note.to_string()]).map_err(doing)?;
    Ok(())
}

/// The smallest stored checkpoint that contains at least this many entries.
pub fn at_least(connection: &Connection, size: u64) -> Result<Option<Note>, LedgerError> {
    let text = "SELECT size, note FROM cosigned WHERE size >= ?1 ORDER BY size LIMIT 1";
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
    let found = connection.query_row(text, params![stored(size)?], read).optional();
    let found = found.map_err(LedgerError::sql("read cosigned checkpoints"))?;
    found.map(|(size, note)| parsed(size, &note).map(|(note, _)| note)).transpose()
}

/// All stored checkpoints, the smallest first.
pub fn all(connection: &Connection) -> Result<Vec<Checkpoint>, LedgerError> {
    let doing = LedgerError::sql("read cosigned checkpoints");
    let mut statement = connection.prepare("SELECT size, note FROM cosigned ORDER BY size").map_err(doing)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
    let rows = statement.query_map([], read).map_err(doing)?;
    rows.map(|row| {
        let (size, note) = row.map_err(doing)?;
        parsed(size, &note).map(|(_, checkpoint)| checkpoint)
    })
    .collect()
}

fn parsed(size: i64, text: &str) -> Result<(Note, Checkpoint), LedgerError> {
    let wrong = |what: String| LedgerError::Row { place: format!("cosigned {size}"), what };
    let note = Note::parse(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let checkpoint: Checkpoint = note.text().parse().map_err(|_| wrong("it is not a checkpoint".into()))?;
    if stored(checkpoint.size)? != size {
        return Err(wrong(format!("its checkpoint is of {} entries", checkpoint.size)));
    }
    Ok((note, checkpoint))
}

fn slot(at: Moment) -> Result<i64, LedgerError> {
    let millis = u64::try_from(SLOT.as_millis()).unwrap_or(u64::MAX);
    stored(at.millis() / millis)
}

/// Precision with which a later revocation can tell older records from newer ones.
const SLOT: Duration = Duration::from_mins(5);
