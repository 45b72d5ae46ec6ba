//! Rows of releases and rollbacks after events.

use domain::gate::AgentKey;
use domain::identity::{Enrolled, StatusSet};
use domain::release::Course;
use evidence::{CommitId, Id, Moment};

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
        part: None,
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
    let course = Course { run: id(50).into(), statement: None, from_release: 2, from_commit: commit(), ends };
    let returning = RollbackRequested {
        place: PLACE.parse().unwrap(),
        release: 3,
        artifact: digest("first"),
        person: id(2).into(),
        request: digest("request"),
        from: Some(digest("second")),
        course: Some(course),
        by_hand: None,
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
    for outcome in
        [ReleaseOutcome::Refused, ReleaseOutcome::Returned, ReleaseOutcome::Failed, ReleaseOutcome::Running]
    {
        let mut events = rolled_back(released(2, "second"), Some(2));
        assert_eq!(stage(&after(events.clone()), 2), ("due".into(), None), "its agent may be at it");
        let mut refused = events.clone();
        events.push(reported(3, outcome, &["return-stale"]));
        assert_eq!(stage(&after(events), 2), ("superseded".into(), Some(3)), "{outcome:?}");
        refused.extend([reported(2, ReleaseOutcome::Refused, &["frozen"]), reported(3, outcome, &[])]);
        assert_eq!(stage(&after(refused), 2), ("superseded".into(), Some(3)), "{outcome:?}");
    }
}

/// The same at a place with several agents, after which others follow or nothing ends.
fn in_part(release: u64, outcome: ReleaseOutcome, part: Part) -> Event {
    let Event::AgentReported(report) = reported(release, outcome, &[]) else { unreachable!() };
    Event::AgentReported(Reported { part: Some(part), ..report })
}

#[test]
fn a_release_of_several_agents_ends_with_the_last_one() {
    let next = |names: &[&str]| Part::Next(names.iter().map(|name| name.parse().unwrap()).collect());
    let mut events = released(1, "first");
    events.push(in_part(1, ReleaseOutcome::Running, next(&["agent-2", "agent-3"])));
    assert_eq!(stage(&after(events.clone()), 1).0, "due");
    let mut failed = events.clone();
    failed.extend([
        reported(1, ReleaseOutcome::Returned, &["probe-failed"]),
        in_part(1, ReleaseOutcome::Failed, Part::Retreated),
    ]);
    assert_eq!(stage(&after(failed), 1).0, "returned", "as it ended where it did not work");
    events.push(in_part(1, ReleaseOutcome::Running, next(&["agent-3"])));
    let mut ended = events.clone();
    ended.push(reported(1, ReleaseOutcome::Running, &[]));
    assert_eq!(stage(&after(ended), 1).0, "running");
    for (agents, expected) in [(["agent-1", "agent-3"], "due"), (["agent-1", "agent-2"], "running")] {
        let key = |name: &str| AgentKey { name: name.parse().unwrap(), key: digest(name) };
        let mut fewer = events.clone();
        fewer.push(Event::EnvironmentSet(EnvironmentSet {
            place: PLACE.parse().unwrap(),
            number: 2,
            envelope: digest("statement"),
            policy: digest("policy"),
            configuration: digest("configuration"),
            agents: agents.map(key).to_vec(),
            baseline: commit(),
            after: None,
            automatic: true,
            windows: None,
            soak_ms: None,
            previews: None,
            preview: None,
            root: 1,
        }));
        assert_eq!(stage(&after(fewer), 1).0, expected, "{agents:?}");
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
    let again = ("superseded", Some(3));
    for (code, ended) in [
        ("frozen", again),
        ("soaking", again),
        ("window-closed", again),
        ("window-unsure", again),
        ("artifact-differs", ("refused", None)),
    ] {
        let mut second = released(2, "second");
        second.push(reported(2, ReleaseOutcome::Refused, &["also", code]));
        let rows = after(rolled_back(second, None));
        assert_eq!(stage(&rows, 2), (ended.0.into(), ended.1), "{code}");
    }
}
