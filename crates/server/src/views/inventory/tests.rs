//! Where packages and problems are found, and what ran when.

use domain::release::Part;
use evidence::report::Running;
use evidence::{CommitId, Id, Moment};
use lab::at;
use lab::documents::{components, findings};
use review::inventory::Listing;

use super::*;

const SERDE: &str = "pkg:cargo/serde@1.0.0";

fn rows() -> Connection {
    let rows = Connection::open_in_memory().unwrap();
    rows.execute_batch(super::super::schema::SCHEMA).unwrap();
    rows
}

fn run(n: u8) -> Id {
    Id::from_random([n; 16])
}

fn artifact(n: u8) -> Digest {
    Digest::of(&[n])
}

/// A run that left this document.
fn made(rows: &Connection, by: u8, listing: &Listing) -> Digest {
    let digest = Digest::of(&[by, 0]);
    let number = number_of(rows, &digest).unwrap();
    rows.execute("INSERT INTO made (run, document) VALUES (?1, ?2)", params![run(by).to_string(), number])
        .unwrap();
    put(rows, number, listing).unwrap();
    digest
}

fn waits(rows: &Connection, place: &str, by: u8, number: u64) {
    rows.execute(
        "INSERT INTO release (place, began, kind, run, artifact, release, stage, reasons, changed, time) \
         VALUES (?1, ?4, 'release', ?2, ?3, ?4, 'held', '', ?4, ?5)",
        params![place, run(by).to_string(), artifact(by).to_string(), signed(number), at(1).to_string()],
    )
    .unwrap();
}

fn reported(place: &str, release: u64, by: u8, outcome: ReleaseOutcome, part: Option<Part>) -> Event {
    let commit: CommitId = "ab".repeat(20).parse().unwrap();
    Event::AgentReported(Reported {
        place: place.parse().unwrap(),
        release,
        agent: "agent-1".parse().unwrap(),
        outcome,
        running: Some(Running { artifact: artifact(by), commit, release: None, plan: None }),
        reasons: Vec::new(),
        highest: None,
        envelope: Digest::of(b"report"),
        part,
    })
}

fn apply_at(rows: &Connection, number: u64, event: &Event) {
    let time = at(i64::try_from(number).unwrap()).to_string();
    apply(rows, EntryPosition { number, time: &time }, event).unwrap();
}

fn of(rows: &Connection, question: &str) -> Vec<(String, Option<Moment>, Option<Moment>)> {
    let (found, more) = locate(rows, &question.parse().unwrap()).unwrap();
    assert!(!more);
    found.into_iter().map(|spot| (spot.place.to_string(), spot.since, spot.until)).collect()
}

#[test]
fn a_package_is_found_where_it_runs_waits_and_ran() {
    let rows = rows();
    let old = Listing::of(&encoded(&components("1.0.0")));
    let new = Listing::of(&encoded(&components("1.0.1")));
    assert!(matches!(&old, Listing::Packages(all) if all.iter().any(|package| package.purl == SERDE)));
    let document = made(&rows, 1, &old);
    made(&rows, 2, &new);
    let (dev, production) = ("shop/api/dev", "shop/api/production");
    waits(&rows, dev, 1, 3);
    apply_at(&rows, 4, &reported(dev, 3, 1, ReleaseOutcome::Running, None));
    rows.execute("UPDATE release SET stage = 'running'", []).unwrap();
    waits(&rows, production, 1, 5);
    let both = vec![(dev.to_owned(), Some(at(4)), None), (production.to_owned(), None, None)];
    for question in ["serde", "serde@1.0.0", "serde<1.0.1", "serde>=1.0,<2", "pkg:cargo/serde", SERDE] {
        assert_eq!(of(&rows, question), both, "{question}");
    }
    for question in ["serde@1.0.1", "serde>1.0.1", "pkg:cargo/serde@2", "nothing"] {
        assert_eq!(of(&rows, question), [], "{question}");
    }
    assert_eq!(of(&rows, &artifact(1).to_string()).len(), 2);
    assert_eq!(of(&rows, &document.to_string()), both[..1]);
    // Another release takes its place.
    waits(&rows, dev, 2, 6);
    apply_at(&rows, 7, &reported(dev, 6, 2, ReleaseOutcome::Running, None));
    assert_eq!(of(&rows, "serde@1.0.0")[1], (dev.to_owned(), Some(at(4)), Some(at(7))));
    assert_eq!(of(&rows, "serde@1.0.1")[0], (dev.to_owned(), Some(at(7)), None));
}

