//! Columns of the views.

use rusqlite::Row;

/// A text column, parsed.
pub fn parsed<T: std::str::FromStr>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    let wrong = || rusqlite::Error::InvalidColumnType(at, text.clone(), rusqlite::types::Type::Text);
    text.parse().map_err(|_| wrong())
}

/// `SQLite` counts in signed numbers; the ledger never gets that far.
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
