//! Releases that are judged again: what runs, and what waits.

use std::collections::BTreeSet;

use evidence::{Digest, Id, Moment, Place};
use review::inventory::{Package, Problem, severity_of};
use review::rescan::KnownProblems;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::found::WAITS;
use crate::views::columns::parsed;

/// A release that runs or waits at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The place.
    pub place: Place,
    /// Number of the release; `None` before it has one.
    pub release: Option<u64>,
    /// Its artifact.
    pub artifact: Digest,
    /// The run that built it; `None` if nobody knows.
    pub run: Option<Id>,
    /// Whether it waits; otherwise it runs.
    pub waits: bool,
    /// The evidence that a gate judged for it: the gate of its place, or else of another one.
    pub bundle: Option<Digest>,
    /// From when it runs; `None` while it waits.
    pub since: Option<Moment>,
}

/// Everything that runs, and then everything that waits.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn live(rows: &Connection) -> rusqlite::Result<Vec<Watched>> {
    let running = format!(
        "SELECT r.place, r.release, r.artifact, r.run, 0, {BUNDLE}, r.since FROM ran AS r WHERE r.until IS NULL"
    );
    let waiting = format!(
        "SELECT r.place, r.release, r.artifact, r.run, 1, {BUNDLE}, NULL FROM release AS r \
         WHERE r.kind = 'release' AND {WAITS}"
    );
    let mut found = Vec::new();
    for text in [running, waiting] {
        let mut statement = rows.prepare_cached(&text)?;
        let all = statement.query_map([], |row| {
            let run: String = row.get(3)?;
            Ok(Watched {
                place: parsed(row, 0)?,
                release: row.get::<_, Option<i64>>(1)?.and_then(|number| number.try_into().ok()),
                artifact: parsed(row, 2)?,
                run: run.parse().ok(),
                waits: row.get(4)?,
                bundle: row.get::<_, Option<String>>(5)?.and_then(|text| text.parse().ok()),
                since: row.get::<_, Option<String>>(6)?.map(|_| parsed(row, 6)).transpose()?,
            })
        })?;
        for one in all {
            found.push(one?);
        }
    }
    Ok(found)
}

/// Numbers of the packages of a run.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn packages(rows: &Connection, run: Id) -> rusqlite::Result<BTreeSet<i64>> {
    let text =
        "SELECT c.package FROM made AS m JOIN component AS c ON c.document = m.document WHERE m.run = ?1";
    let mut statement = rows.prepare_cached(text)?;
    let found = statement.query_map(params![run.to_string()], |row| row.get(0))?;
    found.collect()
}

/// Number of documents of a run that could not be read.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn unread(rows: &Connection, run: Id) -> rusqlite::Result<u64> {
    let text = "SELECT count(*) FROM made AS m JOIN listed AS l ON l.document = m.document \
                WHERE m.run = ?1 AND l.sort = 'unreadable'";
    let mut statement = rows.prepare_cached(text)?;
    statement.query_row(params![run.to_string()], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// A package by its number.
///
/// # Errors
/// `rusqlite::Error` if the row cannot be read.
pub fn package(rows: &Connection, number: i64) -> rusqlite::Result<Option<Package>> {
    let mut statement = rows.prepare_cached("SELECT purl, own, version FROM package WHERE number = ?1")?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Package { purl: row.get(0)?, name: row.get(1)?, version: row.get(2)?, direct: None })
    };
    statement.query_row(params![number], read).optional()
}

/// The problems that the reports of a run name.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn known(rows: &Connection, run: Id) -> rusqlite::Result<KnownProblems> {
    let text = "SELECT f.finding, max(f.severity), max(f.exploited) FROM made AS m \
                JOIN finding AS f ON f.document = m.document WHERE m.run = ?1 GROUP BY f.finding";
    let mut statement = rows.prepare_cached(text)?;
    let found = statement.query_map(params![run.to_string()], |row| {
        let severity = severity_of(row.get(1)?);
        Ok((Digest::from_bytes(row.get(0)?), (severity, row.get(2)?)))
    })?;
    found.collect()
}

/// A problem that the reports of a run name; the worst of them.
///
/// # Errors
/// `rusqlite::Error` if the rows cannot be read.
pub fn finding_of(rows: &Connection, run: Id, id: &Digest) -> rusqlite::Result<Option<Problem>> {
    let text = "SELECT f.body FROM made AS m JOIN finding AS f ON f.document = m.document \
                WHERE m.run = ?1 AND f.finding = ?2 ORDER BY f.severity DESC, f.exploited DESC LIMIT 1";
    let mut statement = rows.prepare_cached(text)?;
    let body: Option<String> =
        statement.query_row(params![run.to_string(), id.as_bytes()], |row| row.get(0)).optional()?;
    Ok(body.and_then(|body| Some(Problem { id: *id, finding: serde_json::from_str(&body).ok()? })))
}

/// The newest evidence about the artifact of a row. A gate that is held judges none.
const BUNDLE: &str = "(SELECT b.bundle FROM release AS b WHERE b.artifact = r.artifact AND b.bundle IS NOT NULL \
                      ORDER BY b.place = r.place DESC, b.began DESC LIMIT 1)";
