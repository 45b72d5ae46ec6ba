//! One row for each release and rollback at a place: its run, its stage, and the reasons why it stopped.
//!
//! Invariant: a row begins when a release is wanted at a place, before it has a number, so that a run is told when another
//! run replaces it. The state and not this view decides which release is current at a place.

use domain::release::{Held, Proposed, ReleaseDue, Reported, RollbackRequested, Unplannable, Wanted};
use domain::{Event, RunId};
use evidence::Place;
use evidence::report::ReleaseOutcome;
use evidence::{Digest, Moment};
use rusqlite::{Connection, Row, params, params_from_iter};
use wire::{ReleaseStage, ReleaseView};

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
        // A release that the rollback replaced and that is still wanted there is wanted no longer.
        rows.execute(
            "UPDATE release SET stage = 'rolled-back', changed = ?3, time = ?4 \
             WHERE place = ?1 AND stage = 'wanted' AND artifact = (SELECT replaces FROM release \
             WHERE place = ?1 AND release = ?2 AND kind = 'rollback')",
            params![place, release, signed(at.number), at.time],
        )?;
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

/// Releases of a run's artifacts, by this run or another one, the oldest first.
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

/// The time from which a release ran at a place.
pub fn since(rows: &Connection, place: &Place, release: u64) -> rusqlite::Result<Option<Moment>> {
    let text = "SELECT time FROM release WHERE place = ?1 AND release = ?2 AND stage = 'running'";
    let mut statement = rows.prepare(text)?;
    let mut times = statement
        .query_map(params![place.to_string(), signed(release)], |row| super::columns::parsed(row, 0))?;
    times.next().transpose()
}

/// When the agent reported a rollback as done, and the digest of the signed request for it.
pub fn rollback(rows: &Connection, place: &Place, number: u64) -> rusqlite::Result<Option<(Moment, Digest)>> {
    let text = "SELECT time, request FROM release WHERE place = ?1 AND release = ?2 AND kind = 'rollback'";
    let mut statement = rows.prepare(text)?;
    let mut found = statement.query_map(params![place.to_string(), signed(number)], |row| {
        Ok((super::columns::parsed(row, 0)?, super::columns::parsed(row, 1)?))
    })?;
    found.next().transpose()
}

