//! The writer's side: one turn, one transaction.
//!
//! Invariant: entries, edge, checkpoint and idempotency keys are committed together. A crash before the commit leaves
//! nothing of them, a crash after it leaves all of them. Tile files are derived after the commit and are derived again
//! if they are missing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use evidence::Moment;
use evidence::entry::{Entry, EntryError, Payload, SALT_BYTES};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use tlog::{Checkpoint, CheckpointError, Frontier, FrontierError, Note, NoteSigner, leaf_hash};

use crate::{BLOBS, DATABASE, LOCK, TILES, cosigned, schema};

/// Highest number of entries in one append.
pub const BATCH_ENTRIES_MAX: usize = 16_384;
/// Highest number of bytes of headers and payloads in one append.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The writer of a data directory. A file lock ensures that there is only one.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    signer: NoteSigner,
    _lock: File,
}

/// Size, right edge and signed checkpoint of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The right edge of the tree. Its size is the number of entries.
    pub frontier: Frontier,
    /// Checkpoint of that size, signed by the ledger's key.
    pub checkpoint: Note,
}

/// The right to append once, with the entries that others appended since the caller last looked.
#[derive(Debug)]
pub struct Append<'a> {
    transaction: Transaction<'a>,
    signer: &'a NoteSigner,
    head: Head,
    news: Vec<Entry>,
}

/// Reasons why the ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system failed.
    #[error("cannot {doing} `{path}`: {source}", path = path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A write did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The database failed.
    #[error("cannot {doing}: {source}")]
    Sql {
        /// The operation.
        doing: &'static str,
        /// The error of the database.
        source: rusqlite::Error,
    },
    /// Another process has locked the directory.
    #[error("another server writes to `{0}`; stop it first")]
    Locked(PathBuf),
    /// The directory already holds a ledger.
    #[error("`{0}` already holds a ledger; nothing was changed")]
    Exists(PathBuf),
    /// The file is not a ledger, or has a newer format.
    #[error(
        "`{path}` is not a ledger of format {known} (application {application:#x}, format {format}); use the \
         program that wrote it or a newer one",
        path = path.display(), known = schema::FORMAT
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// `application_id` found.
        application: i64,
        /// `user_version` found.
        format: i64,
    },
    /// A row is unsound.
    #[error("{place}: {what}; run `countersign audit verify`")]
    Row {
        /// Table and row.
        place: String,
        /// Description of the fault.
        what: String,
    },
    /// The caller's entry breaks a rule of the format.
    #[error("entry {at} of the batch: {source}")]
    Entry {
        /// Index in the batch.
        at: usize,
        /// The broken rule.
        source: EntryError,
    },
    /// The batch is empty or larger than allowed.
    #[error("a batch has 1 to {BATCH_ENTRIES_MAX} entries and at most {BATCH_BYTES_MAX} bytes")]
    Batch,
    /// Another process appended in between. Nothing was written.
    #[error("the ledger has grown since this turn began; nothing was written")]
    Stale,
    /// The ledger does not end at the checkpoint where the new origin begins.
    #[error(
        "the ledger here has {found} entries, or other ones than the root names, which says that it ended after \
         {end}; make the root anew from this directory"
    )]
    OtherEnd {
        /// Number of entries in this ledger.
        found: u64,
        /// Number of entries at the end that the root names.
        end: u64,
    },
    /// The checkpoint could not be signed.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

impl LedgerError {
    pub(crate) fn sql(doing: &'static str) -> impl Fn(rusqlite::Error) -> Self + Copy {
        move |source| Self::Sql { doing, source }
    }

    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { doing, path, source }
    }

    fn row(place: &str, what: impl ToString) -> Self {
        Self::Row { place: place.to_owned(), what: what.to_string() }
    }
}

impl Ledger {
    /// Creates an empty ledger with its first checkpoint.
    ///
    /// # Errors
    /// `LedgerError::Exists` when the directory already contains a ledger; otherwise the failed operation.
    pub fn create(dir: &Path, signer: NoteSigner) -> Result<Self, LedgerError> {
        for path in [dir.to_path_buf(), dir.join(BLOBS), dir.join(TILES)] {
            disk::make_dir(&path)?;
        }
        let lock = lock(dir)?;
        let path = dir.join(DATABASE);
        if path.exists() {
            return Err(LedgerError::Exists(dir.to_path_buf()));
        }
        // A crash before the rename leaves only the file under its temporary name, which the next attempt replaces.
        let new = dir.join(format!("{DATABASE}.new"));
        if new.exists() {
            fs::remove_file(&new).map_err(LedgerError::io("remove", &new))?;
        }
        let connection = schema::create(&new)?;
        let head = Head { frontier: Frontier::default(), checkpoint: sign(&Frontier::default(), &signer)? };
        let sql = LedgerError::sql("create the ledger");
        let values = params![head.frontier.to_bytes(), head.checkpoint.to_string()];
        connection
            .execute("INSERT INTO head (only_row, size, edge, checkpoint) VALUES (1, 0, ?1, ?2)", values)
            .map_err(sql)?;
        connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")
            .map_err(sql)?;
        connection.close().map_err(|(_, source)| LedgerError::Sql { doing: "create the ledger", source })?;
        disk::rename("ledger.found", &new, &path)?;
        Ok(Self { connection: schema::open_writer(&path)?, signer, _lock: lock })
    }

