//! One row for each release and rollback at a place: of which run it is, how far it has come, why it stands still.
//!
//! Invariant: a row begins when something is wanted at a place, before it has a number, so that a run is told when
//! another one takes its place. Which release stands at a place now is the state's to say.

use domain::release::{Held, Proposed, ReleaseDue, Reported, Returning, Unplannable, Wanted};
use domain::{Event, Place, RunId};
use evidence::report::Outcome;
use evidence::{Digest, Moment};
use rusqlite::{Connection, Row, params, params_from_iter};
use wire::ReleaseView;

use super::signed;

/// An entry as a row remembers it.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Its number.
    pub number: u64,
    /// Its time.
    pub time: &'a str,
}

/// Takes in an event, unless it is about something else.
pub fn apply(rows: &Connection, at: At<'_>, event: &Event) -> rusqlite::Result<()> {
    match event {
        Event::Wanted(wanted) => begin(rows, at, wanted),
        Event::Proposed(proposed) => number(rows, at, proposed),
        Event::Unplannable(Unplannable { place, code, .. }) => {
            let text = "UPDATE release SET stage = 'unplannable', outcome = 'unplannable', reasons = ?4, changed = ?2, \
                        time = ?3 WHERE place = ?1 AND stage = 'wanted'";
            rows.execute(text, params![place.to_string(), signed(at.number), at.time, code]).map(drop)
        }
        Event::GateDue(due) => stage(rows, at, &due.place, due.release, "judging"),
        Event::Judged(judged) => {
            let outcome = judged.outcome.name();
            let text = "UPDATE release SET outcome = ?5, reasons = ?6, detail = ?7, bundle = ?8, changed = ?3, time = ?4 \
                        WHERE place = ?1 AND release = ?2";
            let bundle = judged.bundle.map(|digest| digest.to_string());
            let (place, reasons) = (judged.place.to_string(), judged.reasons.join(" "));
            let (release, detail) = (signed(judged.release), judged.verdict.to_string());
            let values =
                params![place, release, signed(at.number), at.time, outcome, reasons, detail, bundle];
            rows.execute(text, values).map(drop)
        }
        Event::Held(Held { place, release }) => stage(rows, at, place, *release, "held"),
        Event::ReleaseDue(ReleaseDue { place, release, .. }) => stage(rows, at, place, *release, "due"),
        Event::Returning(returning) => roll_back(rows, at, returning),
        Event::AgentReported(reported) => report(rows, at, reported),
        _ => Ok(()),
    }
}

/// A row for what is wanted; what was wanted there before is not any more.
fn begin(rows: &Connection, at: At<'_>, wanted: &Wanted) -> rusqlite::Result<()> {
    let place = wanted.place.to_string();
    supersede(rows, at, &place, &["wanted"], wanted.run)?;
    rows.execute(
        "INSERT INTO release (place, began, kind, run, artifact, stage, changed, time, reasons) \
         VALUES (?1, ?2, 'release', ?3, ?4, 'wanted', ?2, ?5, '')",
        params![place, signed(at.number), wanted.run.to_string(), wanted.artifact.to_string(), at.time],
    )?;
    Ok(())
}

