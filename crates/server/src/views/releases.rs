//! One row for each release and rollback at a place: its run, its stage, and the reasons why it stopped.
//!
//! Invariant: a row begins when a release is wanted at a place, before it has a number, so that a run is told when another
//! run replaces it. The state and not this view decides which release is current at a place.

mod queries;
#[cfg(test)]
mod tests;

pub use queries::{
    at_place, brought_back, count, last, of_run, one, replaced_by, replacement, rollback, since,
};

use domain::gate::EnvironmentSet;
use domain::release::{Held, Part, Proposed, ReleaseDue, Reported, RollbackRequested, Unplannable, Wanted};
use domain::{Event, RunId};
use evidence::report::ReleaseOutcome;
use evidence::{Digest, Place};
use rusqlite::{Connection, params};
use wire::ReleaseStage;

use super::columns::signed;

/// An entry as the rows store it.
#[derive(Clone, Copy, Debug)]
pub struct EntryPosition<'a> {
    /// Number of the entry.
    pub number: u64,
    /// Time of the entry.
    pub time: &'a str,
}

/// Applies an event; ignores unrelated ones.
pub fn apply(rows: &Connection, at: EntryPosition<'_>, event: &Event) -> rusqlite::Result<()> {
    match event {
        Event::Wanted(wanted) => begin(rows, at, wanted),
        Event::Proposed(proposed) => number(rows, at, proposed),
        Event::Unplannable(Unplannable { place, code, .. }) => {
            let text = "UPDATE release SET stage = 'unplannable', outcome = 'unplannable', reasons = ?4, changed = ?2, \
                        time = ?3 WHERE place = ?1 AND stage = 'wanted'";
            rows.execute(text, params![place.to_string(), signed(at.number), at.time, code]).map(drop)
        }
        Event::GateDue(due) => stage(rows, at, &due.place, due.release, ReleaseStage::Judging),
        Event::Judged(judged) => {
            let outcome = judged.outcome.name();
            let text = "UPDATE release SET outcome = ?5, reasons = ?6, detail = ?7, bundle = ?8, changed = ?3, time = ?4, \
                        warnings = ?9 WHERE place = ?1 AND release = ?2";
            let bundle = judged.bundle.map(|digest| digest.to_string());
            let (place, reasons) = (judged.place.to_string(), judged.reasons.join(" "));
            let (release, detail) = (signed(judged.release), judged.verdict.to_string());
            let warnings = judged.warnings.join(" ");
            let values = params![
                place,
                release,
                signed(at.number),
                at.time,
                outcome,
                reasons,
                detail,
                bundle,
                warnings
            ];
            rows.execute(text, values).map(drop)
        }
        Event::Held(Held { place, release }) => stage(rows, at, place, *release, ReleaseStage::Held),
        Event::ReleaseDue(ReleaseDue { place, release, .. }) => {
            stage(rows, at, place, *release, ReleaseStage::Due)
        }
        Event::RollbackRequested(returning) => roll_back(rows, at, returning),
        Event::AgentReported(reported) => report(rows, at, reported),
        Event::Enrolled(enrolled) => {
            let text = "INSERT OR REPLACE INTO enrolled (person, enrolment) VALUES (?1, ?2)";
            let values = params![enrolled.person.to_string(), enrolled.digest.to_string()];
            rows.execute(text, values).map(drop)
        }
        Event::StatusSet(status) => withdraw(rows, at, &status.withdrawn),
        Event::EnvironmentSet(set) => without(rows, at, set),
        _ => Ok(()),
    }
}

/// Adds a row for a wanted release; an earlier wanted release there is superseded.
fn begin(rows: &Connection, at: EntryPosition<'_>, wanted: &Wanted) -> rusqlite::Result<()> {
    let place = wanted.place.to_string();
    supersede(rows, at, &place, &["wanted"], wanted.run)?;
    rows.execute(
        "INSERT INTO release (place, began, kind, run, artifact, stage, changed, time, reasons) \
         VALUES (?1, ?2, 'release', ?3, ?4, 'wanted', ?2, ?5, '')",
        params![place, signed(at.number), wanted.run.to_string(), wanted.artifact.to_string(), at.time],
    )?;
    Ok(())
}

fn number(rows: &Connection, at: EntryPosition<'_>, proposed: &Proposed) -> rusqlite::Result<()> {
    let place = proposed.place.to_string();
    supersede(rows, at, &place, &["proposed", "judging", "held", "due"], proposed.run)?;
    rows.execute(
        "UPDATE release SET release = ?2, stage = 'proposed', changed = ?3, time = ?4, replaces = ?5 \
         WHERE place = ?1 AND stage = 'wanted'",
        params![
            place,
            signed(proposed.release),
            signed(at.number),
            at.time,
            proposed.replaces.map(|digest| digest.to_string())
        ],
    )?;
    Ok(())
}

