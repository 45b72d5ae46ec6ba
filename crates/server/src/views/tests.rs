//! Tests of the right to read a blob, by the entries that name it, of statements over time, and of runs and releases with
//! their times and people.

use domain::identity::{Enrolled, StatusSet};
use domain::statement::Stated;
use domain::{Event, Refused, build, release};
use evidence::Place;
use evidence::approval::Decision;
use evidence::entry::Actor;
use evidence::statements::{Scope, StatementKind};
use lab::{Lab, Person, at, name};
use wire::StatementState::{self, Ended, InForce, Later, Withdrawn};

use super::entries::apply;
use super::moments::ConsentKind::{Approved, Promoted, Rejected};
use super::*;
use crate::sample;

/// The refusal of an agreement whose run has ended has no project, and names the signed request as a blob.
#[test]
fn attack_a_blob_that_was_refused_of_no_project_is_not_for_everybody() {
    let (lab, dir) = (Lab::default(), tempfile::tempdir().unwrap());
    let mut state = State::default();
    for (person, project) in
        [(&lab.ada, Some("shop")), (&lab.bob, Some("elsewhere")), (&lab.officers[0], None)]
    {
        let mut enrolment = person.enrolment(&["developer"]);
        enrolment.grants[0].project = project.map(name);
        state.apply(&Event::Enrolled(Enrolled::of(&enrolment, 1).unwrap()), at(-60));
    }
    let refused = |person: &Person| {
        let reasons = vec!["run-unknown".into()];
        Event::Refused(Refused { person: person.id.into(), action: name("agree"), reasons, more: None })
    };
    let (place, person) = ("shop/api/production".parse().unwrap(), lab.ada.id.into());
    let promoted =
        Event::Promoted(release::Promoted { place, release: 1, person, request: Digest::of(b"promoted") });
    let rooted = Event::Rooted(domain::identity::Rooted::of(&lab.root(), Digest::of(b"root")).unwrap());
    let [agree, cancel, promote, root, both] =
        [b"agree ", b"cancel", b"promot", b"root  ", b"both  "].map(|text| Digest::of(text));
    let views = Views::open(dir.path()).unwrap();
    let entries = [
        sample::entry(&refused(&lab.ada), Actor::System, None, agree),
        sample::entry(&refused(&lab.ada), Actor::System, Some(name("elsewhere")), cancel),
        sample::entry(&promoted, Actor::System, Some(name("shop")), promote),
        sample::entry(&rooted, Actor::System, None, root),
        // The blob was named by a refusal first, and by a current statement later.
        sample::entry(&refused(&lab.officers[0]), Actor::System, None, both),
        sample::entry(&rooted, Actor::System, None, both),
    ];
    for (entry, number) in entries.iter().zip(0..) {
        apply(&views.connection.lock().unwrap(), number, entry).unwrap();
    }
    let person = |person: &Person| Caller::Person(person.id.into());
    for (caller, reads) in [
        (person(&lab.ada), [true, false, true, true, true]),
        (person(&lab.bob), [false, true, false, true, true]),
        (person(&lab.officers[0]), [true; 5]),
        (Caller::Agent(name("agent"), [name("shop")].into()), [false, false, true, true, true]),
        (Caller::Runner(name("runner-1")), [true; 5]),
        (Caller::Owner, [true; 5]),
    ] {
        let found = [agree, cancel, promote, root, both].map(|blob| {
            let named = views.named(&blob).unwrap();
            named.iter().any(|naming| naming.may_read(&caller, &state, at(0)))
        });
        assert_eq!(found, reads, "{caller:?}");
    }
}

