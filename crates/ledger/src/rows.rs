//! Rows of the database, read as entries and as the head.
//!
//! Invariant: a row that is missing or unsound is an error with its place; it is never skipped.

use evidence::entry::{Entry, Payload, SALT_BYTES};
use rusqlite::{Connection, Row, params};
use tlog::{Frontier, FrontierError, Note};

use crate::error::LedgerError;

/// Size, right edge and signed checkpoint of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The right edge of the tree. Its size is the number of entries.
    pub frontier: Frontier,
    /// Checkpoint of that size, signed by the ledger's key.
    pub checkpoint: Note,
}

pub fn read_head(connection: &Connection) -> Result<Head, LedgerError> {
    let text = "SELECT size, edge, checkpoint FROM head WHERE only_row = 1";
    let read =
        |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, String>(2)?));
    let (size, edge, note) =
        connection.query_row(text, [], read).map_err(LedgerError::sql("read the head"))?;
    let size = u64::try_from(size).map_err(|error| LedgerError::row("head", error))?;
    let frontier =
        Frontier::from_bytes(size, &edge).map_err(|error: FrontierError| LedgerError::row("head", error))?;
    let checkpoint = Note::parse(note.as_bytes()).map_err(|error| LedgerError::row("head", error))?;
    Ok(Head { frontier, checkpoint })
}

/// Reads the entries `[from, to)`. All of them must be present and sound.
pub fn read_entries(connection: &Connection, from: u64, to: u64) -> Result<Vec<Entry>, LedgerError> {
    let entries = read_rows(connection, from, to)?;
    for (number, entry) in (from..).zip(&entries) {
        entry.check().map_err(|error| LedgerError::row(&format!("entry {number}"), error))?;
    }
    Ok(entries)
}

/// Reads the entries `[from, to)`. All of them must be present; their contents are unchecked.
pub fn read_rows(connection: &Connection, from: u64, to: u64) -> Result<Vec<Entry>, LedgerError> {
    let text = "SELECT seq, header, facts_salt, facts, particulars_salt, particulars FROM entry \
                WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";
    let doing = LedgerError::sql("read entries");
    let mut statement = connection.prepare_cached(text).map_err(doing)?;
    let mut rows = statement.query(params![stored(from)?, stored(to)?]).map_err(doing)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(doing)? {
        let expected = from + entries.len() as u64;
        let place = format!("entry {expected}");
        let seq: i64 = row.get(0).map_err(doing)?;
        if u64::try_from(seq) != Ok(expected) {
            return Err(LedgerError::row(&place, "is missing"));
        }
        let entry = entry_of(row)
            .map_err(doing)?
            .ok_or_else(|| LedgerError::row(&place, "a salt is not 16 bytes"))?;
        entries.push(entry);
    }
    let expected = to.saturating_sub(from);
    if entries.len() as u64 == expected {
        return Ok(entries);
    }
    Err(LedgerError::row(&format!("entry {}", from + entries.len() as u64), "is missing"))
}

/// Reads columns 1 to 5 as an entry; `None` if a salt has the wrong length.
pub fn entry_of(row: &Row<'_>) -> Result<Option<Entry>, rusqlite::Error> {
    let payload = |salt: usize, bytes: Option<Vec<u8>>| {
        let salt = row.get_ref(salt)?.as_blob_or_null()?;
        Ok::<_, rusqlite::Error>(match (salt, bytes) {
            (None, None) => Some(None),
            (Some(salt), Some(bytes)) => {
                <[u8; SALT_BYTES]>::try_from(salt).ok().map(|salt| Some(Payload { salt, bytes }))
            }
            _ => None,
        })
    };
    let facts = payload(2, row.get(3)?)?;
    let particulars = payload(4, row.get(5)?)?;
    let header = row.get(1)?;
    Ok(match (facts, particulars) {
        (Some(Some(facts)), Some(particulars)) => Some(Entry { header, facts, particulars }),
        _ => None,
    })
}

/// Converts a number for SQLite, whose integers are signed. A number above `i64::MAX` cannot be stored.
pub fn stored(number: u64) -> Result<i64, LedgerError> {
    i64::try_from(number).map_err(|error| LedgerError::row("entry", error))
}
