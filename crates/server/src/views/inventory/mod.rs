//! Packages and problems by the documents that name them, and the places where each run's artifacts ran or run.
//!
//! Invariant: which run left which document, and what ran where from when to when, follows from the entries. The contents of documents
//! are an index over blobs: it is behind the entries until [`put`] was called for each of [`unlisted`], and every answer says so.

mod found;
mod judged;
#[cfg(test)]
mod tests;
mod watched;

use domain::Event;
use domain::release::Reported;
use evidence::report::ReleaseOutcome;
use evidence::{Digest, Name, Place};
use review::inventory::{Listing, rank};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::columns::{parsed, signed};
use super::releases::EntryPosition;
pub use found::{Bound, NoQuestion, Question, Sought, Spot, locate};
pub use judged::{Judged, RunFacts};
pub use watched::{Watched, finding_of, known, live, package, packages, unread};

/// Applies an event, after the releases have; ignores unrelated ones.
pub fn apply(rows: &Connection, at: EntryPosition<'_>, event: &Event) -> rusqlite::Result<()> {
    match event {
        Event::Reported(report) => {
            for document in &report.documents {
                let number = number_of(rows, document)?;
                rows.prepare_cached("INSERT OR IGNORE INTO made (run, document) VALUES (?1, ?2)")?
                    .execute(params![report.run.to_string(), number])?;
            }
            Ok(())
        }
        Event::AgentReported(reported) => ran(rows, at, reported),
        Event::PreviewEnding(ending) => close(rows, at, &ending.place, "1").map(drop),
        Event::EnvironmentSet(set) => {
            // A release that waited for agents alone which a new statement does not name any more runs at all others.
            let condition = "release <> (SELECT release FROM release WHERE place = ran.place AND stage = 'running' \
                             AND changed = ?3)";
            close_with(rows, at, &set.place, condition, signed(at.number))
        }
        _ => Ok(()),
    }
}

/// The number of a document, which is new or known.
fn number_of(rows: &Connection, document: &Digest) -> rusqlite::Result<i64> {
    let mut known = rows.prepare_cached("SELECT number FROM document WHERE digest = ?1")?;
    if let Some(number) = known.query_row(params![document.as_bytes()], |row| row.get(0)).optional()? {
        return Ok(number);
    }
    rows.prepare_cached("INSERT INTO document (digest) VALUES (?1)")?
        .execute(params![document.as_bytes()])?;
    Ok(rows.last_insert_rowid())
}

/// Notes what runs at a place after an agent's report.
fn ran(rows: &Connection, at: EntryPosition<'_>, reported: &Reported) -> rusqlite::Result<()> {
    let (place, release) = (reported.place.to_string(), signed(reported.release));
    if let Some(running) = &reported.running
        && reported.outcome == ReleaseOutcome::Running
    {
        // A release that was carried out by hand has no row, and its artifact was built by the run of an earlier one.
        rows.prepare_cached(
            "INSERT INTO ran (place, began, release, artifact, run, since) SELECT ?1, ?2, ?3, ?4, \
             coalesce((SELECT run FROM release WHERE place = ?1 AND release = ?3), \
             (SELECT run FROM release WHERE artifact = ?4 ORDER BY began DESC LIMIT 1), ''), ?5 \
             WHERE NOT EXISTS (SELECT 1 FROM ran WHERE place = ?1 AND release = ?3 AND until IS NULL)",
        )?
        .execute(params![
            place,
            signed(at.number),
            release,
            running.artifact.to_string(),
            at.time
        ])?;
    }
    if reported.part.is_some() {
        // Other agents still run what ran before.
        return Ok(());
    }
    match (&reported.running, reported.outcome) {
        (Some(_), ReleaseOutcome::Running) => close_with(rows, at, &reported.place, "release <> ?3", release),
        (Some(running), _) => {
            close_with(rows, at, &reported.place, "artifact <> ?3", running.artifact.to_string())
        }
        (None, _) => close(rows, at, &reported.place, "1").map(drop),
    }
}

fn close(rows: &Connection, at: EntryPosition<'_>, place: &Place, which: &str) -> rusqlite::Result<usize> {
    let text = format!("UPDATE ran SET until = ?2 WHERE place = ?1 AND until IS NULL AND {which}");
    rows.prepare_cached(&text)?.execute(params![place.to_string(), at.time])
}