/// At its end a statement is no longer in force; a status withdraws one for good; other places do not see it.
#[test]
fn statements_of_a_place_are_shown_with_their_state() {
    let (lab, dir) = (Lab::default(), tempfile::tempdir().unwrap());
    let stated = |label: &[u8], service: Option<&str>, environment: Option<&str>, until: i64| {
        let scope =
            Scope { project: name("shop"), service: service.map(name), environment: environment.map(name) };
        Event::Stated(Stated {
            statement: Digest::of(label),
            kind: StatementKind::ALL[0],
            person: lab.ada.id.into(),
            scope,
            not_before: at(10),
            expires: at(until),
            envelope: Digest::of(b"envelope"),
            secret: None,
        })
    };
    let mut status = lab.status();
    status.withdrawn = vec![Digest::of(b"third")];
    let set = |status: &evidence::status::Status| {
        let opened = lab.signed_status(status, &[0, 1]).open(&lab.root()).unwrap();
        StatusSet::of(opened, Digest::of(b"file"), 1)
    };
    let withdrawn = set(&status);
    status.withdrawn.clear();
    let none_withdrawn = set(&status);
    let events = [
        stated(b"first", Some("api"), Some("production"), 100),
        stated(b"second", None, None, 200),
        stated(b"third", Some("api"), None, 200),
        stated(b"elsewhere", Some("web"), None, 200),
        stated(b"staging", None, Some("staging"), 200),
        Event::StatusSet(withdrawn),
        Event::StatusSet(none_withdrawn),
    ];
    let views = Views::open(dir.path()).unwrap();
    for (event, number) in events.iter().zip(0..) {
        let entry = sample::entry(event, Actor::System, Some(name("shop")), Digest::of(b"blob"));
        apply(&views.connection.lock().unwrap(), number, &entry).unwrap();
    }
    let place: Place = "shop/api/production".parse().unwrap();
    let shown = |now: i64| -> Vec<(Digest, StatementState)> {
        let found = views.ask(|rows| statements::at(rows, &place, at(now))).unwrap();
        found.into_iter().map(|row| (row.statement, row.state)).collect()
    };
    let [first, second, third] = [b"first" as &[u8], b"second", b"third"].map(Digest::of);
    assert_eq!(shown(5), [(second, Later), (first, Later), (third, Withdrawn)]);
    assert_eq!(shown(99), [(second, InForce), (first, InForce), (third, Withdrawn)]);
    assert_eq!(shown(100), [(second, InForce), (third, Withdrawn), (first, Ended)], "an end is half-open");
    let entry = |label: &[u8]| views.ask(|rows| statements::entry_of(rows, &Digest::of(label))).unwrap();
    assert_eq!((entry(b"second"), entry(b"nobody's")), (Some(1), None));
    let row = views.ask(|rows| statements::at(rows, &place, at(99))).unwrap().remove(0);
    assert_eq!(
        (row.kind.as_str(), row.person, row.until),
        (StatementKind::ALL[0].as_str(), lab.ada.id.into(), at(200))
    );
}

/// The events of a run with a step and an approval node, in order.
fn events_of_run(lab: &Lab, run: RunId) -> [Event; 6] {
    let commit: evidence::CommitId = "ab".repeat(20).parse().unwrap();
    let work = evidence::receipt::Work::Step(name("build"));
    let (pipeline, runner) = (Digest::of(b"pipeline"), name("runner-1"));
    let approval = Some(build::Agreement { role: name("lead"), count: 1 });
    let steps = [
        (name("build"), build::StepPlan { needs: [].into(), approval: None, apart: false }),
        (name("go"), build::StepPlan { needs: [].into(), approval, apart: false }),
    ];
    let id = |n| evidence::Id::from_random([n; 16]);
    let taken = domain::source::Taken {
        run,
        project: name("shop"),
        commit: commit.clone(),
        signer: lab.ada.id.into(),
        requester: lab.bob.id.into(),
        pack: Digest::of(b"pack"),
        request: Digest::of(b"request"),
    };
    let started = build::Started {
        preview: None,
        run,
        project: name("shop"),
        commit: commit.clone(),
        pipeline,
        steps: steps.into(),
        artifacts: [].into(),
        services: [].into(),
        checks: [].into(),
        runners: vec![runner.clone()],
        pool: None,
        checkers: None,
        seed: id(4),
        again: None,
    };
    let (project, needs) = (name("shop"), [].into());
    let due = build::Due { run, project, commit, pipeline, work: work.clone(), runner, nonce: id(5), needs };
    let reported = build::Reported {
        run,
        work,
        runner: name("runner-1"),
        receipt: Digest::of(b"payload"),
        envelope: Digest::of(b"receipt"),
        passed: true,
        log: Digest::of(b"log"),
        tree: Digest::of(b"tree"),
        artifact: None,
        documents: [].into(),
    };
    let agreed =
        build::Agreed { run, step: name("go"), person: lab.ada.id.into(), request: Digest::of(b"agreed") };
    [
        Event::Taken(taken),
        Event::Started(started),
        Event::Due(due),
        Event::Reported(reported),
        Event::Agreed(agreed),
        Event::Ended(build::Ended { run, outcome: build::RunOutcome::Passed, because: None }),
    ]
}