fn found(rows: &Connection, condition: &str, keys: &[&str]) -> rusqlite::Result<Vec<ReleaseView>> {
    let text = format!(
        "SELECT place, kind, release, release.run, artifact, commit_id, stage, outcome, reasons, detail, bundle, \
         began, changed, time, by_run, by_rollback, stage = 'running' AND EXISTS (SELECT 1 FROM release AS later \
         WHERE later.place = release.place AND later.changed > release.changed \
         AND later.stage IN ('running', 'failed')), warnings FROM release JOIN run ON run.run = release.run {condition}"
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
    let (by_rollback, warnings): (Option<i64>, Option<String>) = (row.get(15)?, row.get(17)?);
    Ok(ReleaseView {
        place: super::columns::parsed(row, 0)?,
        kind: super::columns::parsed(row, 1)?,
        release: release.and_then(|number| u64::try_from(number).ok()),
        run: super::columns::parsed(row, 3)?,
        artifact: super::columns::parsed(row, 4)?,
        commit: super::columns::parsed(row, 5)?,
        stage: super::columns::parsed(row, 6)?,
        outcome: row.get::<_, Option<String>>(7)?.map(|_| super::columns::parsed(row, 7)).transpose()?,
        reasons: reasons.split_whitespace().map(str::to_owned).collect(),
        warnings: warnings.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        detail: digest(9)?,
        bundle: digest(10)?,
        began: number(11)?,
        entry: number(12)?,
        time: super::columns::parsed(row, 13)?,
        by: by.and_then(|run| run.parse().ok()),
        by_rollback: by_rollback.and_then(|number| u64::try_from(number).ok()),
        replaced: row.get(16)?,
    })
}

/// The newest release of a place, if its agent refused it because of a freeze: it would be tried again.
const REFUSED_IN_FREEZE: &str = "stage = 'refused' AND ' ' || reasons || ' ' LIKE '% frozen %' AND began = \
    (SELECT max(began) FROM release AS newest WHERE newest.place = ?1 AND newest.kind = 'release')";

#[cfg(test)]
mod tests {
    use domain::identity::{Enrolled, StatusSet};
    use domain::release::Course;
    use evidence::{CommitId, Id};

    use super::*;

    const PLACE: &str = "shop/api/dev";

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn id(n: u8) -> Id {
        Id::from_random([n; 16])
    }

    fn commit() -> CommitId {
        "ab".repeat(20).parse().unwrap()
    }

    /// Rows after these events, in order.
    fn after(events: Vec<Event>) -> Connection {
        let rows = Connection::open_in_memory().unwrap();
        rows.execute_batch(super::super::SCHEMA).unwrap();
        for (event, number) in events.iter().zip(0..) {
            apply(&rows, EntryPosition { number, time: "2026-11-28T00:00:00.000Z" }, event).unwrap();
        }
        rows
    }

    fn released(number: u64, artifact: &str) -> Vec<Event> {
        let (place, run): (Place, RunId) = (PLACE.parse().unwrap(), id(50).into());
        let artifact = digest(artifact);
        vec![
            Event::Wanted(Wanted { place: place.clone(), artifact, run }),
            Event::Proposed(Proposed {
                place: place.clone(),
                release: number,
                artifact,
                commit: commit(),
                run,
                plan: digest("plan"),
                provenance: digest("provenance"),
                statement: 1,
                replaces: None,
                base: commit(),
            }),
            Event::ReleaseDue(ReleaseDue { place, release: number, bundle: digest("bundle") }),
        ]
    }

    fn reported(release: u64, outcome: ReleaseOutcome, reasons: &[&str]) -> Event {
        Event::AgentReported(Reported {
            place: PLACE.parse().unwrap(),
            release,
            agent: "agent-1".parse().unwrap(),
            outcome,
            running: None,
            reasons: reasons.iter().map(|code| (*code).to_owned()).collect(),
            highest: None,
            envelope: digest("report"),
        })
    }

    /// Release 1 runs, release 2 has the given events, and a person asks for rollback number 3.
    fn rolled_back(second: Vec<Event>, ends: Option<u64>) -> Vec<Event> {
        let enrolled = Enrolled {
            person: id(2).into(),
            subject: digest("subject"),
            keys: Vec::new(),
            grants: Vec::new(),
            expires: Moment::from_millis(1).unwrap(),
            digest: digest("enrolment"),
            root: 1,
        };
        let course =
            Course { run: id(50).into(), statement: None, from_release: 2, from_commit: commit(), ends };
        let returning = RollbackRequested {
            place: PLACE.parse().unwrap(),
            release: 3,
            artifact: digest("first"),
            person: id(2).into(),
            request: digest("request"),
            from: Some(digest("second")),
            course: Some(course),
        };
        let first = released(1, "first").into_iter().chain([reported(1, ReleaseOutcome::Running, &[])]);
        let events = [Event::Enrolled(enrolled)].into_iter().chain(first).chain(second);
        events.chain([Event::RollbackRequested(returning)]).collect()
    }

    /// Stage of a release or rollback, and the rollback that ended it.
    fn stage(rows: &Connection, release: i64) -> (String, Option<i64>) {
        let text = "SELECT stage, by_rollback FROM release WHERE release = ?1";
        rows.query_row(text, [release], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    #[test]
    fn a_release_under_way_is_shown_as_ended_whatever_became_of_its_rollback() {
        for outcome in [
            ReleaseOutcome::Refused,
            ReleaseOutcome::Returned,
            ReleaseOutcome::Failed,
            ReleaseOutcome::Running,
        ] {
            let mut events = rolled_back(released(2, "second"), Some(2));
            assert_eq!(stage(&after(events.clone()), 2), ("due".into(), None), "its agent may be at it");
            let mut refused = events.clone();
            events.push(reported(3, outcome, &["return-stale"]));
            assert_eq!(stage(&after(events), 2), ("superseded".into(), Some(3)), "{outcome:?}");
            refused.extend([reported(2, ReleaseOutcome::Refused, &["frozen"]), reported(3, outcome, &[])]);
            assert_eq!(stage(&after(refused), 2), ("superseded".into(), Some(3)), "{outcome:?}");
        }
    }

    #[test]
    fn a_rollback_by_somebody_who_is_withdrawn_is_dropped_and_what_it_ended_has_ended() {
        for (withdrawn, stages) in
            [("another", ("due", "due", None)), ("enrolment", ("dropped", "superseded", Some(3)))]
        {
            let mut events = rolled_back(released(2, "second"), Some(2));
            events.push(Event::StatusSet(StatusSet {
                number: 1,
                base: digest("base"),
                base_number: 1,
                file: digest("file"),
                expires: Moment::from_millis(1).unwrap(),
                minimum_root: 1,
                revoked: Vec::new(),
                withdrawn: vec![digest(withdrawn)],
                barred: Vec::new(),
                frozen: Vec::new(),
                root: 1,
            }));
            let rows = after(events);
            assert_eq!(stage(&rows, 3).0, stages.0);
            assert_eq!(stage(&rows, 2), (stages.1.into(), stages.2));
            assert_eq!(stage(&rows, 1).0, "running");
        }
    }

    #[test]
    fn what_its_agent_refused_in_a_freeze_is_shown_as_ended_by_a_rollback() {
        for (code, ended) in [("frozen", ("superseded", Some(3))), ("artifact-differs", ("refused", None))] {
            let mut second = released(2, "second");
            second.push(reported(2, ReleaseOutcome::Refused, &["also", code]));
            let rows = after(rolled_back(second, None));
            assert_eq!(stage(&rows, 2), (ended.0.into(), ended.1), "{code}");
        }
    }
}
