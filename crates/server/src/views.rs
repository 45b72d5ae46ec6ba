//! Views: tables for frequent queries, in a second SQLite file beside the ledger.
//!
//! Invariant: a pure function of the entries up to a cursor. They can be dropped and rebuilt identically, and no decision
//! uses them.

mod columns;
pub mod freezes;
pub mod releases;
mod schema;
pub mod statements;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use domain::build::RunOutcome;
use domain::{Event, PersonId, RunId, State};
use evidence::entry::{Actor, Entry, Header};
use evidence::report::ReleaseOutcome;
use evidence::{Digest, Moment, Name, Place};
use ledger::{LedgerError, Reader};
use rusqlite::{Connection, OptionalExtension as _, params};
use wire::{RunState, WorkState};

use crate::caller::{Caller, refused_of_none};
pub use columns::parsed;
use columns::signed;
use schema::{SCHEMA, TABLES, VERSION};

/// Name of the file inside the data directory.
pub const FILE: &str = "views.db";

/// Views of one ledger.
#[derive(Debug)]
pub struct Views {
    connection: Mutex<Connection>,
}

/// Why a view cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The file did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// SQLite failed.
    #[error("views: {0}; `countersign audit verify --rebuild-views` rebuilds them")]
    Sql(#[from] rusqlite::Error),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An entry cannot be read.
    #[error("views: {0}")]
    Entry(String),
    /// The file failed.
    #[error("views: cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, std::io::Error),
}

/// A row that differs from the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleRow {
    /// The table and the row.
    pub place: String,
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
        let connection = Connection::open(data.join(FILE))?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != VERSION {
            // The file is of another version of this program: it is rebuilt from the ledger.
            for (table, _) in TABLES {
                connection.execute_batch(&format!("DROP TABLE IF EXISTS \"{table}\";"))?;
            }
        }
        connection.execute_batch(SCHEMA)?;
        connection.execute_batch(&format!("PRAGMA user_version = {VERSION};"))?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Applies every new entry.
    ///
    /// # Errors
    /// `ViewError` if entries cannot be read or rows cannot be written.
    pub fn catch_up(&self, reader: &Reader) -> Result<(), ViewError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        fill(&mut connection, reader, u64::MAX)
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
        let question = "SELECT project FROM run WHERE run = ?1";
        let found: Option<String> =
            self.ask(|rows| rows.query_row(question, params![run.to_string()], |row| row.get(0)).optional())?;
        Ok(found.and_then(|project| project.parse().ok()))
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

    /// Runs a query.
    ///
    /// # Errors
    /// `ViewError` if the view cannot be read.
    pub fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ViewError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ask(&connection)?)
    }
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

fn fill(connection: &mut Connection, reader: &Reader, until: u64) -> Result<(), ViewError> {
    let size = reader.head()?.frontier.size().min(until);
    loop {
        let from: i64 = connection.query_row("SELECT entries FROM cursor", [], |row| row.get(0))?;
        let from = u64::try_from(from).map_err(|_| ViewError::Entry("the cursor is damaged".into()))?;
        if from >= size {
            return Ok(());
        }
        let entries = reader.entries(from, size)?;
        let transaction = connection.transaction()?;
        for (entry, number) in entries.iter().zip(from..) {
            apply(&transaction, number, entry)?;
        }
        let now = from + entries.len() as u64;
        transaction.execute("UPDATE cursor SET entries = ?1", params![signed(now)])?;
        transaction.commit()?;
    }
}

