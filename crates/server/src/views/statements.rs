//! One row for each statement of a person: its scope, its validity, its signer, and the status that withdrew it.
//!
//! Invariant: a row stays after its end, so that people see what ended. Whether a statement counts for a release is no
//! question of this view: each judge decides that.

use domain::{Event, PersonId};
use evidence::{Digest, Moment, Name, Place};
use rusqlite::{Connection, params};
use wire::StatementState;

use super::columns::{parsed, signed};

/// A statement whose scope covers a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRow {
    /// Digest of the statement's payload.
    pub statement: Digest,
    /// Its kind.
    pub kind: String,
    /// The person who signed.
    pub person: PersonId,
    /// Start of validity.
    pub begins: Moment,
    /// End of validity.
    pub until: Moment,
    /// Digest of the signed envelope, a blob.
    pub envelope: Digest,
    /// Its state at the time of the question.
    pub state: StatementState,
}

/// Applies an entry.
pub fn apply(rows: &Connection, number: u64, event: &Event) -> rusqlite::Result<()> {
    match event {
        Event::Stated(stated) => {
            let scope = &stated.scope;
            let part = |name: Option<&Name>| name.map_or("", Name::as_str).to_owned();
            rows.prepare_cached(
                "INSERT OR REPLACE INTO statement (digest, entry, kind, person, project, service, environment, begins, \
                 until, envelope) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                stated.statement.to_string(),
                signed(number),
                stated.kind.as_str(),
                stated.person.to_string(),
                scope.project.as_str(),
                part(scope.service.as_ref()),
                part(scope.environment.as_ref()),
                stated.not_before.to_string(),
                stated.expires.to_string(),
                stated.envelope.to_string()
            ])?;
        }
        Event::StatusSet(status) if !status.withdrawn.is_empty() => {
            let withdrawn: Vec<String> = status.withdrawn.iter().map(Digest::to_string).collect();
            rows.execute(
                "UPDATE statement SET withdrawn = ?1 WHERE withdrawn IS NULL \
                 AND digest IN (SELECT value FROM json_each(?2))",
                params![signed(number), serde_json::to_string(&withdrawn).unwrap_or_default()],
            )?;
        }
        _ => {}
    }
    Ok(())
}

/// Number of the entry that recorded a statement.
pub fn entry_of(rows: &Connection, statement: &Digest) -> rusqlite::Result<Option<u64>> {
    let mut found = rows.prepare_cached("SELECT entry FROM statement WHERE digest = ?1")?;
    let mut entries = found.query_map(params![statement.to_string()], |row| row.get::<_, i64>(0))?;
    Ok(entries.next().transpose()?.and_then(|entry| u64::try_from(entry).ok()))
}

/// The statements whose scope covers a place, those that are in force first, then the newest first.
pub fn at(rows: &Connection, place: &Place, now: Moment) -> rusqlite::Result<Vec<StatementRow>> {
    let mut statement = rows.prepare_cached(
        "SELECT digest, kind, person, begins, until, envelope, withdrawn FROM statement \
         WHERE project = ?1 AND service IN ('', ?2) AND environment IN ('', ?3) \
         ORDER BY withdrawn IS NULL AND until > ?4 DESC, entry DESC LIMIT ?5",
    )?;
    let found = statement.query_map(
        params![
            place.project.as_str(),
            place.service.as_str(),
            place.environment.as_str(),
            now.to_string(),
            SHOWN_MAX
        ],
        |row| {
            let (begins, until): (Moment, Moment) = (parsed(row, 3)?, parsed(row, 4)?);
            let withdrawn: Option<i64> = row.get(6)?;
            let state = match withdrawn {
                Some(_) => StatementState::Withdrawn,
                None if until <= now => StatementState::Ended,
                None if now < begins => StatementState::Later,
                None => StatementState::InForce,
            };
            Ok(StatementRow {
                statement: parsed(row, 0)?,
                kind: row.get(1)?,
                person: parsed(row, 2)?,
                begins,
                until,
                envelope: parsed(row, 5)?,
                state,
            })
        },
    )?;
    found.collect()
}

/// Statements whose scope covers a place and that were in force at a moment, and are not in force now: kind and digest of the envelope.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn ended_since(
    rows: &Connection,
    place: &Place,
    (since, now): (Moment, Moment),
) -> rusqlite::Result<Vec<(String, Digest)>> {
    let mut statement = rows.prepare_cached(
        "SELECT s.kind, s.envelope FROM statement AS s LEFT JOIN entry AS e ON e.entry = s.withdrawn \
         WHERE s.project = ?1 AND s.service IN ('', ?2) AND s.environment IN ('', ?3) AND s.begins <= ?4 \
         AND s.until > ?4 AND (s.until <= ?5 OR s.withdrawn IS NOT NULL) AND (e.time IS NULL OR e.time > ?4)",
    )?;
    let (project, service, environment) =
        (place.project.as_str(), place.service.as_str(), place.environment.as_str());
    let values = params![project, service, environment, since.to_string(), now.to_string()];
    statement.query_map(values, |row| Ok((row.get(0)?, parsed(row, 1)?)))?.collect()
}

/// Most statements that are shown at a place.
const SHOWN_MAX: i64 = 50;
