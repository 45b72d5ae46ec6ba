//! The database file: its tables, and how it is opened so that commits are durable.
//!
//! Invariant: the schema in the file is exactly this text for its format. The writer converts an older format in one
//! transaction, readers accept both, and a newer format is refused. With WAL and `synchronous=FULL`, a committed
//! transaction survives a power cut.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::LedgerError;
use crate::layout::FORMAT;

/// The first format. It stored only the last cosigned checkpoint.
const FIRST: i64 = 1;
/// Marks the file as a ledger of countersign (`application_id`): "CSLG".
pub const APPLICATION: i64 = 0x4353_4c47;

/// Name and exact text of each table, by name. The first format has all of them except `COSIGNED`.
pub const TABLES: [(&str, &str); 5] = [
    COSIGNED,
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

const COSIGNED: (&str, &str) = (
    "cosigned",
    "CREATE TABLE cosigned (size INTEGER PRIMARY KEY, slot INTEGER NOT NULL, note TEXT NOT NULL) STRICT",
);

/// Tables of a format.
pub fn tables(format: i64) -> &'static [(&'static str, &'static str)] {
    if format == FIRST { TABLES.get(1..).unwrap_or_default() } else { &TABLES }
}

/// Creates the tables in a new file, in one transaction.
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

/// Opens an existing file for the writer, and converts it to this format.
pub fn open_writer(path: &Path) -> Result<Connection, LedgerError> {
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if check(&connection, path)? == FIRST {
        let sql = LedgerError::sql("bring the ledger to a newer format");
        let failed = || LedgerError::io("bring to a newer format", path);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let text = format!("{}; PRAGMA user_version = {FORMAT};", COSIGNED.1);
        transaction.execute_batch(&text).map_err(sql)?;
        disk::before("ledger.format").map_err(failed())?;
        transaction.commit().map_err(sql)?;
        disk::after("ledger.format").map_err(failed())?;
    }
    Ok(connection)
}

/// Opens an existing file for reading, and returns its format.
pub fn open_reader(path: &Path) -> Result<(Connection, i64), LedgerError> {
    let connection = open_read_only(path).map_err(LedgerError::sql("open the ledger"))?;
    settle(&connection, false)?;
    let format = check(&connection, path)?;
    Ok((connection, format))
}

/// Opens a database for reading, even on a read-only disk.
///
/// A database in WAL mode needs to create an index of its log, unless it is opened as immutable
/// (<https://sqlite.org/wal.html#readonly>). It is opened so only if this user cannot write and there is no log,
/// because the last entries would be missing otherwise.
///
/// # Errors
/// The error of the database.
pub fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let probe = |connection: &Connection| {
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
    };
    let Err(error) = probe(&connection) else { return Ok(connection) };
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|found| found.len() > 0);
    let is_closed = error
        .sqlite_error_code()
        .is_some_and(|code| matches!(code, rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly));
    if has_log || !is_closed || !path.exists() {
        return Err(error);
    }
    let uri = format!("file:{}?immutable=1", quoted(path));
    let connection = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?;
    probe(&connection)?;
    Ok(connection)
}

/// A path as it is written in a URI (<https://www.rfc-editor.org/rfc/rfc3986#section-2.1>).
fn quoted(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let sql = LedgerError::sql("open the ledger");
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(sql)?;
    settle(&connection, true)?;
    Ok(connection)
}

fn settle(connection: &Connection, writes: bool) -> Result<(), LedgerError> {
    let settings = match (writes, disk::is_durable()) {
        (true, true) => "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;",
        (true, false) => "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA trusted_schema = OFF;",
        (false, _) => "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;",
    };
    connection.execute_batch(settings).map_err(LedgerError::sql("open the ledger"))?;
    connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(LedgerError::sql("open the ledger"))
}

fn check(connection: &Connection, path: &Path) -> Result<i64, LedgerError> {
    let pragma = |name: &str| -> Result<i64, LedgerError> {
        let text = format!("PRAGMA {name}");
        connection
            .query_row(&text, [], |row| row.get(0))
            .map_err(LedgerError::sql("read the ledger's format"))
    };
    let (application, format) = (pragma("application_id")?, pragma("user_version")?);
    if application == APPLICATION && (FIRST..=FORMAT).contains(&format) {
        return Ok(format);
    }
    Err(LedgerError::Format { path: path.to_path_buf(), application, format })
}
