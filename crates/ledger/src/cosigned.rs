//! Cosigned checkpoints that are kept: proof of when entries were there, should a key be revoked later.
//!
//! Invariant: of each `SLOT` the last one is kept, so that an entry is bounded to within it while the table grows with
//! time alone. A slot decides what is kept, never what is believed: that is for whoever reads the signatures.

use std::time::Duration;

use evidence::Moment;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tlog::{Checkpoint, Note};

use crate::store::{LedgerError, stored};

/// Keeps a cosigned checkpoint, in the place of the last one where that is of the same slot.
pub fn keep(connection: &Connection, note: &Note, at: Moment) -> Result<(), LedgerError> {
    let doing = LedgerError::sql("keep a cosigned checkpoint");
    let checkpoint: Checkpoint = note.text().parse()?;
    let (size, slot) = (stored(checkpoint.size)?, slot(at)?);
    let text = "SELECT size, slot FROM cosigned ORDER BY size DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let last = connection.query_row(text, [], read).optional().map_err(doing)?;
    if last.map_or(0, |(last, _)| last) >= size {
        // The first time that a size was seen is the one that counts; an empty tree bounds nothing.
        return Ok(());
    }
    if let Some((last, _)) = last.filter(|(_, of)| *of == slot) {
        connection.execute("DELETE FROM cosigned WHERE size = ?1", params![last]).map_err(doing)?;
    }
    let text = "INSERT INTO cosigned (size, slot, note) VALUES (?1, ?2, ?3)";
    connection.execute(text, params![size, slot, note.to_string()]).map_err(doing)?;
    Ok(())
}

/// The smallest one that is kept of at least so many entries.
pub fn at_least(connection: &Connection, size: u64) -> Result<Option<Note>, LedgerError> {
    let text = "SELECT size, note FROM cosigned WHERE size >= ?1 ORDER BY size LIMIT 1";
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
    let found = connection.query_row(text, params![stored(size)?], read).optional();
    let found = found.map_err(LedgerError::sql("read cosigned checkpoints"))?;
    found.map(|(size, note)| parsed(size, &note).map(|(note, _)| note)).transpose()
}

/// All of them, the smallest first.
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
    let checkpoint: Checkpoint = note.text().parse().map_err(|_| wrong("it is no checkpoint".into()))?;
    if stored(checkpoint.size)? != size {
        return Err(wrong(format!("its checkpoint is of {} entries", checkpoint.size)));
    }
    Ok((note, checkpoint))
}

fn slot(at: Moment) -> Result<i64, LedgerError> {
    let millis = u64::try_from(SLOT.as_millis()).unwrap_or(u64::MAX);
    stored(at.millis() / millis)
}

/// How exactly a later revocation can tell what was there before it.
const SLOT: Duration = Duration::from_mins(5);
