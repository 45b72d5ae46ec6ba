//! Disk space of the ledger's blobs, by project and by person, in a file beside the ledger.
//!
//! Invariant: the count is a function of the entries and the sizes of their blobs, so the file may be removed and is
//! computed again. A blob counts once, for the first entry that names it. Only the operator's quota of bytes uses it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::Event;
use evidence::entry::{Actor, Entry, Header};
use ledger::{BLOBS, Blobs, LedgerError, Reader};
use rusqlite::{Connection, OptionalExtension as _, params};
use tracing::warn;

use crate::quotas::StoredBytes;
use crate::shared::Shared;

/// The count of one data directory.
#[derive(Debug)]
pub struct StorageCount {
    connection: Connection,
    blobs: Blobs,
}

/// Why the bytes cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// `SQLite` failed.
    #[error("{FILE}: {0}; stop the server, remove that file and start the server again: it counts anew")]
    Sql(#[from] rusqlite::Error),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl StorageCount {
    /// Opens the count of a data directory; begins anew if it is missing, or was made by another method.
    ///
    /// # Errors
    /// `StoredError` if the file cannot be opened.
    pub fn open(data: &Path) -> Result<Self, StoredError> {
        let connection = Connection::open(data.join(FILE))?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")?;
        let way: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if way != WAY {
            // One transaction sets the schema and its version together.
            connection.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {WAY}; COMMIT;"))?;
        }
        Ok(Self { connection, blobs: Blobs::read_only(&data.join(BLOBS)) })
    }

    /// Counts one page of new entries; returns whether there are more.
    ///
    /// # Errors
    /// `StoredError` if they cannot be read.
    pub fn catch_up(&mut self, reader: &Reader) -> Result<bool, StoredError> {
        let size = reader.head()?.frontier.size();
        let from: i64 = self.connection.query_row("SELECT entries FROM cursor", [], |row| row.get(0))?;
        let from = u64::try_from(from).unwrap_or_default();
        if from >= size {
            return Ok(false);
        }
        let entries = reader.entries(from, size)?;
        let transaction = self.connection.transaction()?;
        for entry in &entries {
            count(&transaction, &self.blobs, entry)?;
        }
        let now = from + entries.len() as u64;
        let signed = i64::try_from(now).unwrap_or(i64::MAX);
        transaction.execute("UPDATE cursor SET entries = ?1", params![signed])?;
        transaction.commit()?;
        Ok(now < size && !entries.is_empty())
    }

    /// The sums.
    ///
    /// # Errors
    /// `StoredError` if they cannot be read.
    pub fn counted(&self) -> Result<StoredBytes, StoredError> {
        let mut counted = StoredBytes::default();
        let mut statement = self.connection.prepare("SELECT kind, owner, bytes FROM sum")?;
        let rows = statement.query_map([], |row| {
            let (kind, owner, bytes): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((kind, owner, u64::try_from(bytes).unwrap_or_default()))
        })?;
        for row in rows {
            let (kind, owner, bytes) = row?;
            match kind.as_str() {
                "project" => counted.projects.extend(owner.parse().ok().map(|owner| (owner, bytes))),
                _ => counted.people.extend(owner.parse().ok().map(|owner| (owner, bytes))),
            }
        }
        Ok(counted)
    }
}

/// Counts the blobs of one entry.
fn count(rows: &Connection, blobs: &Blobs, entry: &Entry) -> Result<(), StoredError> {
    // An entry that cannot be read is skipped here; the audit reports it.
    let Ok(header) = Header::decode(&entry.header) else { return Ok(()) };
    if let Ok(Event::Taken(taken)) = Event::read(&header.kind, &entry.facts) {
        rows.execute(
            "INSERT OR REPLACE INTO run (run, person) VALUES (?1, ?2)",
            params![taken.run.to_string(), taken.requester.to_string()],
        )?;
    }
    let person = match (&header.actor, &header.subject) {
        (Actor::Person(person), _) => Some(person.to_string()),
        (_, Some(run)) => rows
            .query_row("SELECT person FROM run WHERE run = ?1", params![run.to_string()], |row| row.get(0))
            .optional()?,
        _ => None,
    };
    for digest in &header.blobs {
        let Ok((_, bytes)) = blobs.open_file(digest) else { continue };
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let new =
            rows.execute("INSERT OR IGNORE INTO blob (digest) VALUES (?1)", params![digest.to_string()])?;
        if new == 0 {
            continue;
        }
        // The sender of a refused command only names a project and may have no role in it, so the project is not charged.
        let project = header.project.as_ref().filter(|_| header.kind != REFUSED).map(ToString::to_string);
        for (kind, owner) in [("project", project), ("person", person.clone())] {
            let Some(owner) = owner else { continue };
            rows.execute(
                "INSERT INTO sum (kind, owner, bytes) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (kind, owner) DO UPDATE SET bytes = bytes + ?3",
                params![kind, owner, bytes],
            )?;
        }
    }
    Ok(())
}