    /// Opens the ledger of a directory for writing.
    ///
    /// # Errors
    /// `LedgerError` when the ledger is locked, missing, of another format, or signed by another key.
    pub fn open(dir: &Path, signer: NoteSigner) -> Result<Self, LedgerError> {
        let path = dir.join(DATABASE);
        let lock = lock(dir)?;
        let connection = schema::open_writer(&path)?;
        let head = read_head(&connection)?;
        let known = std::slice::from_ref(signer.verifier());
        Checkpoint::open(&head.checkpoint, signer.verifier().name(), known)?;
        Ok(Self { connection, signer, _lock: lock })
    }

    /// Opens the ledger of a directory under a new origin, after a lost key or a restored backup. The head is signed
    /// again, and the cosignatures under the old origin are deleted. To repeat it changes nothing.
    ///
    /// # Errors
    /// `LedgerError` when the ledger is locked, missing or of another format, or when its head differs from `end`.
    pub fn succeed(dir: &Path, end: &Checkpoint, signer: NoteSigner) -> Result<Self, LedgerError> {
        let path = dir.join(DATABASE);
        let lock = lock(dir)?;
        let mut connection = schema::open_writer(&path)?;
        let sql = LedgerError::sql("begin under a new origin");
        let failed = || LedgerError::io("begin under a new origin in", Path::new(DATABASE));
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let head = read_head(&transaction)?;
        let known = std::slice::from_ref(signer.verifier());
        if Checkpoint::open(&head.checkpoint, signer.verifier().name(), known).is_err() {
            if head.frontier.size() != end.size || head.frontier.root() != end.root {
                return Err(LedgerError::OtherEnd { found: head.frontier.size(), end: end.size });
            }
            let note = sign(&head.frontier, &signer)?.to_string();
            transaction
                .execute("UPDATE head SET checkpoint = ?1 WHERE only_row = 1", params![note])
                .map_err(sql)?;
            transaction.execute_batch("DELETE FROM witnessed; DELETE FROM cosigned").map_err(sql)?;
            disk::before("ledger.origin").map_err(failed())?;
            transaction.commit().map_err(sql)?;
            disk::after("ledger.origin").map_err(failed())?;
        } else {
            drop(transaction);
        }
        Ok(Self { connection, signer, _lock: lock })
    }

    /// Current size, edge and checkpoint.
    ///
    /// # Errors
    /// `LedgerError` when the row is unreadable or unsound.
    pub fn head(&self) -> Result<Head, LedgerError> {
        read_head(&self.connection)
    }

    /// Begins a turn: takes the right to append, and reads the entries from number `seen` on.
    ///
    /// # Errors
    /// `LedgerError` when the database fails or a row is unsound.
    pub fn turn(&mut self, seen: u64) -> Result<Append<'_>, LedgerError> {
        let begin = LedgerError::sql("begin a turn");
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(begin)?;
        let head = read_head(&transaction)?;
        let news = read_entries(&transaction, seen, head.frontier.size())?;
        Ok(Append { transaction, signer: &self.signer, head, news })
    }

    /// Stores a checkpoint with its cosignatures. Witnesses cosigned it at about `at`.
    ///
    /// # Errors
    /// `LedgerError` when the note is not a checkpoint, or the database fails.
    pub fn set_witnessed(&mut self, note: &Note, at: Moment) -> Result<(), LedgerError> {
        let text = "INSERT INTO witnessed (only_row, note) VALUES (1, ?1) \
                    ON CONFLICT (only_row) DO UPDATE SET note = excluded.note";
        let failed = || LedgerError::io("store cosignatures in", Path::new(DATABASE));
        let sql = LedgerError::sql("store cosignatures");
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        transaction.execute(text, params![note.to_string()]).map_err(sql)?;
        cosigned::store(&transaction, note, at)?;
        disk::before("ledger.witnessed").map_err(failed())?;
        transaction.commit().map_err(sql)?;
        disk::after("ledger.witnessed").map_err(failed())
    }
}