/// Ends rows in these stages, because another run replaced them.
fn supersede(
    rows: &Connection,
    at: EntryPosition<'_>,
    place: &str,
    stages: &[&str],
    by: RunId,
) -> rusqlite::Result<()> {
    for stage in stages {
        rows.execute(
            "UPDATE release SET stage = 'superseded', by_run = ?3, changed = ?4, time = ?5 \
             WHERE place = ?1 AND stage = ?2 AND kind = 'release'",
            params![place, stage, by.to_string(), signed(at.number), at.time],
        )?;
    }
    Ok(())
}

fn stage(
    rows: &Connection,
    at: EntryPosition<'_>,
    place: &Place,
    release: u64,
    stage: ReleaseStage,
) -> rusqlite::Result<()> {
    let text = "UPDATE release SET stage = ?3, changed = ?4, time = ?5 WHERE place = ?1 AND release = ?2";
    let values = params![place.to_string(), signed(release), stage.name(), signed(at.number), at.time];
    rows.execute(text, values).map(drop)
}

/// Adds a row for a rollback, which belongs to the run whose artifact it brings back; pending releases there end.
fn roll_back(
    rows: &Connection,
    at: EntryPosition<'_>,
    returning: &RollbackRequested,
) -> rusqlite::Result<()> {
    if returning.course.is_some() {
        let open = format!("(stage IN ('wanted', 'proposed', 'judging', 'held') OR {REFUSED_IN_FREEZE})");
        end(rows, at, &returning.place, returning.release, &open)?;
    }
    rows.execute(
        "INSERT INTO release \
         (place, began, kind, run, artifact, release, stage, changed, time, reasons, replaces, request, person, ends) \
         SELECT ?1, ?2, 'rollback', run, artifact, ?3, 'due', ?2, ?4, '', ?6, ?7, ?8, ?9 FROM release \
         WHERE place = ?1 AND artifact = ?5 AND outcome = 'running' ORDER BY changed DESC LIMIT 1",
        params![
            returning.place.to_string(),
            signed(at.number),
            signed(returning.release),
            at.time,
            returning.artifact.to_string(),
            returning.from.map(|digest| digest.to_string()),
            returning.request.to_string(),
            returning.person.to_string(),
            returning.course.as_ref().and_then(|course| course.ends).map(signed)
        ],
    )?;
    Ok(())
}

/// Drops rollbacks of people who are no longer enrolled; releases that the rollbacks ended stay ended.
fn withdraw(rows: &Connection, at: EntryPosition<'_>, withdrawn: &[Digest]) -> rusqlite::Result<()> {
    for enrolment in withdrawn {
        rows.execute("DELETE FROM enrolled WHERE enrolment = ?1", params![enrolment.to_string()])?;
    }
    let dropped = "kind = 'rollback' AND stage = 'due' AND person NOT IN (SELECT person FROM enrolled)";
    let ends = format!(
        "UPDATE release SET stage = 'superseded', by_rollback = back.release, changed = ?1, time = ?2 FROM \
         (SELECT place, release, ends FROM release WHERE {dropped}) AS back \
         WHERE release.place = back.place AND release.release = back.ends AND release.stage = 'due'"
    );
    rows.execute(&ends, params![signed(at.number), at.time])?;
    let drops = format!("UPDATE release SET stage = 'dropped', changed = ?1, time = ?2 WHERE {dropped}");
    rows.execute(&drops, params![signed(at.number), at.time])?;
    Ok(())
}

/// Ends matching releases because of a rollback.
fn end(
    rows: &Connection,
    at: EntryPosition<'_>,
    place: &Place,
    rollback: u64,
    which: &str,
) -> rusqlite::Result<()> {
    let text = format!(
        "UPDATE release SET stage = 'superseded', by_rollback = ?2, changed = ?3, time = ?4 \
         WHERE place = ?1 AND kind = 'release' AND {which}"
    );
    rows.execute(&text, params![place.to_string(), signed(rollback), signed(at.number), at.time])?;
    Ok(())
}

