//! Given a place with several agents, when they report one after the other, then the place runs a release once each of them
//! does, and those that have one which fails elsewhere go back.

use evidence::report::ReleaseOutcome::{self, Failed, Refused, Returned, Running};

use crate::flow_tests::{go_back, reported, standing, third};
use crate::gate::GateOutcome;
use crate::observation::{Observe, Observed, ObservedRelease};
use crate::release::PlaceState;
use crate::scenario::{
    agent_report, built, codes, commit, digest, environments, happen, name, place, propose, verdict,
};
use crate::{Command, State, release};

const AGENTS: [&str; 3] = ["agent-1", "agent-2", "agent-3"];

/// The statement of dev with these agents.
fn with(number: u64, agents: &[&str]) -> Command {
    let Some(Command::SetEnvironment(mut set)) = environments().into_iter().next() else { unreachable!() };
    set.environment.number = number;
    let key = |agent: &&str| crate::gate::AgentKey { name: name(agent), key: digest(agent) };
    set.environment.agents = agents.iter().map(key).collect();
    Command::SetEnvironment(set)
}

fn propose_under(statement: u64) -> Command {
    let Command::Propose(mut propose) = propose("dev") else { unreachable!() };
    propose.statement = statement;
    Command::Propose(propose)
}

/// Release 1 is due at dev, which has three agents.
fn due() -> State {
    let mut state = built();
    happen(&mut state, &with(2, &AGENTS));
    happen(&mut state, &propose_under(2));
    happen(&mut state, &verdict("dev", 1, 1, GateOutcome::Pass));
    state
}

fn by(agent: &str, number: u64, outcome: ReleaseOutcome) -> Command {
    let Command::AgentReport(mut command) = agent_report("dev", number, outcome) else { unreachable!() };
    command.report.agent = name(agent);
    command.envelope = digest(&format!("{agent} {number} {outcome:?}"));
    Command::AgentReport(command)
}

fn dev(state: &State) -> &PlaceState {
    state.release.at(&place("dev")).unwrap()
}

fn turns(state: &State) -> Vec<String> {
    dev(state).open.iter().flat_map(|open| &open.turns).map(ToString::to_string).collect()
}

fn retreating(state: &State) -> Vec<String> {
    dev(state).retreat.iter().flat_map(|retreat| &retreat.agents).map(ToString::to_string).collect()
}

#[test]
fn a_release_goes_to_one_agent_after_the_other() {
    let mut state = due();
    assert_eq!(turns(&state), AGENTS);
    for early in ["agent-2", "agent-3", "stranger"] {
        assert_eq!(codes(&state, &by(early, 1, Running)), ["nothing-due"], "{early}");
        assert_eq!(codes(&state, &by(early, 1, Failed)), ["nothing-due"], "{early}");
    }
    for (number, agent) in AGENTS.iter().enumerate().take(2) {
        happen(&mut state, &by(agent, 1, Running));
        assert_eq!(turns(&state), AGENTS[number + 1..]);
        assert!(dev(&state).running.is_none() && !dev(&state).is_free(), "the place does not run it yet");
        assert!(state.release.at(&place("staging")).is_none(), "it goes nowhere else yet");
        assert_eq!(codes(&state, &by(agent, 1, Running)), ["nothing-due"], "once");
    }
    happen(&mut state, &by("agent-3", 1, Running));
    assert_eq!(dev(&state).running.as_ref().map(|now| now.release), Some(1));
    assert!(dev(&state).is_free() && dev(&state).open.is_none());
    assert!(state.release.at(&place("staging")).unwrap().wanted.is_some());
}

