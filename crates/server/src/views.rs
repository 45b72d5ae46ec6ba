//! Views: tables for frequent queries, in a second SQLite file beside the ledger.
//!
//! Invariant: a pure function of the entries up to a cursor. They can be dropped and rebuilt identically, and no decision
//! uses them.

pub mod alerts;
mod columns;
mod comparison;
mod entries;
mod error;
pub mod figures;
pub mod freezes;
pub mod inventory;
pub mod moments;
pub mod records;
pub mod releases;
pub mod runs;
mod schema;
pub mod search;
pub mod statements;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use columns::parsed;
pub use comparison::{StaleRow, compare, rebuild};
use domain::{PersonId, RunId, State};
use entries::fill;
pub use entries::project_of;
pub use error::ViewError;
use evidence::{Digest, Moment, Name};
use ledger::Reader;
use review::inventory::Listing;
use rusqlite::{Connection, OptionalExtension as _, params};
pub use schema::FILE;
use schema::{INDEX, SCHEMA, TABLES, VERSION};

use crate::caller::Caller;

/// Views of one ledger.
#[derive(Debug)]
pub struct Views {
    connection: Mutex<Connection>,
    path: PathBuf,
}

/// The kind of entry that names a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobReference {
    /// An entry of a project.
    Project(Name),
    /// A refusal without a project, of a command of this person.
    Refused(PersonId),
    /// Another entry without a project.
    Installation,
}

impl BlobReference {
    /// Whether a caller may read the blob because of this entry.
    #[must_use]
    pub fn may_read(&self, caller: &Caller, state: &State, now: Moment) -> bool {
        match self {
            Self::Project(project) => caller.may_read(project, state, now),
            Self::Refused(sender) => caller.may_read_refused(*sender, state, now),
            Self::Installation => true,
        }
    }
}

impl Views {
    /// Opens the views of a data directory, and makes them if they are missing.
    ///
    /// # Errors
    /// `ViewError` if the file is not a file of views.
    pub fn open(data: &Path) -> Result<Self, ViewError> {
        let path = data.join(FILE);
        let connection = Connection::open(&path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != VERSION {
            // The file is of another version of this program: it is rebuilt from the ledger.
            for table in TABLES.iter().map(|(table, _)| table).chain(&INDEX) {
                connection.execute_batch(&format!("DROP TABLE IF EXISTS \"{table}\";"))?;
            }
        }
        connection.execute_batch(SCHEMA)?;
        connection.execute_batch(&format!("PRAGMA user_version = {VERSION};"))?;
        Ok(Self { connection: Mutex::new(connection), path })
    }

    /// Applies every new entry.
    ///
    /// # Errors
    /// `ViewError` if entries cannot be read or rows cannot be written.
    pub fn catch_up(&self, reader: &Reader) -> Result<(), ViewError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        fill(&mut connection, reader, u64::MAX)
    }

    /// Applies new entries up to a number.
    #[cfg(test)]
    pub(crate) fn catch_up_to(&self, reader: &Reader, until: u64) {
        fill(&mut self.connection.lock().unwrap(), reader, until).unwrap();
    }

    /// Number of entries that the tables contain.
    ///
    /// # Errors
    /// `ViewError` if the view cannot be read.
    pub fn entries(&self) -> Result<u64, ViewError> {
        let entries: i64 =
            self.ask(|rows| rows.query_row("SELECT entries FROM cursor", [], |row| row.get(0)))?;
        Ok(u64::try_from(entries).unwrap_or_default())
    }

    /// Digest of the log of some work on a runner.
    ///
    /// # Errors
    /// `ViewError` if the view cannot be read.
    pub fn log_of(
        &self,
        run: RunId,
        (kind, label): (&str, &str),
        runner: &Name,
    ) -> Result<Option<Digest>, ViewError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let found: Option<Option<String>> = connection
            .query_row(
                "SELECT log FROM work WHERE run = ?1 AND kind = ?2 AND name = ?3 AND runner = ?4",
                params![run.to_string(), kind, label, runner.as_str()],
                |row| row.get(0),
            )
            .optional()?;
        Ok(found.flatten().and_then(|text| text.parse().ok()))
    }

    /// The project of a run.
    ///
    /// # Errors
    /// `ViewError` if the view cannot be read.
    pub(crate) fn project_of(&self, run: RunId) -> Result<Option<Name>, ViewError> {
        self.ask(|rows| runs::project_of(rows, run))
    }

    /// The kinds of entries that name a blob.
    ///
    /// # Errors
    /// `ViewError` if the view cannot be read.
    pub fn named(&self, blob: &Digest) -> Result<Vec<BlobReference>, ViewError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let question = "SELECT project, refused FROM named WHERE blob = ?1";
        let mut statement = connection.prepare_cached(question)?;
        let found = statement.query_map(params![blob.as_bytes()], |row| {
            let (project, refused): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(match (project.is_empty(), refused.is_empty()) {
                (false, _) => BlobReference::Project(parsed(row, 0)?),
                (true, false) => BlobReference::Refused(parsed(row, 1)?),
                (true, true) => BlobReference::Installation,
            })
        })?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds listings of documents to the index, all or none.
    ///
    /// # Errors
    /// `ViewError` if the rows cannot be written.
    pub fn put_listings(&self, listings: &[(i64, Listing)]) -> Result<(), ViewError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        for (document, listing) in listings {
            inventory::put(&transaction, *document, listing)?;
        }
        Ok(transaction.commit()?)
    }

    /// A second connection that only reads, for questions that take long.
    ///
    /// # Errors
    /// `ViewError` if the file cannot be opened.
    pub fn beside(&self) -> Result<Connection, ViewError> {
        Ok(ledger::open_read_only(&self.path)?)
    }

    /// Runs a query.
    ///
    /// # Errors
    /// `ViewError` if the view cannot be read.
    pub fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ViewError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ask(&connection)?)
    }
}