fn report(rows: &Connection, at: EntryPosition<'_>, reported: &Reported) -> rusqlite::Result<()> {
    let (place, release) = (reported.place.to_string(), signed(reported.release));
    let outcome = reported.outcome.name();
    if let Some(part) = &reported.part {
        return took_part(rows, at, reported, part);
    }
    rows.execute(
        "UPDATE release SET stage = ?3, outcome = ?3, reasons = ?4, detail = ?5, changed = ?6, time = ?7 \
         WHERE place = ?1 AND release = ?2",
        params![
            place,
            release,
            outcome,
            reported.reasons.join(" "),
            reported.envelope.to_string(),
            signed(at.number),
            at.time
        ],
    )?;
    if reported.outcome == ReleaseOutcome::Running {
        taken_back(rows, at, reported)?;
    }
    let is_rollback = "SELECT 1 FROM release WHERE place = ?1 AND release = ?2 AND kind = 'rollback'";
    if rows.prepare_cached(is_rollback)?.exists(params![place, release])? {
        // The release in progress at the time of the request, which the agent never started, whatever becomes of the rollback;
        // or a release that the agent refused meanwhile, which is not tried again.
        let of_it =
            "release = (SELECT back.ends FROM release AS back WHERE back.place = ?1 AND back.release = ?2)";
        let which = format!("(stage = 'due' OR {REFUSED_IN_FREEZE} AND {of_it})");
        end(rows, at, &reported.place, reported.release, &which)?;
    }
    if reported.outcome == ReleaseOutcome::Refused && reported.highest.is_some() {
        // It was numbered before a ledger was restored: it is wanted under the next number.
        rows.execute(
            "INSERT INTO release (place, began, kind, run, artifact, stage, changed, time, reasons) \
             SELECT place, ?3, kind, run, artifact, 'wanted', ?3, ?4, '' FROM release \
             WHERE place = ?1 AND release = ?2 AND kind = 'release' AND NOT EXISTS (SELECT 1 FROM release AS back \
             WHERE back.place = ?1 AND back.stage = 'due' AND back.replaces = release.artifact)",
            params![place, release, signed(at.number), at.time],
        )?;
    }
    Ok(())
}

/// Takes the report of one agent of several: the release has not ended at the place, or it ended there before.
fn took_part(
    rows: &Connection,
    at: EntryPosition<'_>,
    reported: &Reported,
    part: &Part,
) -> rusqlite::Result<()> {
    let Part::Next(waits) = part else { return Ok(()) };
    let waits: Vec<_> = waits.iter().map(ToString::to_string).collect();
    rows.execute(
        "UPDATE release SET waits = ?3 WHERE place = ?1 AND release = ?2",
        params![reported.place.to_string(), signed(reported.release), waits.join(" ")],
    )?;
    if reported.outcome == ReleaseOutcome::Running { taken_back(rows, at, reported) } else { Ok(()) }
}

/// Ends a release that waited for agents alone which a new statement does not name any more: every other agent has it.
fn without(rows: &Connection, at: EntryPosition<'_>, set: &EnvironmentSet) -> rusqlite::Result<()> {
    let place = set.place.to_string();
    let text = "SELECT release, waits FROM release WHERE place = ?1 AND stage = 'due' AND waits IS NOT NULL";
    let mut statement = rows.prepare_cached(text)?;
    let found = statement
        .query_map([&place], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let is_named = |name: &&str| set.agents.iter().any(|agent| agent.name.as_str() == *name);
    for (release, waits) in found {
        let waits: Vec<_> = waits.split(' ').filter(is_named).collect();
        let ended = "UPDATE release SET stage = 'running', outcome = 'running', changed = ?3, time = ?4 \
                     WHERE place = ?1 AND release = ?2";
        if waits.is_empty() {
            rows.execute(ended, params![place, release, signed(at.number), at.time])?;
        } else {
            let fewer = "UPDATE release SET waits = ?3 WHERE place = ?1 AND release = ?2";
            rows.execute(fewer, params![place, release, waits.join(" ")])?;
        }
    }
    Ok(())
}

/// A release that a rollback replaced and that is still wanted there is wanted no longer.
fn taken_back(rows: &Connection, at: EntryPosition<'_>, reported: &Reported) -> rusqlite::Result<()> {
    rows.execute(
        "UPDATE release SET stage = 'rolled-back', changed = ?3, time = ?4 \
         WHERE place = ?1 AND stage = 'wanted' AND artifact = (SELECT replaces FROM release \
         WHERE place = ?1 AND release = ?2 AND kind = 'rollback')",
        params![reported.place.to_string(), signed(reported.release), signed(at.number), at.time],
    )
    .map(drop)
}

/// The newest release of a place, if its agent refused it because of a freeze or of the time: it would be tried again.
const REFUSED_IN_FREEZE: &str = "stage = 'refused' AND (' ' || reasons || ' ' LIKE '% frozen %' \
    OR ' ' || reasons || ' ' LIKE '% soaking %' OR ' ' || reasons || ' ' LIKE '% window-%') AND began = \
    (SELECT max(began) FROM release AS newest WHERE newest.place = ?1 AND newest.kind = 'release')";
