//! One row for each line of a record: who read which secret, for which run, and whether it was allowed.
//!
//! Invariant: rows follow from the lines alone, whatever their kind. An entry whose lines were erased has none. A person's words
//! are not here. No decision reads a row; whether a read is somebody's first one makes an alert, and nothing else.

use domain::Event;
use evidence::entry::{Actor, Entry, Header};
use evidence::secret_name::SecretName;
use evidence::{Id, Moment, Name, Place};
use judge::{LinesError, lines_of};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::columns::{parsed, signed};
use super::error::ViewError;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// Number of its entry.
    pub entry: u64,
    /// Its place in the entry, counted from 0.
    pub line: u64,
    /// Its kind.
    pub kind: String,
    /// Time of the entry.
    pub time: Moment,
    /// The project whose members may read it; absent for people with a right in every project.
    pub project: Option<Name>,
    /// The secret.
    pub secret: Option<SecretName>,
    /// Number of its version.
    pub number: Option<u32>,
    /// The person or machine that acted.
    pub who: Actor,
    /// The run.
    pub run: Option<Id>,
    /// The step of the run.
    pub step: Option<Name>,
    /// The place.
    pub place: Option<Place>,
    /// Number of the release at the place.
    pub release: Option<u64>,
    /// Whether it was allowed; absent if the line is no decision.
    pub allowed: Option<bool>,
    /// The line in a few words.
    pub summary: String,
}

/// Which lines are asked for: those that meet all conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordConditions {
    /// The project.
    pub project: Option<Name>,
    /// The secret.
    pub secret: Option<SecretName>,
    /// The person or machine.
    pub who: Option<Actor>,
    /// The run.
    pub run: Option<Id>,
    /// The place.
    pub place: Option<Place>,
    /// Kind of the lines.
    pub kind: Option<String>,
    /// Only lines of entries before this number.
    pub before: Option<u64>,
}

/// Applies an entry.
pub fn apply(
    rows: &Connection,
    number: u64,
    (header, event, entry): (&Header, &Event, &Entry),
) -> Result<(), ViewError> {
    let Event::Recorded(facts) = event else { return Ok(()) };
    let lines = match lines_of(header, facts, entry) {
        Ok(lines) => lines,
        Err(LinesError::Erased) => return Ok(()),
        Err(error) => return Err(ViewError::Entry(format!("entry {number}: {error}"))),
    };
    let mut insert = rows.prepare_cached(
        "INSERT INTO record (entry, line, kind, time, project, secret, number, who, run, step, place, allowed, summary, \
         release) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let time = header.time.to_string();
    for (at, line) in (0_i64..).zip(lines.iter()) {
        let about = line.body.columns();
        insert.execute(params![
            signed(number),
            at,
            line.body.kind().as_str(),
            time,
            about.project.map_or("", Name::as_str),
            about.secret.map(ToString::to_string),
            about.number,
            text_of(about.who),
            about.run.map(|run| run.to_string()),
            about.step.map(Name::as_str),
            about.place.map(ToString::to_string),
            about.allowed,
            line.body.summary(),
            about.release.map(signed),
        ])?;
    }
    Ok(())
}

/// The lines that meet the conditions and that the caller may read, the newest first. A question reads a bounded number of rows.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn find(
    rows: &Connection,
    conditions: &RecordConditions,
    most: usize,
    may_read: &dyn Fn(Option<&Name>) -> bool,
) -> rusqlite::Result<Vec<RecordRow>> {
    let RecordConditions { project, secret, who, run, place, kind, before } = conditions;
    let text = |value: String| Some(Value::from(value));
    let all = [
        ("project = ?", project.as_ref().and_then(|project| text(project.to_string()))),
        ("secret = ?", secret.as_ref().and_then(|secret| text(secret.to_string()))),
        ("who = ?", who.as_ref().and_then(|who| text(text_of(who)))),
        ("run = ?", run.and_then(|run| text(run.to_string()))),
        ("place = ?", place.as_ref().and_then(|place| text(place.to_string()))),
        ("kind = ?", kind.clone().and_then(text)),
        ("entry < ?", before.map(|before| signed(before).into())),
    ];
    let (parts, values): (Vec<_>, Vec<_>) =
        all.into_iter().filter_map(|(part, value)| Some((part, value?))).unzip();
    let asked = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
    let question = format!(
        "SELECT entry, line, kind, time, secret, number, who, run, step, place, allowed, summary, project, \
         release FROM record \
         {asked} ORDER BY entry DESC, line DESC LIMIT {READ_MAX}"
    );
    let mut statement = rows.prepare_cached(&question)?;
    let mut found = Vec::new();
    for row in statement.query_map(params_from_iter(values), row_of)? {
        let row = row?;
        if may_read(row.project.as_ref()) {
            found.push(row);
        }
        if found.len() == most {
            break;
        }
    }
    Ok(found)
}

