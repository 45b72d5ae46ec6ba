//! Given recorded identities, when a root, enrolment or status arrives, then it comes into force or is refused.

use evidence::enrolment::Purpose;
use evidence::trust_root::Mode;
use evidence::{Digest, Id, Moment};

use super::{Enrol, Enrolled, EnrolledKey, Rooted, SetRoot, SetStatus, StatusSet};
use crate::{Command, Event, State, decide};

fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000).unwrap()
}

fn rooted(version: u32) -> Rooted {
    Rooted {
        installation: Id::from_random([1; 16]),
        version,
        digest: Digest::of(b"root"),
        envelope: Digest::of(b"envelope"),
        mode: Mode::Team,
        expires: at(1_000),
    }
}

fn enrolled(n: u8) -> Enrolled {
    let key =
        |purpose| EnrolledKey { fingerprint: format!("SHA256:{n}-{purpose:?}"), purposes: vec![purpose] };
    Enrolled {
        person: Id::from_random([n; 16]).into(),
        subject: Digest::of(&[n]),
        keys: vec![key(Purpose::SignIn), key(Purpose::Approve)],
        grants: Vec::new(),
        expires: at(900),
        digest: Digest::of(&[n, n]),
        root: 1,
    }
}

fn status(number: u64) -> StatusSet {
    StatusSet {
        number,
        base: Digest::of(&number.to_be_bytes()),
        base_number: number,
        file: Digest::of(b"file"),
        expires: at(800),
        minimum_root: 1,
        revoked: Vec::new(),
        withdrawn: Vec::new(),
        barred: Vec::new(),
        frozen: Vec::new(),
        root: 1,
    }
}

fn enrol(enrolment: Enrolled) -> Command {
    Command::Enrol(Enrol { enrolment, issued: at(1) })
}

fn set_status(status: StatusSet) -> Command {
    Command::SetStatus(SetStatus { status, issued: at(1) })
}

fn set_root(root: Rooted) -> Command {
    Command::SetRoot(SetRoot { root, runners: [].into(), issued: at(1) })
}

/// Checks the decision about a command at second 10 after these events: `Ok(())`, or the codes of all reasons.
fn check(given: &[Event], when: &Command, then: Result<(), &[&str]>) {
    let mut state = State::default();
    given.iter().for_each(|event| state.apply(event, at(5)));
    assert_eq!(state.misfits, 0, "the given events fit");
    let before = state.clone();
    let decided = decide(&state, when, at(10));
    assert_eq!(state, before, "deciding changes nothing");
    match (decided, then) {
        (Ok(events), Ok(())) => {
            events.iter().for_each(|event| state.apply(event, at(10)));
            assert_eq!(state.misfits, 0, "what was decided fits");
        }
        (Err(refusal), Err(codes)) => {
            let found: Vec<_> = refusal.reasons().map(|reason| reason.code.as_str()).collect();
            assert_eq!(found, codes, "{refusal}");
        }
        (decided, then) => panic!("{when:?}: decided {decided:?}, expected {then:?}"),
    }
}

#[test]
fn roots_come_in_order() {
    check(&[], &set_root(rooted(1)), Ok(()));
    check(&[], &set_root(rooted(2)), Err(&["root-out-of-order"]));
    let first = Event::Rooted(rooted(1));
    check(std::slice::from_ref(&first), &set_root(rooted(2)), Ok(()));
    check(std::slice::from_ref(&first), &set_root(rooted(1)), Err(&["root-out-of-order"]));
    let foreign = Rooted { installation: Id::from_random([9; 16]), ..rooted(3) };
    check(
        std::slice::from_ref(&first),
        &set_root(foreign),
        Err(&["root-out-of-order", "other-installation"]),
    );
    check(&[], &set_root(Rooted { expires: at(10), ..rooted(1) }), Err(&["expired"]));
    let early = Command::SetRoot(SetRoot { root: rooted(1), runners: [].into(), issued: at(131) });
    check(&[], &early, Err(&["from-the-future"]));
    check(&[], &Command::SetRoot(SetRoot { root: rooted(1), runners: [].into(), issued: at(130) }), Ok(()));
}

#[test]
fn a_person_a_subject_and_a_key_are_enrolled_once() {
    let given = [Event::Rooted(rooted(1)), Event::Enrolled(enrolled(1))];
    check(&given, &enrol(enrolled(2)), Ok(()));
    let keys = ["person-taken", "subject-taken", "key-taken", "key-taken"];
    check(&given, &enrol(enrolled(1)), Err(&keys));
    check(&given, &enrol(Enrolled { subject: Digest::of(&[1]), ..enrolled(2) }), Err(&["subject-taken"]));
    check(&given, &enrol(Enrolled { person: enrolled(1).person, ..enrolled(2) }), Err(&["person-taken"]));
    let borrowed = vec![EnrolledKey { purposes: vec![Purpose::Commit], ..enrolled(1).keys[0].clone() }];
    check(&given, &enrol(Enrolled { keys: borrowed, ..enrolled(2) }), Err(&["key-taken"]));
    check(&given, &enrol(Enrolled { expires: at(10), ..enrolled(2) }), Err(&["expired"]));
}