#[test]
fn the_agents_that_have_it_go_back_before_anything_else_begins() {
    for outcome in [Failed, Returned, Refused] {
        let mut state = due();
        happen(&mut state, &by("agent-1", 1, Running));
        happen(&mut state, &by("agent-2", 1, Running));
        happen(&mut state, &by("agent-3", 1, outcome));
        assert_eq!(retreating(&state), ["agent-1", "agent-2"]);
        let retreat = dev(&state).retreat.clone().unwrap();
        assert_eq!((retreat.release, retreat.from.as_str()), (1, "agent-3"));
        assert!(dev(&state).open.is_none() && dev(&state).running.is_none() && !dev(&state).is_free());
        for no in [by("agent-1", 1, Running), by("agent-3", 1, Returned), by("agent-1", 2, Returned)] {
            assert_eq!(codes(&state, &no), ["nothing-due"]);
        }
        happen(&mut state, &by("agent-2", 1, Returned));
        assert_eq!(codes(&state, &by("agent-2", 1, Returned)), ["nothing-due"]);
        happen(&mut state, &by("agent-1", 1, Failed));
        assert!(dev(&state).is_free() && dev(&state).retreat.is_none());
        assert!(state.release.at(&place("staging")).is_none());
    }
}

#[test]
fn a_failure_at_the_first_agent_reaches_no_other() {
    let mut state = due();
    happen(&mut state, &by("agent-1", 1, Returned));
    assert!(dev(&state).is_free() && dev(&state).open.is_none() && dev(&state).retreat.is_none());
    assert_eq!(codes(&state, &by("agent-2", 1, Running)), ["nothing-due"]);
}

#[test]
fn a_place_keeps_what_ran_there_whatever_one_agent_says() {
    let mut state = due();
    AGENTS.iter().for_each(|agent| happen(&mut state, &by(agent, 1, Running)));
    let before = dev(&state).clone();
    let run = before.running.as_ref().unwrap().run;
    let again = release::Wanted { place: place("dev"), artifact: digest("manifest"), run };
    happen(&mut state, &Command::Want(release::Want { wanted: again }));
    happen(&mut state, &propose_under(2));
    happen(&mut state, &verdict("dev", 2, 1, GateOutcome::Pass));
    happen(&mut state, &by("agent-1", 2, Running));
    happen(&mut state, &by("agent-2", 2, Failed));
    happen(&mut state, &by("agent-1", 2, Returned));
    assert_eq!((&dev(&state).running, &dev(&state).reported), (&before.running, &before.reported));
}

#[test]
fn a_bar_of_a_place_is_not_ended_by_its_first_agents() {
    let mut state = due();
    let observed = Observed {
        place: place("dev"),
        agent: name("agent-2"),
        kind: evidence::observations::ObservationKind::ALL[0],
        observation: digest("observation"),
        envelope: digest("observation envelope"),
        about: Some(ObservedRelease { release: 0, artifact: digest("manifest"), plan: digest("plan") }),
        bars: true,
        holds: false,
        ends: None,
        sequence: 1,
    };
    happen(&mut state, &Command::Observe(Box::new(Observe { observed })));
    happen(&mut state, &by("agent-1", 1, Running));
    assert_eq!(state.observation.bars(&place("dev")).len(), 1, "agent 2 has not judged that it is lifted");
    happen(&mut state, &by("agent-2", 1, Running));
    happen(&mut state, &by("agent-3", 1, Running));
    assert!(state.observation.bars(&place("dev")).is_empty());
}

/// Commit 3 is judged for dev, which now has three agents; somebody goes back from it to commit 2, which runs.
fn leaving() -> (State, u64) {
    let (mut state, _) = third();
    happen(&mut state, &with(2, &AGENTS));
    happen(&mut state, &go_back("dev", "third", "second", 2));
    let number = dev(&state).highest;
    (state, number)
}

fn left(agent: &str, number: u64, outcome: ReleaseOutcome) -> Command {
    let Command::AgentReport(mut report) = reported("dev", number, "second", 2, outcome) else {
        unreachable!()
    };
    report.report.agent = name(agent);
    Command::AgentReport(report)
}