fn apply(rows: &Connection, number: u64, entry: &Entry) -> Result<(), ViewError> {
    let unsound = |error: &dyn std::fmt::Display| ViewError::Entry(format!("entry {number}: {error}"));
    let header = Header::decode(&entry.header).map_err(|error| unsound(&error))?;
    let event = Event::read(&header.kind, &entry.facts).map_err(|error| unsound(&error))?;
    let time = header.time.to_string();
    let project = project_of(header.project.as_ref(), &event);
    let refused = refused_of_none(project, &event).map_or_else(String::new, |person| person.to_string());
    for blob in &header.blobs {
        rows.prepare_cached("INSERT OR IGNORE INTO named (blob, project, refused) VALUES (?1, ?2, ?3)")?
            .execute(params![blob.as_bytes(), project.map_or("", Name::as_str), refused])?;
    }
    releases::apply(rows, releases::EntryPosition { number, time: &time }, &event)?;
    statements::apply(rows, number, &event)?;
    if let Event::StatusSet(status) = &event {
        freezes::apply(rows, number, &time, &header.actor, status)?;
    }
    match event {
        Event::Started(run) => {
            let services: Vec<_> = run.services.keys().map(Name::as_str).collect();
            // A run of the same number that had no outcome is no longer shown.
            rows.execute("DELETE FROM work WHERE run = ?1", params![run.run.to_string()])?;
            rows.execute("DELETE FROM artifact WHERE run = ?1", params![run.run.to_string()])?;
            rows.execute(
                "INSERT OR REPLACE INTO run (run, entry, project, commit_id, state, started, services) \
                 VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?6)",
                params![
                    run.run.to_string(),
                    signed(number),
                    run.project.as_str(),
                    run.commit.as_str(),
                    time,
                    services.join(" ")
                ],
            )?;
            for (step, plan) in run.steps.iter().filter(|(_, plan)| plan.approval.is_some()) {
                let count = plan.approval.as_ref().map_or(0, |approval| approval.count);
                let none = WorkState::Agreed { given: 0, needed: count }.to_string();
                rows.execute(
                    "INSERT INTO work (run, entry, kind, name, runner, state) \
                     VALUES (?1, ?2, 'approval', ?3, '', ?4)",
                    params![run.run.to_string(), signed(number), step.as_str(), none],
                )?;
            }
        }
        Event::Due(due) => {
            let (kind, name) = (due.work.kind(), due.work.label());
            rows.execute(
                "INSERT INTO work (run, entry, kind, name, runner, state) VALUES (?1, ?2, ?3, ?4, ?5, 'due')",
                params![due.run.to_string(), signed(number), kind, name, due.runner.as_str()],
            )?;
        }
        Event::Reported(report) => reported(rows, &report)?,
        Event::Agreed(agreed) => {
            rows.execute(
                "UPDATE work SET state = (CAST(substr(state, 1, instr(state, ' ')) AS INTEGER) + 1) || \
                 substr(state, instr(state, ' ')) WHERE run = ?1 AND kind = 'approval' AND name = ?2",
                params![agreed.run.to_string(), agreed.step.as_str()],
            )?;
        }
        Event::Built(built) => {
            rows.execute(
                "INSERT INTO artifact (run, name, manifest) VALUES (?1, ?2, ?3)",
                params![built.run.to_string(), built.name.as_str(), built.manifest.to_string()],
            )?;
        }
        Event::Ended(ended) => self::ended(rows, &header, &ended)?,
        Event::ChecksLost(ended) => unchecked(rows, &ended.place, ended.release, true)?,
        other => last(rows, number, &other)?,
    }
    Ok(())
}

/// The project of an entry. The first statements of places are recorded at the installation's start, without a project.
pub fn project_of<'a>(stated: Option<&'a Name>, event: &'a Event) -> Option<&'a Name> {
    match event {
        Event::EnvironmentSet(set) => Some(&set.place.project),
        _ => stated,
    }
}

fn reported(rows: &Connection, report: &domain::build::Reported) -> rusqlite::Result<()> {
    let (kind, name) = (report.work.kind(), report.work.label());
    let state = if report.passed { WorkState::Passed } else { WorkState::Failed };
    rows.execute(
        "UPDATE work SET state = ?1, log = ?2 WHERE run = ?3 AND kind = ?4 AND name = ?5 AND runner = ?6",
        params![
            state.to_string(),
            report.log.to_string(),
            report.run.to_string(),
            kind,
            name,
            report.runner.as_str()
        ],
    )?;
    Ok(())
}

