//! Rows for figures of delivery: deployments, builds, ended runs and stopped releases of some weeks.
//!
//! Invariant: every question is answered by an index over the weeks asked for, and has a bound.

use evidence::{Moment, Name, Place};
use review::delivery::{Build, Deployment, EndedRuns, Stopped};
use rusqlite::{Connection, params};
use wire::RunState;

use super::columns::parsed;

/// Releases and rollbacks that agents reported at these places between two moments, by place and time: those that ran or failed, and
/// those that were refused for another reason than a freeze. The newest ones, if there are too many.
pub fn deployments(
    rows: &Connection,
    places: &[Place],
    (from, until): (Moment, Moment),
) -> rusqlite::Result<Vec<Deployment>> {
    let mut statement = rows.prepare_cached(
        "SELECT release.place, release.kind, release.stage, release.time, run.started, release.bundle IS NOT NULL, \
         (SELECT min(moment.time) FROM moment WHERE release.kind = 'rollback' AND moment.place = release.place \
         AND moment.release = release.release AND moment.kind = 'rollback') \
         FROM release JOIN run ON run.run = release.run \
         WHERE release.place = ?1 AND release.time >= ?2 AND release.time < ?4 AND \
         (release.stage IN ('running', 'returned', 'failed') OR release.stage = 'refused' AND ' ' || release.reasons || ' ' NOT LIKE '% frozen %' \
         AND ' ' || release.reasons || ' ' NOT LIKE '% soaking %' AND ' ' || release.reasons || ' ' NOT LIKE '% window-%') \
         ORDER BY release.time DESC LIMIT ?3",
    )?;
    let mut all = Vec::new();
    for place in places {
        let values = params![place.to_string(), from.to_string(), DEPLOYMENTS_MAX, until.to_string()];
        let found = statement.query_map(values, |row| {
            Ok(Deployment {
                place: parsed(row, 0)?,
                kind: parsed(row, 1)?,
                stage: parsed(row, 2)?,
                time: parsed(row, 3)?,
                started: parsed(row, 4)?,
                asked: row.get::<_, Option<String>>(6)?.map(|_| parsed(row, 6)).transpose()?,
                has_evidence: row.get(5)?,
            })
        })?;
        let mut found = found.collect::<rusqlite::Result<Vec<_>>>()?;
        found.reverse();
        all.extend(found);
    }
    Ok(all)
}

/// The newest runs of these projects that passed between two moments.
pub fn builds(
    rows: &Connection,
    projects: &[Name],
    (from, until): (Moment, Moment),
) -> rusqlite::Result<Vec<Build>> {
    let mut statement = rows.prepare_cached(
        "SELECT ended, started FROM run WHERE ended >= ?2 AND ended < ?3 AND state = 'passed' \
         AND project IN (SELECT value FROM json_each(?1)) ORDER BY ended DESC LIMIT ?4",
    )?;
    let values = params![among(projects), from.to_string(), until.to_string(), BUILDS_MAX];
    let found = statement.query_map(values, |row| {
        let (ended, started): (Moment, Moment) = (parsed(row, 0)?, parsed(row, 1)?);
        Ok(Build { ended, took_ms: ended.millis().saturating_sub(started.millis()) })
    })?;
    found.collect()
}

/// Numbers of runs of these projects that ended since a day, by day and state.
pub fn ended(rows: &Connection, projects: &[Name], since: Moment) -> rusqlite::Result<Vec<EndedRuns>> {
    let mut statement = rows.prepare_cached(
        "SELECT day, state, sum(runs) FROM ended WHERE day >= ?2 AND project IN (SELECT value FROM json_each(?1)) \
         GROUP BY day, state",
    )?;
    let found = statement.query_map(params![among(projects), day(&since.to_string())], |row| {
        let (day, runs): (String, i64) = (row.get(0)?, row.get(2)?);
        let state: RunState = parsed(row, 1)?;
        Ok((format!("{day}T00:00:00.000Z"), state, u64::try_from(runs).unwrap_or_default()))
    })?;
    let mut all = Vec::new();
    for row in found {
        let (day, state, runs) = row?;
        all.extend(day.parse().ok().map(|day| EndedRuns { day, state, runs }));
    }
    Ok(all)
}

/// Releases at these places that never ran, and that a gate had something against, since a moment.
pub fn stopped(rows: &Connection, places: &[Place], since: Moment) -> rusqlite::Result<Vec<Stopped>> {
    let mut statement = rows.prepare_cached(
        "SELECT time, reasons FROM release WHERE place = ?1 AND time >= ?2 AND kind = 'release' \
         AND stage IN ('held', 'superseded', 'rolled-back') AND reasons <> '' ORDER BY time DESC LIMIT ?3",
    )?;
    let mut all = Vec::new();
    for place in places {
        let values = params![place.to_string(), since.to_string(), DEPLOYMENTS_MAX];
        let found = statement.query_map(values, |row| {
            let reasons: String = row.get(1)?;
            Ok(Stopped {
                time: parsed(row, 0)?,
                reasons: reasons.split_whitespace().map(str::to_owned).collect(),
            })
        })?;
        all.extend(found.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(all)
}

/// Counts a run that ended. A run ends once: another attempt is another run.
pub fn count(rows: &Connection, run: &str, time: &str) -> rusqlite::Result<()> {
    rows.prepare_cached(
        "INSERT INTO ended (day, project, state, runs) SELECT ?2, project, state, 1 FROM run WHERE run = ?1 \
         ON CONFLICT (day, project, state) DO UPDATE SET runs = runs + 1",
    )?
    .execute(params![run, day(time)])?;
    Ok(())
}

/// The day of a time as text: an order of times is one of texts.
fn day(time: &str) -> String {
    time.get(..10).unwrap_or(time).to_owned()
}

fn among(projects: &[Name]) -> String {
    serde_json::to_string(projects).unwrap_or_default()
}

/// Most releases of one place.
const DEPLOYMENTS_MAX: i64 = 2_000;
/// Most runs of a week whose spans are compared.
pub const BUILDS_MAX: i64 = 500;
