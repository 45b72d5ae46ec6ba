//! Tests of the right to read a blob, by the entries that name it, and of statements over time.

use domain::identity::{Enrolled, StatusSet};
use domain::statement::Stated;
use domain::{Event, Refused, release};
use evidence::Place;
use evidence::entry::Actor;
use evidence::statements::{Scope, StatementKind};
use lab::{Lab, Person, at, name};
use wire::StatementState::{self, Ended, InForce, Later, Withdrawn};

use super::entries::apply;
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
    let row = views.ask(|rows| statements::at(rows, &place, at(99))).unwrap().remove(0);
    assert_eq!(
        (row.kind.as_str(), row.person, row.until),
        (StatementKind::ALL[0].as_str(), lab.ada.id.into(), at(200))
    );
}