/// Whether nobody has recorded yet that this person or machine was lent a secret, or used one of this place.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn is_first(
    rows: &Connection,
    secret: &SecretName,
    who: &Actor,
    place: Option<&Place>,
) -> rusqlite::Result<bool> {
    let question = "SELECT NOT EXISTS (SELECT 1 FROM record WHERE secret = ?1 AND who = ?2 AND allowed \
                    AND place IS ?3)";
    let mut statement = rows.prepare_cached(question)?;
    let place = place.map(ToString::to_string);
    statement.query_row(params![secret.to_string(), text_of(who), place], |row| row.get(0))
}

/// Whether a line says already that an agent uses this version of a secret of its place for this release, or does not use it.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn is_told(
    rows: &Connection,
    (secret, who, place): (&SecretName, &Actor, &Place),
    (number, release, allowed): (u32, Option<u64>, bool),
) -> rusqlite::Result<bool> {
    let question = "SELECT EXISTS (SELECT 1 FROM record WHERE secret = ?1 AND who = ?2 AND allowed = ?3 AND place = ?4 \
                    AND number = ?5 AND release IS ?6)";
    let mut statement = rows.prepare_cached(question)?;
    let place = place.to_string();
    let about = params![secret.to_string(), text_of(who), allowed, place, number, release.map(signed)];
    statement.query_row(about, |row| row.get(0))
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<RecordRow> {
    let number = |at| row.get::<_, i64>(at).map(|number| u64::try_from(number).unwrap_or_default());
    Ok(RecordRow {
        entry: number(0)?,
        line: number(1)?,
        kind: row.get(2)?,
        time: parsed(row, 3)?,
        project: Some(row.get::<_, String>(12)?)
            .filter(|text| !text.is_empty())
            .map(|_| parsed(row, 12))
            .transpose()?,
        secret: optional(row, 4)?,
        number: row.get(5)?,
        who: actor_of(row, 6)?,
        run: optional(row, 7)?,
        step: optional(row, 8)?,
        place: optional(row, 9)?,
        release: row.get::<_, Option<i64>>(13)?.and_then(|release| release.try_into().ok()),
        allowed: row.get(10)?,
        summary: row.get(11)?,
    })
}

fn optional<T: std::str::FromStr>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<T>> {
    row.get::<_, Option<String>>(at)?.map(|_| parsed(row, at)).transpose()
}

/// A person's id has 32 hex digits and no name has a colon, so the two are kept apart.
fn text_of(who: &Actor) -> String {
    match who {
        Actor::Person(person) => format!("person:{person}"),
        Actor::Machine(machine) => format!("machine:{machine}"),
        Actor::System => "system".to_owned(),
    }
}

fn actor_of(row: &Row<'_>, at: usize) -> rusqlite::Result<Actor> {
    let text: String = row.get(at)?;
    let actor = match text.split_once(':') {
        Some(("person", person)) => person.parse().ok().map(Actor::Person),
        Some(("machine", machine)) => machine.parse().ok().map(Actor::Machine),
        None if text == "system" => Some(Actor::System),
        _ => None,
    };
    actor.ok_or_else(|| rusqlite::Error::InvalidColumnType(at, text, rusqlite::types::Type::Text))
}

/// Most rows that one question reads for a caller who may not read them all.
const READ_MAX: usize = 20_000;

#[cfg(test)]
mod tests;
