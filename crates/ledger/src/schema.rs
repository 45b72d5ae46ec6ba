//! The database file: its tables, and opening it with the settings that durability needs.
//!
//! Invariant: the schema in the file is exactly this text; a file of another format is refused, never
//! migrated by guess. WAL with `synchronous=FULL`: a committed transaction survives a power cut.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::store::LedgerError;

/// Format number of the database file, kept in `user_version`.
pub const FORMAT: i64 = 1;
/// Marks the file as ours (`application_id`): "CSLG".
pub const APPLICATION: i64 = 0x4353_4c47;

/// Name and exact text of each table.
pub const TABLES: [(&str, &str); 4] = [
    (
        "entry",
        "CREATE TABLE entry (seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL, header BLOB NOT NULL, \
         facts_salt BLOB NOT NULL, facts BLOB NOT NULL, particulars_salt BLOB, particulars BLOB) STRICT",
    ),
    (
        "head",
        "CREATE TABLE head (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), size INTEGER NOT NULL, \
         edge BLOB NOT NULL, checkpoint TEXT NOT NULL) STRICT",
    ),
    (
        "idempotency",
        "CREATE TABLE idempotency (key BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    ),
    (
        "witnessed",
        "CREATE TABLE witnessed (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), note TEXT NOT NULL) STRICT",
    ),
];

/// Creates the tables in a new file, all or nothing.
pub fn create(path: &Path) -> Result<Connection, LedgerError> {
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let transaction = connection.transaction().map_err(LedgerError::sql("create the ledger"))?;
    for (_, text) in TABLES {
        transaction.execute_batch(text).map_err(LedgerError::sql("create the ledger"))?;
    }
    let marks = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};");
    transaction.execute_batch(&marks).map_err(LedgerError::sql("create the ledger"))?;
    transaction.commit().map_err(LedgerError::sql("create the ledger"))?;
    Ok(connection)
}

/// Opens an existing file for the writer.
pub fn open_writer(path: &Path) -> Result<Connection, LedgerError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check(&connection, path)?;
    Ok(connection)
}

/// Opens an existing file for reading alone.
pub fn open_reader(path: &Path) -> Result<Connection, LedgerError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check(&connection, path)?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let sql = LedgerError::sql("open the ledger");
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(sql)?;
    let settings = if flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
    } else {
        "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;"
    };
    connection.execute_batch(settings).map_err(LedgerError::sql("open the ledger"))?;
    connection
        .busy_timeout(std::time::Duration::from_secs(10))
        .map_err(LedgerError::sql("open the ledger"))?;
    Ok(connection)
}

fn check(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let pragma = |name: &str| -> Result<i64, LedgerError> {
        let text = format!("PRAGMA {name}");
        connection
            .query_row(&text, [], |row| row.get(0))
            .map_err(LedgerError::sql("read the ledger's format"))
    };
    let (application, format) = (pragma("application_id")?, pragma("user_version")?);
    if application == APPLICATION && format == FORMAT {
        return Ok(());
    }
    Err(LedgerError::Format { path: path.to_path_buf(), application, format })
}