impl Append<'_> {
    /// Entries that were appended since the caller last looked.
    #[must_use]
    pub fn news(&self) -> &[Entry] {
        &self.news
    }

    /// Head at the start of the turn.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Appends entries in one transaction and returns once they are durable.
    ///
    /// After an error the commit may or may not have happened. The caller has to read the ledger again before it
    /// answers.
    ///
    /// # Errors
    /// `LedgerError` when an entry is unsound, the ledger has grown, or the database fails.
    pub fn append(self, entries: &[Entry]) -> Result<Head, LedgerError> {
        let bytes: usize = entries.iter().map(entry_bytes).sum();
        if entries.is_empty() || entries.len() > BATCH_ENTRIES_MAX || bytes > BATCH_BYTES_MAX {
            return Err(LedgerError::Batch);
        }
        let mut frontier = self.head.frontier;
        let old_size = frontier.size();
        for (at, entry) in entries.iter().enumerate() {
            let header = entry.check().map_err(|source| LedgerError::Entry { at, source })?;
            let (seq, leaf) = (frontier.size(), leaf_hash(&entry.header));
            insert_entry(&self.transaction, seq, leaf.as_bytes(), entry)?;
            if let Some(key) = header.idempotency {
                insert_key(&self.transaction, key.as_bytes(), seq)?;
            }
            frontier.push(leaf);
        }
        let head = Head { checkpoint: sign(&frontier, self.signer)?, frontier };
        update_head(&self.transaction, old_size, &head)?;
        disk::before("ledger.append").map_err(LedgerError::io("append to", Path::new(DATABASE)))?;
        self.transaction.commit().map_err(LedgerError::sql("commit an append"))?;
        disk::after("ledger.append").map_err(LedgerError::io("append to", Path::new(DATABASE)))?;
        Ok(head)
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    let particulars = entry.particulars.as_ref().map_or(0, |payload| payload.bytes.len());
    entry.header.len() + entry.facts.bytes.len() + particulars
}

fn insert_entry(connection: &Connection, seq: u64, leaf: &[u8], entry: &Entry) -> Result<(), LedgerError> {
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO entry (seq, leaf, header, facts_salt, facts, particulars_salt, particulars) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .map_err(LedgerError::sql("append an entry"))?;
    let particulars = entry.particulars.as_ref();
    let values = params![
        stored(seq)?,
        leaf,
        entry.header,
        entry.facts.salt,
        entry.facts.bytes,
        particulars.map(|payload| payload.salt),
        particulars.map(|payload| payload.bytes.as_slice()),
    ];
    statement.execute(values).map_err(LedgerError::sql("append an entry"))?;
    Ok(())
}

fn insert_key(connection: &Connection, key: &[u8], seq: u64) -> Result<(), LedgerError> {
    let mut statement = connection
        .prepare_cached("INSERT INTO idempotency (key, seq) VALUES (?1, ?2)")
        .map_err(LedgerError::sql("append an idempotency key"))?;
    statement.execute(params![key, stored(seq)?]).map_err(LedgerError::sql("append an idempotency key"))?;
    Ok(())
}

fn update_head(connection: &Connection, old_size: u64, head: &Head) -> Result<(), LedgerError> {
    let mut statement = connection
        .prepare_cached(
            "UPDATE head SET size = ?1, edge = ?2, checkpoint = ?3 WHERE only_row = 1 AND size = ?4",
        )
        .map_err(LedgerError::sql("move the head"))?;
    let (size, note) = (stored(head.frontier.size())?, head.checkpoint.to_string());
    let values = params![size, head.frontier.to_bytes(), note, stored(old_size)?];
    let changed = statement.execute(values).map_err(LedgerError::sql("move the head"))?;
    if changed == 1 { Ok(()) } else { Err(LedgerError::Stale) }
}

fn sign(frontier: &Frontier, signer: &NoteSigner) -> Result<Note, CheckpointError> {
    let origin = signer.verifier().name().to_owned();
    Checkpoint { origin, size: frontier.size(), root: frontier.root() }.sign(signer)
}

pub(crate) fn read_head(connection: &Connection) -> Result<Head, LedgerError> {
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
pub(crate) fn read_entries(connection: &Connection, from: u64, to: u64) -> Result<Vec<Entry>, LedgerError> {
    let entries = read_rows(connection, from, to)?;
    for (number, entry) in (from..).zip(&entries) {
        entry.check().map_err(|error| LedgerError::row(&format!("entry {number}"), error))?;
    }
    Ok(entries)
}

/// Reads the entries `[from, to)`. All of them must be present; their contents are unchecked.
pub(crate) fn read_rows(connection: &Connection, from: u64, to: u64) -> Result<Vec<Entry>, LedgerError> {
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
pub(crate) fn entry_of(row: &Row<'_>) -> Result<Option<Entry>, rusqlite::Error> {
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
pub(crate) fn stored(number: u64) -> Result<i64, LedgerError> {
    i64::try_from(number).map_err(|error| LedgerError::row("entry", error))
}

fn lock(dir: &Path) -> Result<File, LedgerError> {
    let path = dir.join(LOCK);
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(LedgerError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LedgerError::Locked(dir.to_path_buf())),
        Err(fs::TryLockError::Error(source)) => Err(LedgerError::io("lock", &path)(source)),
    }
}