fn number(rows: &Connection, at: At<'_>, proposed: &Proposed) -> rusqlite::Result<()> {
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

/// Rows in these stages go no further: another run took their place.
fn supersede(rows: &Connection, at: At<'_>, place: &str, stages: &[&str], by: RunId) -> rusqlite::Result<()> {
    for stage in stages {
        rows.execute(
            "UPDATE release SET stage = 'superseded', by_run = ?3, changed = ?4, time = ?5 \
             WHERE place = ?1 AND stage = ?2 AND kind = 'release'",
            params![place, stage, by.to_string(), signed(at.number), at.time],
        )?;
    }
    Ok(())
}

fn stage(rows: &Connection, at: At<'_>, place: &Place, release: u64, stage: &str) -> rusqlite::Result<()> {
    let text = "UPDATE release SET stage = ?3, changed = ?4, time = ?5 WHERE place = ?1 AND release = ?2";
    let values = params![place.to_string(), signed(release), stage, signed(at.number), at.time];
    rows.execute(text, values).map(drop)
}

/// A rollback is of the run whose artifact it brings back; what stands open there ends with it.
fn roll_back(rows: &Connection, at: At<'_>, returning: &Returning) -> rusqlite::Result<()> {
    if returning.course.is_some() {
        let open = "stage IN ('wanted', 'proposed', 'judging', 'held')";
        end(rows, at, &returning.place, returning.release, open)?;
    }
    rows.execute(
        "INSERT INTO release \
         (place, began, kind, run, artifact, release, stage, changed, time, reasons, replaces, request) \
         SELECT ?1, ?2, 'rollback', run, artifact, ?3, 'due', ?2, ?4, '', ?6, ?7 FROM release \
         WHERE place = ?1 AND artifact = ?5 AND outcome = 'running' ORDER BY changed DESC LIMIT 1",
        params![
            returning.place.to_string(),
            signed(at.number),
            signed(returning.release),
            at.time,
            returning.artifact.to_string(),
            returning.from.map(|digest| digest.to_string()),
            returning.request.to_string()
        ],
    )?;
    Ok(())
}

/// Releases like these go no further: a rollback ended them.
fn end(rows: &Connection, at: At<'_>, place: &Place, rollback: u64, which: &str) -> rusqlite::Result<()> {
    let text = format!(
        "UPDATE release SET stage = 'superseded', by_rollback = ?2, changed = ?3, time = ?4 \
         WHERE place = ?1 AND kind = 'release' AND {which}"
    );
    rows.execute(&text, params![place.to_string(), signed(rollback), signed(at.number), at.time])?;
    Ok(())
}

fn report(rows: &Connection, at: At<'_>, reported: &Reported) -> rusqlite::Result<()> {
    let (place, release) = (reported.place.to_string(), signed(reported.release));
    let outcome = reported.outcome.name();
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
    if reported.outcome == Outcome::Running {
        // What a rollback took back, and is wanted there still, is wanted no more.
        rows.execute(
            "UPDATE release SET stage = 'rolled-back', changed = ?3, time = ?4 \
             WHERE place = ?1 AND stage = 'wanted' AND artifact = (SELECT replaces FROM release \
             WHERE place = ?1 AND release = ?2 AND kind = 'rollback')",
            params![place, release, signed(at.number), at.time],
        )?;
        let is_rollback = "SELECT 1 FROM release WHERE place = ?1 AND release = ?2 AND kind = 'rollback'";
        if rows.prepare_cached(is_rollback)?.exists(params![place, release])? {
            // What was under way when it was asked for, and its agent never came to.
            end(rows, at, &reported.place, reported.release, "stage = 'due'")?;
        }
    }
    if reported.outcome == Outcome::Refused && reported.highest.is_some() {
        // Its number was given before a ledger was restored: it is wanted under the next one.
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

/// What was released of a run's artifacts, by this run or another one, the oldest first.
pub fn of_run(rows: &Connection, run: &str) -> rusqlite::Result<Vec<ReleaseView>> {
    let condition = "WHERE release.run = ?1 OR release.artifact IN (SELECT manifest FROM artifact WHERE run = ?1) \
                     ORDER BY release.began";
    found(rows, condition, &[run])
}

/// The newest releases at a place, the latest first.
pub fn at_place(rows: &Connection, place: &Place) -> rusqlite::Result<Vec<ReleaseView>> {
    let place = place.to_string();
    found(rows, "WHERE release.place = ?1 ORDER BY release.began DESC LIMIT 20", &[&place])
}

/// When a release came to run at a place.
pub fn since(rows: &Connection, place: &Place, release: u64) -> rusqlite::Result<Option<Moment>> {
    let text = "SELECT time FROM release WHERE place = ?1 AND release = ?2 AND stage = 'running'";
    let mut statement = rows.prepare(text)?;
    let mut times =
        statement.query_map(params![place.to_string(), signed(release)], |row| super::parsed(row, 0))?;
    times.next().transpose()
}

/// When its agent reported a rollback done, and the digest of the signed request for it.
pub fn rollback(rows: &Connection, place: &Place, number: u64) -> rusqlite::Result<Option<(Moment, Digest)>> {
    let text = "SELECT time, request FROM release WHERE place = ?1 AND release = ?2 AND kind = 'rollback'";
    let mut statement = rows.prepare(text)?;
    let mut found = statement.query_map(params![place.to_string(), signed(number)], |row| {
        Ok((super::parsed(row, 0)?, super::parsed(row, 1)?))
    })?;
    found.next().transpose()
}

fn found(rows: &Connection, condition: &str, keys: &[&str]) -> rusqlite::Result<Vec<ReleaseView>> {
    let text = format!(
        "SELECT place, kind, release, release.run, artifact, commit_id, stage, outcome, reasons, detail, bundle, \
         began, changed, time, by_run, by_rollback, stage = 'running' AND EXISTS (SELECT 1 FROM release AS later \
         WHERE later.place = release.place AND later.changed > release.changed \
         AND later.stage IN ('running', 'failed')) FROM release JOIN run ON run.run = release.run {condition}"
    );
    let mut statement = rows.prepare(&text)?;
    let views = statement.query_map(params_from_iter(keys), view)?;
    views.collect()
}

fn view(row: &Row<'_>) -> rusqlite::Result<ReleaseView> {
    let number = |at| row.get::<_, i64>(at).map(|number| u64::try_from(number).unwrap_or_default());
    let digest = |at| -> rusqlite::Result<Option<Digest>> {
        let text: Option<String> = row.get(at)?;
        Ok(text.and_then(|text| text.parse().ok()))
    };
    let (release, reasons, by): (Option<i64>, String, Option<String>) =
        (row.get(2)?, row.get(8)?, row.get(14)?);
    let by_rollback: Option<i64> = row.get(15)?;
    Ok(ReleaseView {
        place: super::parsed(row, 0)?,
        kind: row.get(1)?,
        release: release.and_then(|number| u64::try_from(number).ok()),
        run: super::parsed(row, 3)?,
        artifact: super::parsed(row, 4)?,
        commit: super::parsed(row, 5)?,
        stage: row.get(6)?,
        outcome: row.get(7)?,
        reasons: reasons.split_whitespace().map(str::to_owned).collect(),
        detail: digest(9)?,
        bundle: digest(10)?,
        began: number(11)?,
        entry: number(12)?,
        time: super::parsed(row, 13)?,
        by: by.and_then(|run| run.parse().ok()),
        by_rollback: by_rollback.and_then(|number| u64::try_from(number).ok()),
        replaced: row.get(16)?,
    })
}