/// Keeps the count up to date for as long as the server runs.
pub async fn run(shared: Arc<Shared>, stored: StorageCount) {
    let mut changes = shared.intake.changes();
    let mut held = Some(stored);
    let mut complained = false;
    loop {
        changes.borrow_and_update();
        let (at, stored) = (Arc::clone(&shared), held.take());
        let counted = tokio::task::spawn_blocking(move || {
            let mut stored = stored?;
            Some((all(&at, &mut stored), stored))
        });
        let Ok(Some((result, stored))) = counted.await else { return };
        held = Some(stored);
        match result {
            Ok(()) => complained = false,
            Err(error) if !complained => {
                warn!("the stored bytes cannot be counted: {error}");
                complained = true;
            }
            Err(_) => {}
        }
        if changes.changed().await.is_err() {
            return;
        }
        // Entries come in bursts, so a pause lets one page count several of them.
        tokio::time::sleep(PAUSE).await;
    }
}

fn all(shared: &Shared, stored: &mut StorageCount) -> Result<(), StoredError> {
    let readers = shared.gatekeeper.readers();
    while readers.with(|reader| stored.catch_up(reader))? && !*shared.stopping.borrow() {}
    shared.gatekeeper.usage().set(stored.counted()?);
    Ok(())
}

/// Kind of the entries that record refusals.
const REFUSED: &str = "refused";
/// Name of the file inside the data directory.
const FILE: &str = "stored.db";
const PAUSE: Duration = Duration::from_secs(1);
/// Version of the counting method. Version 0 charged projects for refused commands of strangers.
const WAY: i64 = 1;
const SCHEMA: &str = "
DROP TABLE IF EXISTS cursor;
DROP TABLE IF EXISTS run;
DROP TABLE IF EXISTS blob;
DROP TABLE IF EXISTS sum;
CREATE TABLE cursor (entries INTEGER NOT NULL);
INSERT INTO cursor (entries) VALUES (0);
CREATE TABLE run (run TEXT PRIMARY KEY, person TEXT NOT NULL) STRICT;
CREATE TABLE blob (digest TEXT PRIMARY KEY) STRICT;
CREATE TABLE sum (kind TEXT NOT NULL, owner TEXT NOT NULL, bytes INTEGER NOT NULL,
  PRIMARY KEY (kind, owner)) STRICT;
";

#[cfg(test)]
mod tests {
    use domain::{Refused, release};
    use lab::{id, name};

    use super::*;
    use crate::sample;

    #[test]
    fn attack_what_is_refused_is_stored_for_its_sender_and_for_no_project() {
        let dir = tempfile::tempdir().unwrap();
        let stored = StorageCount::open(dir.path()).unwrap();
        let blobs = Blobs::open(&dir.path().join(BLOBS)).unwrap();
        let place = "shop/api/production".parse().unwrap();
        let (person, request) = (id(10).into(), evidence::Digest::of(b"request"));
        let refused =
            Refused { person, action: name("run"), reasons: vec!["role-missing".into()], more: None };
        let promoted = release::Promoted { place, release: 1, person, request };
        for (event, bytes) in [
            (Event::Refused(refused), b"of a stranger".as_slice()),
            (Event::Promoted(promoted), b"in its project"),
        ] {
            let (actor, blob) = (Actor::Person(id(10)), blobs.put(bytes).unwrap());
            let entry = sample::entry(&event, actor, Some(name("shop")), blob);
            count(&stored.connection, &stored.blobs, &entry).unwrap();
        }
        let counted = stored.counted().unwrap();
        assert_eq!(counted.projects, [(name("shop"), 14)].into());
        assert_eq!(counted.people, [(person, 13 + 14)].into());
    }

    #[test]
    fn what_was_counted_another_way_is_counted_anew() {
        let dir = tempfile::tempdir().unwrap();
        let charge = "UPDATE cursor SET entries = 7; INSERT INTO sum VALUES ('project', 'shop', 5);";
        let read = |stored: &StorageCount| {
            let entries: i64 =
                stored.connection.query_row("SELECT entries FROM cursor", [], |row| row.get(0)).unwrap();
            (entries, stored.counted().unwrap().projects)
        };
        StorageCount::open(dir.path()).unwrap().connection.execute_batch(charge).unwrap();
        let kept = StorageCount::open(dir.path()).unwrap();
        assert_eq!(read(&kept), (7, [(name("shop"), 5)].into()));
        kept.connection.execute_batch("PRAGMA user_version = 0").unwrap();
        drop(kept);
        assert_eq!(read(&StorageCount::open(dir.path()).unwrap()), (0, [].into()));
    }
}
