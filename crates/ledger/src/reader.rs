//! The readers' side: entries, head and idempotency keys, through a separate read-only connection.
//!
//! Invariant: a reader sees only durable data and never takes the writer's lock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use evidence::Digest;
use evidence::entry::Entry;
use rusqlite::{Connection, OptionalExtension as _, params};
use tlog::{Checkpoint, HASH_BYTES, Hash, Note};

use crate::error::LedgerError;
use crate::rows::{Head, read_entries, read_head, read_rows, stored};
use crate::{DATABASE, cosigned, schema};

/// A read-only view of a ledger.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    /// Format of the file when it was opened.
    format: i64,
    /// Roots of full tiles, which never change, by level and index.
    roots: RefCell<BTreeMap<(u8, u64), Hash>>,
}

impl Reader {
    /// Opens the ledger of a directory for reading.
    ///
    /// # Errors
    /// `LedgerError` when there is no ledger, or it has another format.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let (connection, format) = schema::open_reader(&dir.join(DATABASE))?;
        Ok(Self { connection, format, roots: RefCell::default() })
    }

    /// Current size, edge and checkpoint.
    ///
    /// # Errors
    /// `LedgerError` when the row is unreadable or unsound.
    pub fn head(&self) -> Result<Head, LedgerError> {
        read_head(&self.connection)
    }

    /// Reads the entries `[from, to)`, at most 1,024 of them.
    ///
    /// # Errors
    /// `LedgerError` when an entry is missing or unsound.
    pub fn entries(&self, from: u64, to: u64) -> Result<Vec<Entry>, LedgerError> {
        read_entries(&self.connection, from, to.min(from.saturating_add(READ_ENTRIES_MAX)))
    }

    /// Like [`Self::entries`], but unchecked, for a caller that checks entries in parallel (`in_order`).
    ///
    /// # Errors
    /// `LedgerError` when an entry is missing.
    pub fn unchecked(&self, from: u64, to: u64) -> Result<Vec<Entry>, LedgerError> {
        read_rows(&self.connection, from, to.min(from.saturating_add(READ_ENTRIES_MAX)))
    }

    /// Number of the entry that was caused by the command with this idempotency digest.
    ///
    /// # Errors
    /// `LedgerError` when the database fails.
    pub fn by_idempotency(&self, key: &Digest) -> Result<Option<u64>, LedgerError> {
        let text = "SELECT seq FROM idempotency WHERE key = ?1";
        let doing = LedgerError::sql("look up an idempotency key");
        let mut statement = self.connection.prepare_cached(text).map_err(doing)?;
        let found = statement.query_row(params![key.as_bytes()], |row| row.get::<_, i64>(0)).optional();
        let found = found.map_err(doing)?;
        Ok(found.and_then(|seq| u64::try_from(seq).ok()))
    }

    /// The last checkpoint with cosignatures, if there is one.
    ///
    /// # Errors
    /// `LedgerError` when the row is not a signed note.
    pub fn witnessed(&self) -> Result<Option<Note>, LedgerError> {
        let text = "SELECT note FROM witnessed WHERE only_row = 1";
        let note = self.connection.query_row(text, [], |row| row.get::<_, String>(0)).optional();
        let note = note.map_err(LedgerError::sql("read cosignatures"))?;
        let parse = |note: String| {
            Note::parse(note.as_bytes())
                .map_err(|error| LedgerError::Row { place: "witnessed".into(), what: error.to_string() })
        };
        note.map(parse).transpose()
    }

    /// The smallest stored cosigned checkpoint that contains at least this many entries.
    ///
    /// # Errors
    /// `LedgerError` when its row is not a signed note of that size.
    pub fn cosigned(&self, least: u64) -> Result<Option<Note>, LedgerError> {
        if self.keeps_cosigned() { cosigned::at_least(&self.connection, least) } else { Ok(None) }
    }

    /// All stored cosigned checkpoints, the smallest first.
    pub(crate) fn all_cosigned(&self) -> Result<Vec<Checkpoint>, LedgerError> {
        if self.keeps_cosigned() { cosigned::all(&self.connection) } else { Ok(Vec::new()) }
    }

    pub(crate) fn keeps_cosigned(&self) -> bool {
        self.tables().len() == schema::TABLES.len()
    }

    /// Tables of the file's format.
    pub(crate) fn tables(&self) -> &'static [(&'static str, &'static str)] {
        schema::tables(self.format)
    }

    /// Leaf hashes `[from, to)`, as stored beside their headers.
    pub(crate) fn leaves(&self, from: u64, to: u64) -> Result<Vec<Hash>, LedgerError> {
        let text = "SELECT leaf FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";
        let doing = LedgerError::sql("read leaf hashes");
        let mut statement = self.connection.prepare_cached(text).map_err(doing)?;
        let rows = statement
            .query_map(params![stored(from)?, stored(to)?], |row| row.get::<_, [u8; HASH_BYTES]>(0))
            .map_err(doing)?;
        let leaves =
            rows.map(|row| row.map(Hash::from_bytes)).collect::<Result<Vec<_>, _>>().map_err(doing)?;
        if leaves.len() as u64 == to - from {
            return Ok(leaves);
        }
        let place = format!("entry {}", from + leaves.len() as u64);
        Err(LedgerError::Row { place, what: "is missing".into() })
    }

    pub(crate) fn known_root(&self, level: u8, index: u64) -> Option<Hash> {
        self.roots.borrow().get(&(level, index)).copied()
    }

    pub(crate) fn keep_root(&self, level: u8, index: u64, root: Hash) {
        let mut roots = self.roots.borrow_mut();
        if roots.len() >= ROOTS_MAX {
            // Drops the lowest key: the tiles at the right edge are needed most often.
            roots.pop_first();
        }
        roots.insert((level, index), root);
    }

    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }
}

const READ_ENTRIES_MAX: u64 = 1024;
/// Highest number of tile roots in memory; each takes about 64 bytes with its key.
const ROOTS_MAX: usize = 16_384;
