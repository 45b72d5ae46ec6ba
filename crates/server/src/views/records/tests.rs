//! Tests of lines as rows: by secret, by person or machine, by run, and whether a read is the first one.

use domain::RULES;
use domain::record::Recorded;
use evidence::entry::{Auth, Payload};
use evidence::records::{Alert, AlertSort, Body, Line, Lines, SecretUsed};
use lab::{at, id, name};

use super::*;
use crate::views::schema::SCHEMA;

fn used(secret: &str, who: Actor, run: Option<u8>, allowed: bool) -> Body {
    SecretUsed {
        secret: secret.parse().unwrap(),
        number: allowed.then_some(1),
        who,
        run: run.map(id),
        step: run.map(|_| name("publish")),
        place: None,
        release: None,
        allowed,
        reasons: if allowed { [].into() } else { [name("secret-pool")].into() },
        reason: run.is_none().then(|| "the registry asks".to_owned()),
        from: None,
    }
    .into()
}

fn runner(n: u8) -> Actor {
    Actor::Machine(name(&format!("runner-{n}")))
}

fn entry(project: &str, bodies: Vec<Body>) -> (Header, Event, Entry) {
    let lines = (1..).zip(bodies).map(|(salt, body)| Line { salt: id(salt), body }).collect();
    let lines = Lines::split(lines).unwrap().remove(0);
    let event = Event::Recorded(Recorded::of(&lines).unwrap());
    let facts = event.facts([1; 16]).unwrap();
    let particulars = Payload::new("particulars", &lines, [2; 16]).unwrap();
    let header = Header {
        v: 1,
        kind: event.kind().to_owned(),
        rules: RULES,
        time: at(0),
        project: Some(name(project)),
        subject: None,
        actor: Actor::System,
        auth: Auth::None,
        cause: None,
        idempotency: None,
        facts: facts.commitment(),
        particulars: Some(particulars.commitment()),
        blobs: Vec::new(),
    };
    let entry = Entry { header: header.encode().unwrap(), facts, particulars: Some(particulars) };
    (header, event, entry)
}

fn view(entries: &[(Header, Event, Entry)]) -> Connection {
    let rows = Connection::open_in_memory().unwrap();
    rows.execute_batch(SCHEMA).unwrap();
    for (number, (header, event, entry)) in (0..).zip(entries) {
        apply(&rows, number, (header, event, entry)).unwrap();
    }
    rows
}

fn entries() -> [(Header, Event, Entry); 3] {
    let person = Actor::Person(id(7));
    let alert = Alert {
        sort: AlertSort::HoneyToken,
        secret: "shop/other".parse().unwrap(),
        number: None,
        who: runner(2),
        run: Some(id(51)),
        step: Some(name("publish")),
        place: None,
    };
    [
        entry(
            "shop",
            vec![used("shop/token", runner(1), Some(50), true), used("shop/token", person, None, true)],
        ),
        entry("shop", vec![used("shop/other", runner(2), Some(51), false), alert.into()]),
        entry("bank", vec![used("bank/token", runner(1), Some(52), true)]),
    ]
}

#[test]
fn lines_are_found_by_secret_by_actor_and_by_run() {
    let rows = view(&entries());
    let found = |conditions: RecordConditions| -> Vec<(u64, u64)> {
        find(&rows, &conditions, 50, &|_| true)
            .unwrap()
            .into_iter()
            .map(|row| (row.entry, row.line))
            .collect()
    };
    let any = RecordConditions::default;
    assert_eq!(found(any()), [(2, 0), (1, 1), (1, 0), (0, 1), (0, 0)], "the newest first");
    assert_eq!(found(RecordConditions { secret: "shop/token".parse().ok(), ..any() }), [(0, 1), (0, 0)]);
    assert_eq!(found(RecordConditions { who: Some(runner(1)), ..any() }), [(2, 0), (0, 0)]);
    assert_eq!(found(RecordConditions { who: Some(Actor::Person(id(7))), ..any() }), [(0, 1)]);
    assert_eq!(found(RecordConditions { who: Some(Actor::System), ..any() }), []);
    assert_eq!(found(RecordConditions { run: Some(id(51)), ..any() }), [(1, 1), (1, 0)]);
    assert_eq!(found(RecordConditions { project: Some(name("bank")), ..any() }), [(2, 0)]);
    assert_eq!(found(RecordConditions { before: Some(1), ..any() }), [(0, 1), (0, 0)]);
    let alerts = entries()[1].1.clone();
    let Event::Recorded(facts) = alerts else { unreachable!("lines were recorded") };
    let urgent = facts.kinds.into_iter().find(|kind| kind.is_urgent()).map(|kind| kind.as_str().to_owned());
    assert_eq!(found(RecordConditions { kind: urgent, ..any() }), [(1, 1)]);
    let of_bank = |project: Option<&Name>| project.is_some_and(|project| project.as_str() == "bank");
    let readable = find(&rows, &any(), 50, &of_bank).unwrap();
    assert_eq!(readable.iter().map(|row| row.entry).collect::<Vec<_>>(), [2], "others' lines are left out");
    assert_eq!(find(&rows, &any(), 2, &|_| true).unwrap().len(), 2);
    let row = find(&rows, &RecordConditions { run: Some(id(51)), ..any() }, 50, &|_| true).unwrap().remove(1);
    assert_eq!(
        (row.allowed, row.number, row.step, row.time),
        (Some(false), None, Some(name("publish")), at(0))
    );
    assert_eq!(row.summary, "shop/other was refused: secret-pool");
}

