//! Given places and agents, when these observe, then it is recorded or refused; and what stays of it.

use evidence::observations::ObservationKind;
use evidence::report::ReleaseOutcome;

use super::{OBSERVATIONS_PER_HOUR, Observe, Observed, ObservedRelease};
use crate::scenario::{at, codes, digest, founded, happen, name, place};
use crate::{Command, Event, State, release};

fn observed(release: u64, artifact: &str) -> Observed {
    Observed {
        ends: None,
        observation: digest(&format!("observation {release}")),
        kind: ObservationKind::ALL[0],
        place: place("dev"),
        agent: name("agent-1"),
        sequence: release,
        about: Some(ObservedRelease { release, artifact: digest(artifact), plan: digest("plan") }),
        bars: false,
        holds: false,
        envelope: digest(&format!("envelope {release}")),
    }
}

fn observe(observed: Observed) -> Command {
    Command::Observe(Box::new(Observe { observed }))
}

fn releases(state: &State) -> Vec<u64> {
    let about = state.observation.at(&place("dev")).filter_map(|known| known.facts.about);
    about.map(|about| about.release).collect()
}

#[test]
fn the_statement_of_the_place_names_the_agent() {
    let state = founded();
    assert_eq!(codes(&state, &observe(observed(1, "a"))), [""; 0]);
    let stranger = Observed { agent: name("agent-9"), ..observed(1, "a") };
    assert_eq!(codes(&state, &observe(stranger)), ["environment-unknown"]);
    let elsewhere = Observed { place: place("nowhere"), ..observed(1, "a") };
    assert_eq!(codes(&state, &observe(elsewhere)), ["environment-unknown"]);
}

/// What is said of the running release must not get lost because a later one failed.
#[test]
fn the_newest_stays_and_that_of_the_running_release() {
    let mut state = founded();
    for (release, running, left) in [
        (1, None, vec![1]),
        (1, None, vec![1]),
        (2, Some(1), vec![1, 2]),
        (3, Some(1), vec![1, 3]),
        (4, Some(3), vec![3, 4]),
    ] {
        state.observation.observed(&observed(release, "a"), 7, running, at(1));
        assert_eq!(releases(&state), left, "{release} while {running:?} runs");
    }
    let of_place = Observed { about: None, ..observed(9, "a") };
    state.observation.observed(&of_place, 8, Some(4), at(1));
    state.observation.observed(&of_place, 9, Some(4), at(1));
    assert_eq!(state.observation.at(&place("dev")).count(), 3, "one about the place");
    state.observation.keep_agents(&place("dev"), [name("agent-2")].iter());
    assert_eq!(state.observation.at(&place("dev")).count(), 0);
}

#[test]
fn attack_an_agent_cannot_fill_the_ledger() {
    let mut state = founded();
    for n in 0..OBSERVATIONS_PER_HOUR {
        state.observation.observed(&observed(u64::from(n), "a"), 7, None, at(1));
    }
    let again = observe(observed(5_000, "a"));
    assert_eq!(codes(&state, &again), ["observations-too-many"]);
    let other = Observed { place: place("staging"), ..observed(5_000, "a") };
    assert_eq!(codes(&state, &observe(other)), [""; 0]);
    assert_eq!(state.observation.in_hour(&place("dev"), &name("agent-1"), at(3_601)), 0);
    state.observation.observed(&observed(5_000, "a"), 7, None, at(3_601));
    assert_eq!(state.observation.in_hour(&place("dev"), &name("agent-1"), at(3_602)), 1);
}

/// A bar stays until a later release of the artifact runs; a report about an older one does not end it.
#[test]
fn a_bar_ends_when_the_artifact_runs_again() {
    let mut state = founded();
    let failed = Observed { bars: true, ..observed(4, "a") };
    happen(&mut state, &observe(failed));
    let barred = |state: &State| state.observation.bars(&place("dev")).len();
    assert_eq!(barred(&state), 1);
    assert_eq!(state.observation.bars(&place("staging")).len(), 0);
    for (artifact, release, left) in [("b", 5, 1), ("a", 4, 1), ("a", 5, 0)] {
        state.observation.runs(&place("dev"), &digest(artifact), release);
        assert_eq!(barred(&state), left, "release {release} of {artifact}");
    }
    for n in 0..70 {
        let failed = Observed { bars: true, ..observed(n, &n.to_string()) };
        state.observation.observed(&failed, 7, None, at(1));
    }
    assert_eq!(barred(&state), 64, "bounded");
}

#[test]
fn the_report_of_a_running_release_ends_its_bar() {
    let mut state = founded();
    state.observation.observed(&Observed { bars: true, ..observed(4, "manifest") }, 7, None, at(1));
    let running = evidence::report::Running::of(digest("manifest"), crate::scenario::commit(1));
    let proposed = release::Proposed {
        place: place("dev"),
        release: 5,
        artifact: digest("manifest"),
        commit: crate::scenario::commit(1),
        run: crate::scenario::run_id(),
        plan: digest("plan"),
        provenance: digest("provenance"),
        statement: 1,
        replaces: None,
        base: crate::scenario::commit(9),
    };
    state.apply(&Event::Proposed(proposed), at(2));
    let reported = release::Reported {
        place: place("dev"),
        release: 5,
        agent: name("agent-1"),
        outcome: ReleaseOutcome::Running,
        running: Some(running),
        reasons: Vec::new(),
        highest: None,
        envelope: digest("report"),
        part: None,
    };
    state.apply(&Event::AgentReported(reported), at(3));
    assert!(state.observation.bars(&place("dev")).is_empty());
}