#[test]
fn a_rollback_waits_for_each_agent_in_any_order() {
    let (mut state, number) = leaving();
    for (agent, outcome) in [("agent-3", Running), ("agent-1", Refused)] {
        happen(&mut state, &left(agent, number, outcome));
        assert_eq!(codes(&state, &left(agent, number, outcome)), ["nothing-due"], "once");
        let now = standing(&state, "dev");
        assert_eq!(now.running.map(|now| now.release), Some(number), "it has gone back as far as it can");
        assert!(!standing(&state, "dev").is_free() && standing(&state, "dev").bars(&digest("third")));
    }
    happen(&mut state, &left("agent-2", number, Failed));
    let now = standing(&state, "dev");
    assert!(now.is_free() && now.awaited.is_empty() && now.bars(&digest("third")));
    assert_eq!(now.running.map(|now| now.release), Some(number), "agent 2 alone does not run it");
}

#[test]
fn a_rollback_that_nobody_carries_out_bars_nothing() {
    let (mut state, number) = leaving();
    let before = standing(&state, "dev").running;
    AGENTS.iter().for_each(|agent| happen(&mut state, &left(agent, number, Refused)));
    let now = standing(&state, "dev");
    assert_eq!((now.running.clone(), now.is_free(), now.bars(&digest("third"))), (before, true, false));
}

#[test]
fn an_agent_that_the_statement_no_longer_names_is_not_waited_for() {
    let mut state = due();
    happen(&mut state, &by("agent-1", 1, Running));
    happen(&mut state, &with(3, &["agent-1", "agent-3"]));
    assert_eq!(turns(&state), ["agent-3"]);
    happen(&mut state, &with(4, &["agent-1"]));
    assert_eq!(dev(&state).running.as_ref().map(|now| now.release), Some(1), "each named agent runs it");
    assert!(dev(&state).is_free());

    let mut state = due();
    happen(&mut state, &with(3, &["other-1", "other-2"]));
    assert!(turns(&state).is_empty() && dev(&state).wanted.is_some(), "planned again");

    let mut state = due();
    happen(&mut state, &by("agent-1", 1, Running));
    happen(&mut state, &by("agent-2", 1, Running));
    happen(&mut state, &by("agent-3", 1, Failed));
    happen(&mut state, &with(3, &["agent-2", "agent-3"]));
    assert_eq!(retreating(&state), ["agent-2"]);
    happen(&mut state, &with(4, &["agent-3"]));
    assert!(dev(&state).is_free());
}

#[test]
fn what_a_place_runs_is_known_by_the_report_of_an_agent_that_is_named() {
    let mut state = due();
    AGENTS.iter().for_each(|agent| happen(&mut state, &by(agent, 1, Running)));
    let report = |agent: &str| digest(&format!("{agent} 1 Running"));
    let known = |state: &State| dev(state).reported.map(|(report, _)| report);
    assert_eq!(known(&state), Some(report("agent-3")));
    happen(&mut state, &with(3, &["agent-1", "agent-2", "agent-4"]));
    assert_eq!(known(&state), Some(report("agent-2")));
    happen(&mut state, &with(4, &["agent-2", "agent-4"]));
    assert_eq!(known(&state), Some(report("agent-2")));
    assert!(dev(&state).running.is_some());
    happen(&mut state, &with(5, &["agent-4"]));
    let now = dev(&state);
    assert_eq!((&now.running, &now.reported), (&None, &None), "no agent that is named can say");
}

#[test]
fn a_place_with_one_agent_has_no_turns() {
    let mut state = built();
    happen(&mut state, &propose("dev"));
    happen(&mut state, &verdict("dev", 1, 1, GateOutcome::Pass));
    assert!(turns(&state).is_empty());
    happen(&mut state, &by("agent-1", 1, Running));
    assert_eq!(dev(&state).running.as_ref().map(|now| now.commit.clone()), Some(commit(1)));
}
