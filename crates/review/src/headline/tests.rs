//! Headlines of every state.

use super::{PlaceFacts, of_overview, of_service, of_trust};
use crate::place_state::PlaceState;

const ALL: [PlaceState; 12] = [
    PlaceState::Nothing,
    PlaceState::Failed,
    PlaceState::Down,
    PlaceState::Silent,
    PlaceState::ChecksFailed,
    PlaceState::ChecksLost,
    PlaceState::RolledBack,
    PlaceState::RollingOut,
    PlaceState::RollingBack,
    PlaceState::Frozen,
    PlaceState::Checking,
    PlaceState::Healthy,
];

fn at(environment: &str, state: PlaceState) -> PlaceFacts<'_> {
    PlaceFacts { environment, state, frozen: state == PlaceState::Frozen, pending: None }
}

#[test]
fn a_service_is_called_healthy_where_its_badge_says_so() {
    for state in ALL {
        let said = of_service("api", &[at("production", state)]);
        assert_eq!(said.contains("healthy"), state == PlaceState::Healthy, "{said}");
        let both = of_service("api", &[at("dev", PlaceState::Healthy), at("production", state)]);
        let is_all = both == "api is healthy in dev and production";
        assert_eq!(is_all, state == PlaceState::Healthy, "{both}");
        assert!(both.contains("production"), "each place is named: {both}");
    }
}

#[test]
fn each_state_of_a_service_has_its_sentence() {
    let one = |state| of_service("api", &[at("production", state)]);
    for (state, said) in [
        (PlaceState::Nothing, "api does not run anywhere"),
        (PlaceState::Failed, "api failed in production"),
        (PlaceState::Down, "api is down in production"),
        (PlaceState::Silent, "api has a silent agent in production"),
        (PlaceState::ChecksFailed, "api failed its checks in production"),
        (PlaceState::ChecksLost, "api was not checked in production"),
        (PlaceState::RolledBack, "api was rolled back in production"),
        (PlaceState::RollingOut, "api is rolling out in production"),
        (PlaceState::RollingBack, "api is rolling back in production"),
        (PlaceState::Frozen, "api runs in production; production is frozen"),
        (PlaceState::Checking, "api is being checked in production"),
        (PlaceState::Healthy, "api is healthy in production"),
    ] {
        assert_eq!(one(state), said);
    }
}

#[test]
fn the_worst_comes_first_then_freezes_then_pending_releases() {
    let mut back = at("production", PlaceState::RolledBack);
    (back.frozen, back.pending) = (true, Some((4, "blocked")));
    let all = [at("dev", PlaceState::Frozen), at("staging", PlaceState::Frozen), back];
    assert_eq!(
        of_service("api", &all),
        "api was rolled back in production and runs in dev and staging; every place is frozen; release 4 to production: blocked"
    );
    let empty = PlaceFacts { frozen: true, ..at("production", PlaceState::Nothing) };
    assert_eq!(
        of_service("api", &[at("dev", PlaceState::Healthy), at("test", PlaceState::Checking), empty]),
        "api is being checked in test, is healthy in dev and does not run in production; production is frozen"
    );
    assert_eq!(of_service("api", &[empty, empty]), "api does not run anywhere; every place is frozen");
}

#[test]
fn numbers_have_the_right_plural() {
    let of = |states: &[PlaceState]| -> Vec<(String, PlaceState)> {
        states.iter().enumerate().map(|(nth, state)| (format!("s{}", nth + 1), *state)).collect()
    };
    for (waiting, states, said) in [
        (0, vec![], "Nothing waits for a person. Nothing runs yet."),
        (0, vec![PlaceState::Nothing; 2], "Nothing waits for a person. Nothing runs yet."),
        (1, vec![PlaceState::Healthy; 2], "One thing waits for a person. Everything that runs is healthy."),
        (
            3,
            vec![PlaceState::Down, PlaceState::RolledBack],
            "Three things wait for a person. One service is not healthy: s1.",
        ),
        (
            13,
            vec![PlaceState::Failed; 2],
            "13 things wait for a person. Two services are not healthy: s1 and s2.",
        ),
        (
            0,
            vec![PlaceState::Silent; 5],
            "Nothing waits for a person. Five services are not healthy: s1, s2, s3 and two more.",
        ),
        (
            0,
            vec![PlaceState::RolledBack, PlaceState::Frozen, PlaceState::Frozen, PlaceState::Healthy],
            "Nothing waits for a person. No service is down; s1 was rolled back; s2 and s3 are frozen.",
        ),
    ] {
        assert_eq!(of_overview((waiting, 0), &of(&states), (&[], "")), said);
    }
}

#[test]
fn everything_is_healthy_where_every_badge_says_so() {
    for state in ALL {
        let said =
            of_overview((0, 0), &[("a".to_owned(), PlaceState::Healthy), ("b".to_owned(), state)], (&[], ""));
        let is_well = matches!(state, PlaceState::Healthy | PlaceState::Nothing);
        assert_eq!(said.ends_with("Everything that runs is healthy."), is_well, "{said}");
        assert_eq!(said.contains("b "), !is_well && !state.is_unhealthy(), "{said}");
    }
}

#[test]
fn an_ended_trust_root_is_not_in_force() {
    for (has_ended, ended, soon, said) in [
        (false, 0, 0, "Trust root 2 is in force; nothing listed here ends within two weeks"),
        (false, 0, 1, "One thing ends within two weeks"),
        (false, 0, 3, "Three things end within two weeks"),
        (false, 1, 0, "One thing has ended"),
        (false, 2, 1, "Two things have ended; one thing ends within two weeks"),
        (true, 1, 0, "Trust root 2 has ended: nothing is released until it is renewed"),
    ] {
        assert_eq!(of_trust(2, has_ended, (ended, soon), &[]), said);
    }
}

#[test]
fn stopped_things_are_counted_apart() {
    for (counts, said) in [
        ((1, 1), "One thing is stopped and waits for a person. Nothing runs yet."),
        ((4, 1), "Four things wait for a person, one of them stopped. Nothing runs yet."),
        ((4, 4), "Four things wait for a person, four of them stopped. Nothing runs yet."),
    ] {
        assert_eq!(of_overview(counts, &[], (&[], "")), said);
    }
}

#[test]
fn findings_that_run_and_freezes_are_told() {
    let healthy = [("api in dev".to_owned(), PlaceState::Healthy)];
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let told = |all: &[&str]| of_overview((0, 0), &healthy, (&names(all), "critical"));
    let calm = "Nothing waits for a person. Everything that runs is healthy.";
    assert_eq!(told(&[]), calm);
    assert_eq!(told(&["api in dev"]), format!("{calm} api in dev runs a critical finding."));
    assert_eq!(
        told(&["a", "b", "c", "d", "e"]),
        format!("{calm} a, b, c and two more run a critical finding.")
    );
    assert_eq!(
        of_trust(2, false, (0, 1), &names(&["a/b/c"])),
        "One thing ends within two weeks; a/b/c is frozen"
    );
    assert!(of_trust(2, true, (0, 0), &names(&["a", "b"])).ends_with("; a and b are frozen"));
}