fn encoded<D: evidence::document::Document>(document: &D) -> Vec<u8> {
    document.encode().unwrap()
}

#[test]
fn a_problem_is_found_by_each_of_its_ids_with_the_component_that_it_names() {
    let rows = rows();
    let class = evidence::document::findings::Class::Dependency;
    let high = evidence::document::findings::Severity::High;
    made(&rows, 1, &Listing::of(&encoded(&findings(&[("GHSA-1", class, high)]))));
    apply_at(&rows, 4, &reported("shop/api/dev", 3, 1, ReleaseOutcome::Running, None));
    rows.execute("UPDATE ran SET run = ?1", params![run(1).to_string()]).unwrap();
    assert_eq!(of(&rows, "ghsa-1").len(), 1);
    assert_eq!(of(&rows, "CVE-2026-9"), []);
    let known = known(&rows, run(1)).unwrap();
    let (id, known) = known.first_key_value().unwrap();
    assert_eq!(*known, (high, false));
    assert_eq!(finding_of(&rows, run(1), id).unwrap().unwrap().finding.rule, "GHSA-1");
}

#[test]
fn a_release_of_several_agents_runs_from_the_first_one_on_and_replaces_at_the_last() {
    let rows = rows();
    let place = "shop/api/dev";
    for (release, by) in [(1, 1), (2, 2)] {
        waits(&rows, place, by, release);
    }
    let now = || -> Vec<u64> {
        live(&rows).unwrap().iter().filter(|one| !one.waits).filter_map(|one| one.release).collect()
    };
    apply_at(&rows, 4, &reported(place, 1, 1, ReleaseOutcome::Running, None));
    let next = Some(Part::Next(vec!["agent-2".parse().unwrap()]));
    apply_at(&rows, 5, &reported(place, 2, 2, ReleaseOutcome::Running, next));
    assert_eq!(now(), [1, 2], "each agent has its own");
    apply_at(&rows, 6, &reported(place, 2, 2, ReleaseOutcome::Running, None));
    assert_eq!(now(), [2]);
    // A failed release leaves what ran before.
    apply_at(&rows, 7, &reported(place, 3, 2, ReleaseOutcome::Returned, None));
    assert_eq!(now(), [2]);
    let spots = locate(&rows, &artifact(2).to_string().parse().unwrap()).unwrap().0;
    assert_eq!(spots.iter().filter_map(|spot| spot.since).collect::<Vec<_>>(), [at(5)]);
}

#[test]
fn attack_what_is_no_question_is_refused_and_what_cannot_be_read_is_counted() {
    assert_eq!("go-yaml".parse::<Question>().unwrap().sought, Sought::Name("go-yaml".to_owned()));
    for text in ["", " ", "<1.0", "serde<", "serde<<1", "a\u{7}", &"a".repeat(2_000)] {
        assert_eq!(text.parse::<Question>(), Err(NoQuestion), "{text:?}");
    }
    let rows = rows();
    let number = number_of(&rows, &Digest::of(b"lost")).unwrap();
    let by = run(1).to_string();
    rows.execute("INSERT INTO made (run, document) VALUES (?1, ?2)", params![by, number]).unwrap();
    let text = "INSERT INTO run (run, entry, project, commit_id, state, started, services) VALUES (?1, 1, 'shop', '', '', '', '')";
    rows.execute(text, [by]).unwrap();
    let seen = |name: &str| gaps(&rows, &|project| project.as_str() == name).unwrap();
    assert_eq!((seen("shop"), seen("bank"), unlisted(&rows, 9).unwrap().len()), ((1, 0), (0, 0), 1));
    put(&rows, number, &Listing::Unreadable).unwrap();
    assert_eq!((seen("shop"), seen("bank"), unlisted(&rows, 9).unwrap().len()), ((0, 1), (0, 0), 0));
    assert_eq!(unread(&rows, run(1)).unwrap(), 1);
}