#[test]
fn a_read_is_the_first_one_until_one_was_allowed() {
    let rows = view(&entries());
    let first = |secret: &str, who: Actor| is_first(&rows, &secret.parse().unwrap(), &who, None).unwrap();
    assert!(!first("shop/token", runner(1)) && !first("shop/token", Actor::Person(id(7))));
    assert!(first("shop/token", runner(2)), "another machine");
    assert!(first("shop/other", runner(1)), "another secret");
    assert!(first("shop/other", runner(2)), "a refused read is none");
}

#[test]
fn a_use_at_a_place_is_told_once_for_a_release_a_version_and_an_outcome() {
    let place: Place = "shop/api/dev".parse().unwrap();
    let agent = Actor::Machine(name("agent-1"));
    let (of, secret) = (place.clone(), "shop/database".parse().unwrap());
    let line = SecretUsed {
        secret: "shop/database".parse().unwrap(),
        number: Some(2),
        who: agent.clone(),
        run: None,
        step: None,
        place: Some(place.clone()),
        release: Some(7),
        allowed: true,
        reasons: [].into(),
        reason: None,
        from: None,
    };
    let rows = view(&[entry("shop", vec![line.into()])]);
    let told = |who: &Actor, at: &Place, about| is_told(&rows, (&secret, who, at), about).unwrap();
    assert!(told(&agent, &of, (2, Some(7), true)));
    for about in [(3, Some(7), true), (2, Some(8), true), (2, None, true), (2, Some(7), false)] {
        assert!(!told(&agent, &of, about), "{about:?}");
    }
    assert!(!told(&runner(1), &of, (2, Some(7), true)), "another agent");
    let other = "shop/api/production".parse().unwrap();
    assert!(!told(&agent, &other, (2, Some(7), true)), "another place");
    let first = |at: Option<&Place>| is_first(&rows, &secret, &agent, at).unwrap();
    assert!(!first(Some(&place)) && first(Some(&other)) && first(None));
    let wanted = RecordConditions { place: Some(place), ..RecordConditions::default() };
    let [row] = <[RecordRow; 1]>::try_from(find(&rows, &wanted, 50, &|_| true).unwrap()).unwrap();
    assert_eq!((row.release, row.summary.as_str()), (Some(7), "shop/database version 2 is used"));
    let wanted = RecordConditions { place: Some(other), ..RecordConditions::default() };
    assert_eq!(find(&rows, &wanted, 50, &|_| true).unwrap(), []);
}

/// Words of people may be erased from the ledger, so no row has them; erased lines have no row.
#[test]
fn attack_a_row_has_no_words_of_people_and_erased_lines_have_none() {
    let rows = view(&entries());
    let all = format!("{:?}", find(&rows, &RecordConditions::default(), 50, &|_| true).unwrap());
    assert!(!all.contains("the registry asks"), "{all}");
    let mut erased = entries();
    erased[0].2.particulars = None;
    assert_eq!(find(&view(&erased), &RecordConditions::default(), 50, &|_| true).unwrap().len(), 3);
    let mut changed = entries();
    changed[0].2.particulars = entries()[1].2.particulars.clone();
    let (header, event, entry) = &changed[0];
    let rows = view(&[]);
    let error = apply(&rows, 0, (header, event, entry)).unwrap_err().to_string();
    assert!(error.contains("its lines are not those of the tree in its facts"), "{error}");
}
