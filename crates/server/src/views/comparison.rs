//! The comparison of the views with the ledger, and their rebuilding.

use std::path::Path;

use ledger::Reader;
use rusqlite::Connection;

use super::entries::fill;
use super::error::ViewError;
use super::schema::{FILE, SCHEMA, TABLES, VERSION};

/// A row that differs from the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleRow {
    /// The table and the row.
    pub place: String,
}

/// Compares the views of a data directory with its ledger, up to the views' own cursor; `None` if they are missing, or are
/// of another version of this program, which rebuilds them at the next start.
///
/// # Errors
/// `ViewError` if either cannot be read.
pub fn compare(data: &Path, reader: &Reader) -> Result<Option<Vec<StaleRow>>, ViewError> {
    let path = data.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let kept = ledger::open_read_only(&path)?;
    // The server may write meanwhile: all tables are read as they were at one time.
    let kept = kept.unchecked_transaction()?;
    let version: i64 = kept.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == VERSION { differences(&kept, reader).map(Some) } else { Ok(None) }
}

fn differences(kept: &Connection, reader: &Reader) -> Result<Vec<StaleRow>, ViewError> {
    let cursor: i64 = kept.query_row("SELECT entries FROM cursor", [], |row| row.get(0)).unwrap_or(-1);
    let Ok(cursor) = u64::try_from(cursor) else {
        return Ok(vec![StaleRow { place: "views, table cursor".into() }]);
    };
    if cursor > reader.head()?.frontier.size() {
        return Ok(vec![StaleRow { place: format!("views, table cursor: {cursor} is past the ledger") }]);
    }
    let mut fresh = Connection::open_in_memory()?;
    fresh.execute_batch(SCHEMA)?;
    fill(&mut fresh, reader, cursor)?;
    let mut stale = Vec::new();
    for (table, columns) in TABLES {
        let ours = dump(&fresh, table, columns)?;
        let Ok(theirs) = dump(kept, table, columns) else {
            stale.push(StaleRow { place: format!("views, table {table}: cannot be read") });
            continue;
        };
        for row in ours.iter().filter(|row| theirs.binary_search(row).is_err()).take(STALE_MAX) {
            stale.push(StaleRow { place: format!("views, table {table}: the row {row} is missing") });
        }
        for row in theirs.iter().filter(|row| ours.binary_search(row).is_err()).take(STALE_MAX) {
            stale.push(StaleRow {
                place: format!("views, table {table}: the row {row} is not in the ledger"),
            });
        }
        if stale.is_empty() && ours.len() != theirs.len() {
            stale.push(StaleRow { place: format!("views, table {table}: a row exists twice") });
        }
    }
    Ok(stale)
}

/// Rebuilds the views of a data directory.
///
/// # Errors
/// `ViewError` if they cannot be written; the old ones then stay.
pub fn rebuild(data: &Path, reader: &Reader) -> Result<(), ViewError> {
    let new = data.join(format!("{FILE}.new"));
    for path in [new.clone(), data.join(format!("{FILE}.new-journal"))] {
        if path.exists() {
            std::fs::remove_file(&path).map_err(|error| ViewError::Io("remove", path.clone(), error))?;
        }
    }
    let mut connection = Connection::open(&new)?;
    connection.execute_batch(SCHEMA)?;
    connection.execute_batch(&format!("PRAGMA user_version = {VERSION};"))?;
    fill(&mut connection, reader, u64::MAX)?;
    drop(connection);
    let path = data.join(FILE);
    for side in ["-wal", "-shm"] {
        let side = data.join(format!("{FILE}{side}"));
        if side.exists() {
            std::fs::remove_file(&side).map_err(|error| ViewError::Io("remove", side.clone(), error))?;
        }
    }
    Ok(disk::rename("server.views", &new, &path)?)
}

/// Every row of a table as text, sorted.
fn dump(connection: &Connection, table: &str, columns: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("SELECT {columns} FROM {table}"))?;
    let count = statement.column_count();
    let rows = statement.query_map([], |row| {
        let value = |at| row.get::<_, rusqlite::types::Value>(at).map(|value| format!("{value:?}"));
        (0..count).map(value).collect::<rusqlite::Result<Vec<_>>>().map(|values| values.join(" "))
    })?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.sort();
    Ok(rows)
}

const STALE_MAX: usize = 100;