fn ended(rows: &Connection, header: &Header, ended: &domain::build::Ended) -> rusqlite::Result<()> {
    let state = match ended.outcome {
        RunOutcome::Passed => RunState::Passed,
        RunOutcome::Failed => RunState::Failed,
        RunOutcome::Lost => RunState::Lost,
        RunOutcome::Differed => RunState::Differed,
        RunOutcome::Cancelled => RunState::Cancelled,
    };
    let person = match (ended.outcome, &header.actor) {
        (RunOutcome::Cancelled, Actor::Person(person)) => Some(person.to_string()),
        _ => None,
    };
    let text = "UPDATE run SET state = ?1, person = ?3 WHERE run = ?2";
    rows.execute(text, params![state.name(), ended.run.to_string(), person])?;
    if let (RunOutcome::Lost, Some(work)) = (ended.outcome, &ended.because) {
        let (kind, name) = (work.kind(), work.label());
        // Without the runner's claim only the server vouches for it.
        let (state, runner) = match (&header.actor, header.particulars) {
            (Actor::Machine(runner), Some(_)) => (WorkState::GivenUp, runner.as_str()),
            _ => (WorkState::Lost, ""),
        };
        rows.execute(
            "UPDATE work SET state = ?4 WHERE run = ?1 AND kind = ?2 AND name = ?3 AND state = 'due' \
             AND ?5 IN (runner, '')",
            params![ended.run.to_string(), kind, name, state.to_string(), runner],
        )?;
    }
    Ok(())
}

/// Updates the latest event of a place.
fn last(rows: &Connection, number: u64, event: &Event) -> rusqlite::Result<()> {
    let (place, release, outcome, reasons, detail, bundle) = match event {
        Event::Judged(judged) => {
            let outcome = judged.outcome.name().to_owned();
            let (reasons, detail) = (judged.reasons.join(" "), Some(judged.verdict));
            (&judged.place, judged.release, outcome, reasons, detail, judged.bundle)
        }
        Event::AgentReported(report) => {
            if report.outcome == ReleaseOutcome::Running {
                unchecked(rows, &report.place, report.release, false)?;
            }
            let outcome = report.outcome.name().to_owned();
            let reasons = report.reasons.join(" ");
            (&report.place, report.release, outcome, reasons, Some(report.envelope), None)
        }
        Event::Unplannable(unplannable) => {
            let outcome = "unplannable".to_owned();
            (&unplannable.place, 0, outcome, unplannable.code.clone(), None, None)
        }
        _ => return Ok(()),
    };
    let text = |digest: Option<Digest>| digest.map(|digest| digest.to_string());
    rows.execute(
        "INSERT OR REPLACE INTO last (place, entry, release, outcome, reasons, detail, bundle) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            place.to_string(),
            signed(number),
            signed(release),
            outcome,
            reasons,
            text(detail),
            text(bundle)
        ],
    )?;
    Ok(())
}

/// Ends the checks of a place that nobody will report: those of one release, or of all others than the one that runs.
fn unchecked(rows: &Connection, place: &Place, release: u64, is_of_release: bool) -> rusqlite::Result<()> {
    let (of_place, of_release) = checks_at(place, release);
    rows.execute(
        "UPDATE work SET state = ?1 WHERE kind = 'check' AND state = 'due' AND name LIKE ?2 || '%' \
         AND (name LIKE ?3 || '%') = ?4 AND run IN (SELECT run FROM run WHERE project = ?5)",
        params![WorkState::Lost.to_string(), of_place, of_release, is_of_release, place.project.as_str()],
    )?;
    Ok(())
}

/// How the labels of all checks at a place begin, and those of one release there.
fn checks_at(place: &Place, release: u64) -> (String, String) {
    let of_place = format!("{}.{}.", place.service, place.environment);
    let of_release = format!("{of_place}{release}.");
    (of_place, of_release)
}

const STALE_MAX: usize = 100;