#[test]
fn an_expired_enrolment_makes_room() {
    let old = Enrolled { expires: at(10), ..enrolled(1) };
    let given = [Event::Rooted(rooted(1)), Event::Enrolled(old)];
    check(&given, &enrol(enrolled(1)), Ok(()));
}

#[test]
fn signatures_checked_against_another_root_do_not_count() {
    check(&[], &enrol(enrolled(1)), Err(&["root-changed"]));
    check(&[], &set_status(status(1)), Err(&["root-changed", "root-too-old"]));
    let given = [Event::Rooted(rooted(1)), Event::Rooted(rooted(2))];
    check(&given, &enrol(enrolled(1)), Err(&["root-changed"]));
    check(&given, &set_status(status(1)), Err(&["root-changed"]));
}

#[test]
fn status_numbers_rise_and_withdrawals_take_effect() {
    let given = [Event::Rooted(rooted(1)), Event::Enrolled(enrolled(1)), Event::StatusSet(status(4))];
    check(&given, &set_status(status(5)), Ok(()));
    check(&given, &set_status(status(4)), Err(&["status-not-newer"]));
    check(&given, &set_status(StatusSet { minimum_root: 2, ..status(5) }), Err(&["root-too-old"]));
    check(&given, &set_status(StatusSet { expires: at(10), ..status(5) }), Err(&["expired"]));

    let withdrawn = StatusSet { withdrawn: vec![enrolled(1).digest], ..status(5) };
    let given = [Event::Rooted(rooted(1)), Event::Enrolled(enrolled(1)), Event::StatusSet(withdrawn)];
    let mut state = State::default();
    given.iter().for_each(|event| state.apply(event, at(5)));
    assert_eq!(state.identity.person(enrolled(1).person, at(6)), None);
    check(&given, &enrol(enrolled(1)), Err(&["enrolment-withdrawn"]));
    check(&given, &enrol(Enrolled { digest: Digest::of(b"new"), ..enrolled(1) }), Ok(()));
}

#[test]
fn one_signer_cannot_loosen_by_tightening_an_old_base() {
    use evidence::status::Freeze;
    let freeze =
        |project: &str| Freeze { project: project.parse().unwrap(), service: None, environment: None };
    let base = status(1);
    let over = |number, frozen: Vec<Freeze>| StatusSet {
        number,
        frozen,
        base: base.base,
        base_number: 1,
        ..status(1)
    };
    let given = [
        Event::Rooted(rooted(1)),
        Event::StatusSet(base.clone()),
        Event::StatusSet(over(2, vec![freeze("a")])),
    ];
    check(&given, &set_status(over(3, vec![freeze("a"), freeze("b")])), Ok(()));
    check(&given, &set_status(over(3, vec![freeze("b")])), Err(&["status-loosens"]));
    check(&given, &set_status(over(3, vec![])), Err(&["status-loosens"]));
    check(&given, &set_status(status(3)), Ok(()));
    let given = [&given[..], &[Event::StatusSet(status(5))]].concat();
    check(&given, &set_status(over(6, vec![])), Err(&["status-loosens"]));
    check(&given, &set_status(over(6, vec![freeze("a")])), Err(&["status-loosens"]));
    check(&given, &set_status(status(6)), Ok(()));
}

#[test]
fn an_id_of_somebody_who_left_is_not_given_again() {
    let left = Enrolled { expires: at(10), ..enrolled(1) };
    let given = [Event::Rooted(rooted(1)), Event::Enrolled(left)];
    let other = Enrolled { person: enrolled(1).person, ..enrolled(2) };
    check(&given, &enrol(other), Err(&["person-taken"]));
}

#[test]
fn validity_ends_at_its_moment_exactly() {
    let mut state = State::default();
    state.apply(&Event::Rooted(rooted(1)), at(5));
    state.apply(&Event::Enrolled(enrolled(1)), at(5));
    let person = enrolled(1).person;
    let just_before = Moment::from_millis(899_999).unwrap();
    assert!(state.identity.person(person, just_before).is_some());
    assert!(state.identity.person(person, at(900)).is_none());
}

#[test]
fn events_read_back_from_their_facts() {
    for event in [Event::Rooted(rooted(1)), Event::Enrolled(enrolled(1)), Event::StatusSet(status(1))] {
        let facts = event.facts([3; 16]).unwrap();
        assert_eq!(Event::read(event.kind(), &facts).unwrap(), event);
        assert!(Event::read("identity.unheard-of", &facts).is_err());
        assert!(Event::read("refused", &facts).is_err());
    }
}
