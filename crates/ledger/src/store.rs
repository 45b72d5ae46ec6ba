//! The writer's side: one append, one transaction.
//!
//! Invariant: entries, edge, checkpoint and idempotency keys are committed together. A crash before the commit leaves
//! nothing of them, a crash after it leaves all of them. Tile files are derived after the commit and are derived again
//! if they are missing.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use evidence::Moment;
use evidence::entry::Entry;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tlog::{Checkpoint, CheckpointError, Frontier, Note, NoteSigner, leaf_hash};

use crate::error::LedgerError;
use crate::layout::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BLOBS, DATABASE, LOCK, TILES};
use crate::rows::{Head, read_entries, read_head, stored};
use crate::{cosigned, schema};

/// The writer of a data directory. A file lock ensures that there is only one.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    signer: NoteSigner,
    _lock: File,
}

/// The right to append once, with the entries that others appended since the caller last looked.
#[derive(Debug)]
pub struct Append<'a> {
    transaction: Transaction<'a>,
    signer: &'a NoteSigner,
    head: Head,
    new_entries: Vec<Entry>,
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
        let transaction = begin_transaction(&mut connection)?;
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
            commit(transaction, "ledger.origin")?;
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

    /// Takes the right to append, and reads the entries from number `seen` on.
    ///
    /// # Errors
    /// `LedgerError` when the database fails or a row is unsound.
    pub fn begin(&mut self, seen: u64) -> Result<Append<'_>, LedgerError> {
        let transaction = begin_transaction(&mut self.connection)?;
        let head = read_head(&transaction)?;
        let new_entries = read_entries(&transaction, seen, head.frontier.size())?;
        Ok(Append { transaction, signer: &self.signer, head, new_entries })
    }

    /// Stores a checkpoint with its cosignatures. Witnesses cosigned it at about `at`.
    ///
    /// # Errors
    /// `LedgerError` when the note is not a checkpoint, or the database fails.
    pub fn set_witnessed(&mut self, note: &Note, at: Moment) -> Result<(), LedgerError> {
        let text = "INSERT INTO witnessed (only_row, note) VALUES (1, ?1) \
                    ON CONFLICT (only_row) DO UPDATE SET note = excluded.note";
        let sql = LedgerError::sql("store cosignatures");
        let transaction = begin_transaction(&mut self.connection)?;
        transaction.execute(text, params![note.to_string()]).map_err(sql)?;
        cosigned::store(&transaction, note, at)?;
        commit(transaction, "ledger.witnessed")
    }
}

impl Append<'_> {
    /// Entries that were appended since the caller last looked.
    #[must_use]
    pub fn new_entries(&self) -> &[Entry] {
        &self.new_entries
    }

    /// Head at the start.
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
        commit(self.transaction, "ledger.append")?;
        Ok(head)
    }
}

/// Begins a transaction that takes the write lock at once, so that no other writer can make it fail halfway.
fn begin_transaction(connection: &mut Connection) -> Result<Transaction<'_>, LedgerError> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    begun.map_err(LedgerError::sql("begin a transaction"))
}

/// Commits a transaction; `point` names the write for tests that let the disk fail before or after it.
fn commit(transaction: Transaction<'_>, point: &'static str) -> Result<(), LedgerError> {
    let failed = || LedgerError::io("commit to", Path::new(DATABASE));
    disk::before(point).map_err(failed())?;
    transaction.commit().map_err(LedgerError::sql("commit a transaction"))?;
    disk::after(point).map_err(failed())
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

/// A server whose `up` was killed ends by itself a moment later, and the next one may start before that.
fn lock(dir: &Path) -> Result<File, LedgerError> {
    disk::lock_file(&dir.join(LOCK), "another process writes this ledger").map_err(|error| {
        match error.source.kind() {
            io::ErrorKind::WouldBlock => LedgerError::Locked(dir.to_path_buf()),
            _ => LedgerError::Disk(error),
        }
    })
}