/// A page of a run tells when each piece of work was due and when it ended, who asked, and where the receipt is.
#[test]
fn a_run_is_shown_with_its_times_its_requester_and_its_receipts() {
    let (lab, dir) = (Lab::default(), tempfile::tempdir().unwrap());
    let run: RunId = evidence::Id::from_random([3; 16]).into();
    let views = Views::open(dir.path()).unwrap();
    let apply_all = |events: &[Event], from: u64| {
        for (event, number) in events.iter().zip(from..) {
            let offset = i64::try_from(number).unwrap() * 10;
            let entry = sample::entry_at(event, at(offset));
            apply(&views.connection.lock().unwrap(), number, &entry).unwrap();
        }
    };
    let events = events_of_run(&lab, run);
    apply_all(&events[..3], 0);
    let shown = || views.ask(|rows| runs::one(rows, run)).unwrap().unwrap();
    assert_eq!((shown().started, shown().ended, shown().requester), (at(10), None, Some(lab.bob.id.into())));
    assert_eq!(shown().pack, Some(Digest::of(b"pack")));
    let open = shown().spans;
    assert!(open.iter().all(|span| span.ended.is_none() && span.receipt.is_none()), "{open:?}");
    apply_all(&events[3..], 3);
    let row = shown();
    assert_eq!(row.ended, Some(at(50)));
    let spans: Vec<_> = row.view.works.iter().map(|work| work.name.as_str()).zip(row.spans).collect();
    let span = |due, ended, receipt| runs::WorkSpan { due: at(due), ended: Some(at(ended)), receipt };
    let receipt = Some(Digest::of(b"receipt"));
    assert_eq!(spans, [("go", span(10, 40, None)), ("build", span(20, 30, receipt))]);
}

/// An artifact that is wanted has no number; its entry is found under the number that its plan gets.
#[test]
fn the_entries_of_a_release_are_found_with_the_people_who_let_it_go_ahead() {
    let (lab, dir) = (Lab::default(), tempfile::tempdir().unwrap());
    let views = Views::open(dir.path()).unwrap();
    let place: Place = "shop/api/production".parse().unwrap();
    let run: RunId = evidence::Id::from_random([3; 16]).into();
    let commit: evidence::CommitId = "ab".repeat(20).parse().unwrap();
    let wanted = |artifact: &[u8]| {
        Event::Wanted(release::Wanted { place: place.clone(), artifact: Digest::of(artifact), run })
    };
    let proposed = Event::Proposed(release::Proposed {
        place: place.clone(),
        release: 4,
        artifact: Digest::of(b"second"),
        commit: commit.clone(),
        run,
        plan: Digest::of(b"plan"),
        provenance: Digest::of(b"provenance"),
        statement: 1,
        replaces: None,
        base: commit,
    });
    let given = |person: &Person, decision| {
        Event::Given(domain::approval::Given {
            place: place.clone(),
            release: 4,
            person: person.id.into(),
            decision,
            artifact: Digest::of(b"second"),
            plan: Digest::of(b"plan"),
            expires: at(900),
            envelope: Digest::of(b"vote"),
        })
    };
    let promoted = Event::Promoted(release::Promoted {
        place: place.clone(),
        release: 4,
        person: lab.ada.id.into(),
        request: Digest::of(b"promoted"),
    });
    let unplannable = Event::Unplannable(release::Unplannable {
        place: place.clone(),
        artifact: Digest::of(b"third"),
        code: "plan-underivable".into(),
    });
    let events = [
        wanted(b"first"),
        wanted(b"second"),
        proposed,
        given(&lab.bob, Decision::Reject),
        given(&lab.bob, Decision::Approve),
        promoted,
        wanted(b"third"),
        unplannable,
    ];
    for (event, number) in events.iter().zip(0..) {
        let entry = sample::entry_at(event, at(0));
        apply(&views.connection.lock().unwrap(), number, &entry).unwrap();
    }
    let entries = |release| -> Vec<u64> {
        let found = views.ask(|rows| moments::of_release(rows, &place, release)).unwrap();
        found.into_iter().map(|moment| moment.entry).collect()
    };
    assert_eq!(entries(4), [5, 4, 3, 2, 1], "the newest first, and without the artifact that was replaced");
    assert_eq!(entries(0), [7, 6], "the newest artifact without a number");
    assert_eq!(entries(3), [0_u64; 0]);
    let consents = views.ask(|rows| moments::consents(rows, &place, 4)).unwrap();
    let kinds: Vec<_> = consents.iter().map(|consent| (consent.person, consent.kind)).collect();
    let (ada, bob) = (lab.ada.id.into(), lab.bob.id.into());
    assert_eq!(kinds, [(bob, Rejected), (bob, Approved), (ada, Promoted)]);
}
