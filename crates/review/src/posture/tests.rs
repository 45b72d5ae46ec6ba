//! A case for each word.
#![allow(clippy::unwrap_used, reason = "test code")]

use wire::RunState;

use super::{Evidence, EvidenceFacts, Facts, Pending, PlaceFacts, Posture, Word, headline};
use crate::place_state::PlaceState;

fn sound() -> EvidenceFacts {
    EvidenceFacts { signed: true, runners: 2, grave: 0, scanned: true }
}

fn place(environment: &str, change: impl FnOnce(&mut PlaceFacts)) -> PlaceFacts {
    let mut place = PlaceFacts {
        environment: environment.to_owned(),
        state: PlaceState::Healthy,
        frozen: false,
        release: Some(3),
        artifact: Some("a".to_owned()),
        evidence: Evidence::Holds(sound()),
        pending: None,
    };
    change(&mut place);
    place
}

/// The posture of a service that is sound in staging, with a change in production.
fn with(change: impl FnOnce(&mut PlaceFacts)) -> (Word, String) {
    with_run(Some(RunState::Passed), change)
}

fn with_run(run: Option<RunState>, change: impl FnOnce(&mut PlaceFacts)) -> (Word, String) {
    let places = vec![place("staging", |_| ()), place("production", change)];
    let Posture { word, reason, .. } = Posture::of(&Facts { places, run });
    (word, reason)
}

fn holding(change: impl FnOnce(&mut EvidenceFacts)) -> (Word, String) {
    let mut facts = sound();
    change(&mut facts);
    with(|place| place.evidence = Evidence::Holds(facts))
}

fn pending(held: bool, moves: bool) -> Option<Pending> {
    Some(Pending { release: 4, held, moves })
}

#[test]
fn each_word_follows_from_facts() {
    let said = |(word, reason): (Word, String)| format!("{}: {reason}", word.as_str());
    assert_eq!(said(with(|_| ())), "good: it runs as judged at two places");
    for state in [PlaceState::Failed, PlaceState::Down, PlaceState::Silent, PlaceState::ChecksFailed] {
        assert_eq!(said(with(|place| place.state = state)), format!("down: production: {}", state.word()));
    }
    let (one, two) = (holding(|found| found.grave = 1), holding(|found| found.grave = 2));
    assert_eq!(said(one), "exposed: production: 1 open finding, critical, exploited or a secret, runs");
    assert_eq!(said(two), "exposed: production: 2 open findings, critical, exploited or a secret, run");
    let missing = with(|place| place.evidence = Evidence::Missing);
    assert_eq!(said(missing), "unproven: production: no evidence that holds for the running release");
    let held = with(|place| place.pending = pending(true, false));
    assert_eq!(said(held), "blocked: production: the gate does not let release 4 pass");
    for (state, why) in [
        (RunState::Failed, "its newest run failed"),
        (RunState::Differed, "runners made different bytes in its newest run"),
        (RunState::Lost, "its newest run was lost"),
    ] {
        assert_eq!(said(with_run(Some(state), |_| ())), format!("build failed: {why}"));
    }
    for state in [PlaceState::RolledBack, PlaceState::RollingBack] {
        assert_eq!(
            said(with(|place| place.state = state)),
            format!("rolled back: production: {}", state.word())
        );
    }
    assert_eq!(said(with(|place| place.frozen = true)), "frozen: production: no release is let through");
    let waits = with(|place| place.pending = pending(false, false));
    assert_eq!(said(waits), "waits: production: release 4 waits for people");
    let moves = with(|place| place.pending = pending(false, true));
    assert_eq!(said(moves), "on its way: production: release 4 is judged or rolled out");
    assert_eq!(with(|place| place.state = PlaceState::Checking).0, Word::Moving);
    assert_eq!(said(with_run(Some(RunState::Running), |_| ())), "on its way: a run is in progress");
    let unread = with(|place| place.evidence = Evidence::Unread);
    assert_eq!(said(unread), "not read: production: its evidence was not read for this page");
    let unsigned = holding(|found| found.signed = false);
    assert_eq!(said(unsigned), "thin evidence: production: nobody enrolled signed the commit");
    assert_eq!(
        said(holding(|found| found.runners = 1)),
        "thin evidence: production: one runner alone built it"
    );
    let unlooked = holding(|found| found.scanned = false);
    assert_eq!(said(unlooked), "thin evidence: production: the policy reads no findings");
    let differs = with(|place| place.artifact = Some("b".to_owned()));
    assert_eq!(said(differs), "differs: staging and production run different artifacts");
    let idle = Posture::of(&Facts::default());
    assert_eq!(said((idle.word, idle.reason)), "nothing runs: no release runs at any of its places");
}

#[test]
fn the_worst_word_decides() {
    let worst = with_run(Some(RunState::Failed), |place| {
        place.state = PlaceState::Down;
        place.evidence = Evidence::Missing;
        place.pending = pending(true, false);
    });
    assert_eq!(worst.0, Word::Down);
    let next = with_run(Some(RunState::Failed), |place| {
        place.evidence = Evidence::Missing;
        place.pending = pending(true, false);
    });
    assert_eq!(next.0, Word::Unproven);
    assert!(Word::Down < Word::Exposed && Word::Behind < Word::Good, "rows are sorted by it");
}

#[test]
fn a_headline_names_the_first_service_that_needs_attention() {
    let of = |word, reason: &str| Posture { word, reason: reason.to_owned(), at: None };
    let services = |all: &[(&str, Word, &str)]| -> Vec<(String, Posture)> {
        all.iter().map(|(name, word, reason)| ((*name).to_owned(), of(*word, reason))).collect()
    };
    let (down, good) = (("api", Word::Down, "production: down"), ("web", Word::Good, "fine"));
    for (all, said) in [
        (services(&[]), "There is no service yet"),
        (services(&[good]), "The service needs no attention"),
        (services(&[good, ("x", Word::Waiting, "it waits")]), "None of the two services needs attention"),
        (services(&[down, good]), "One of two services needs attention, api first: production: down"),
        (services(&[down]), "The service needs attention: production: down"),
        (
            services(&[down, ("x", Word::Frozen, "production: frozen"), good]),
            "Two of three services need attention, api first: production: down",
        ),
    ] {
        assert_eq!(headline(&all), said);
    }
}

#[test]
fn attack_evidence_that_was_not_read_speaks_for_no_service() {
    let of = |word| ("shop/api".to_owned(), Posture { word, reason: String::new(), at: None });
    let one = headline(&[of(Word::Unread)]);
    assert!(one.starts_with("Not all evidence"), "{one}");
    let two = headline(&[of(Word::Unread), of(Word::Good)]);
    assert!(
        two.starts_with(
            "None of two services needs attention as far as evidence was read; that of one was not"
        ),
        "{two}"
    );
    assert_eq!(headline(&[of(Word::Thin)]), "The service needs no attention");
    let lost = with(|place| place.state = PlaceState::ChecksLost);
    assert_eq!(lost, (Word::Thin, "production: its checks were lost with their runner".to_owned()));
}