fn close_with(
    rows: &Connection,
    at: EntryPosition<'_>,
    place: &Place,
    which: &str,
    value: impl rusqlite::ToSql,
) -> rusqlite::Result<()> {
    let text = format!("UPDATE ran SET until = ?2 WHERE place = ?1 AND until IS NULL AND {which}");
    rows.prepare_cached(&text)?.execute(params![place.to_string(), at.time, value]).map(drop)
}

/// The next documents that are not in the index yet, in their order.
pub fn unlisted(rows: &Connection, most: usize) -> rusqlite::Result<Vec<(i64, Digest)>> {
    let mut statement = rows.prepare_cached(
        "SELECT number, digest FROM document WHERE number > (SELECT coalesce(max(document), 0) FROM listed) \
         ORDER BY number LIMIT ?1",
    )?;
    let found = statement
        .query_map(params![signed(most as u64)], |row| Ok((row.get(0)?, Digest::from_bytes(row.get(1)?))))?;
    found.collect()
}

/// Adds what a document lists. A document that is listed already stays as it is.
pub fn put(rows: &Connection, document: i64, listing: &Listing) -> rusqlite::Result<()> {
    let sort = match listing {
        Listing::Packages(_) => "packages",
        Listing::Problems(_) => "problems",
        Listing::Other => "other",
        Listing::Unreadable => "unreadable",
    };
    let new = rows
        .prepare_cached("INSERT OR IGNORE INTO listed (document, sort) VALUES (?1, ?2)")?
        .execute(params![document, sort])?;
    match listing {
        _ if new == 0 => Ok(()),
        Listing::Packages(packages) => {
            packages.iter().try_for_each(|package| put_package(rows, document, package))
        }
        Listing::Problems(problems) => {
            problems.iter().try_for_each(|problem| put_problem(rows, document, problem))
        }
        Listing::Other | Listing::Unreadable => Ok(()),
    }
}

fn put_package(
    rows: &Connection,
    document: i64,
    package: &review::inventory::Package,
) -> rusqlite::Result<()> {
    rows.prepare_cached(
        "INSERT OR IGNORE INTO package (purl, bare, name, own, version) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        package.purl,
        package.bare().to_lowercase(),
        package.name.to_lowercase(),
        package.name,
        package.version
    ])?;
    rows.prepare_cached(
        "INSERT OR IGNORE INTO component (package, document, direct) SELECT number, ?2, ?3 FROM package WHERE purl = ?1",
    )?
    .execute(params![package.purl, document, package.direct])?;
    Ok(())
}

fn put_problem(
    rows: &Connection,
    document: i64,
    problem: &review::inventory::Problem,
) -> rusqlite::Result<()> {
    let body = serde_json::to_string(&problem.finding).unwrap_or_default();
    rows.prepare_cached(
        "INSERT OR IGNORE INTO finding (document, finding, severity, exploited, component, body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        document,
        problem.id.as_bytes(),
        rank(problem.finding.severity),
        problem.finding.exploited,
        problem.component(),
        body
    ])?;
    for id in problem.ids() {
        rows.prepare_cached("INSERT OR IGNORE INTO problem (id, document, finding) VALUES (?1, ?2, ?3)")?
            .execute(params![id, document, problem.id.as_bytes()])?;
    }
    Ok(())
}

/// Documents of a reader's projects that are not in the index yet, and those that could not be read.
pub fn gaps(rows: &Connection, may_read: &dyn Fn(&Name) -> bool) -> rusqlite::Result<(u64, u64)> {
    let count = |which: &str| {
        let text = format!(
            "SELECT u.project, count(DISTINCT m.document) FROM {which} \
             JOIN run AS u ON u.run = m.run GROUP BY u.project"
        );
        let mut statement = rows.prepare_cached(&text)?;
        let found = statement.query_map([], |row| Ok((parsed::<Name>(row, 0)?, row.get::<_, i64>(1)?)))?;
        let mut all = 0;
        for row in found {
            let (project, count) = row?;
            all += if may_read(&project) { count.unsigned_abs() } else { 0 };
        }
        Ok::<_, rusqlite::Error>(all)
    };
    let behind = count(
        "document AS d JOIN made AS m ON m.document = d.number \
         AND d.number > (SELECT coalesce(max(document), 0) FROM listed)",
    )?;
    let unread = count("listed AS l JOIN made AS m ON m.document = l.document AND l.sort = 'unreadable'")?;
    Ok((behind, unread))
}
