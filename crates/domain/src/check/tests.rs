//! Given a release that its agent has brought up, when runners check it, then it goes on once every check is reported,
//! and each report counts for this release alone.

use std::collections::BTreeMap;

use evidence::receipt::Work;
use evidence::release_check::ReleaseCheck;
use evidence::report::ReleaseOutcome;

use crate::build::{Lose, Report};
use crate::gate::GateOutcome;
use crate::release::Rollback;
use crate::scenario::{
    agent_report, bob, codes, deliver, digest, founded, happen, id, name, place, propose, report, run,
    run_id, verdict,
};
use crate::{Command, State};

/// A state in which commit 1, which declares the check `smoke` of staging, was built.
fn built() -> State {
    let mut state = founded();
    let mut command = run(false);
    let smoke = BTreeMap::from([(name("smoke"), [name("staging")].into())]);
    command.checks = BTreeMap::from([(name("api"), smoke), (name("other"), BTreeMap::new())]);
    happen(&mut state, &Command::Run(Box::new(command)));
    for work in [Work::Step(name("build")), Work::Artifact(name("api"))] {
        for runner in ["runner-1", "runner-2"] {
            let report = report(&state, runner, work.clone(), "manifest");
            happen(&mut state, &Command::Report(Box::new(report)));
        }
    }
    state
}

/// A state in which staging runs release 1 and its check is due.
fn due() -> State {
    let mut state = built();
    deliver(&mut state, "dev");
    assert_eq!(outstanding(&state, "runner-1"), [], "dev has no checks");
    deliver(&mut state, "staging");
    state
}

fn smoke(release: u64) -> Work {
    let (place, artifact) = (place("staging"), digest("manifest"));
    Work::Check(ReleaseCheck { place, release, artifact, name: name("smoke") })
}

fn outstanding(state: &State, runner: &str) -> Vec<Work> {
    state.check.outstanding(&name(runner)).map(|due| due.work.clone()).collect()
}

fn checked(state: &State, runner: &str, passed: bool) -> Report {
    let due = state.check.outstanding(&name(runner)).next().unwrap().clone();
    Report {
        nonce: due.nonce,
        project: due.project,
        commit: due.commit,
        pipeline: due.pipeline,
        receipt: digest(&format!("{runner} {:?}", due.work)),
        envelope: digest(&format!("{runner} {:?} envelope", due.work)),
        work: due.work,
        runner: name(runner),
        passed,
        log: digest("log"),
        tree: digest("tree"),
        artifact: None,
        documents: [].into(),
    }
}

fn is_wanted(state: &State, environment: &str) -> bool {
    state.release.at(&place(environment)).is_some_and(|standing| standing.wanted.is_some())
}

#[test]
fn a_release_goes_on_when_its_last_check_is_reported() {
    for passed in [true, false] {
        let mut state = due();
        assert_eq!(outstanding(&state, "runner-1"), [smoke(1)]);
        assert!(!is_wanted(&state, "production"), "it is not checked yet");
        let first = checked(&state, "runner-1", passed);
        happen(&mut state, &Command::Report(Box::new(first.clone())));
        assert!(!is_wanted(&state, "production"), "the other runner still works");
        assert_eq!(codes(&state, &Command::Report(Box::new(first))), ["already-reported"]);
        let second = checked(&state, "runner-2", true);
        happen(&mut state, &Command::Report(Box::new(second)));
        assert!(is_wanted(&state, "production"), "its gate judges what was found");
        let checks = state.check.at(&place("staging")).unwrap();
        assert_eq!((checks.reported.len(), checks.entries.len(), checks.is_finished()), (2, 2, true));
        assert_eq!(checks.report, digest("report staging 1"));
    }
}

#[test]
fn a_check_that_nobody_will_report_holds_nothing_up() {
    let lose = |runner: Option<&str>| {
        let (run, work, runner) = (run_id(), smoke(1), runner.map(name));
        Command::Lose(Lose { run, work, runner })
    };
    for runner in [None, Some("runner-2")] {
        let mut state = due();
        assert_eq!(codes(&state, &lose(Some("runner-3"))), ["nothing-due"]);
        let late = checked(&state, "runner-1", true);
        happen(&mut state, &lose(runner));
        assert!(is_wanted(&state, "production"), "the gate there misses the check");
        assert_eq!(codes(&state, &lose(runner)), ["nothing-due"]);
        assert_eq!(codes(&state, &Command::Report(Box::new(late))), ["nothing-due"]);
        assert_eq!(outstanding(&state, "runner-1"), []);
    }
}

#[test]
fn checks_end_with_a_runner_that_the_root_no_longer_names() {
    let state = due();
    let runners = |names: &[&str]| names.iter().map(|runner| name(runner)).collect();
    assert_eq!(super::without(&state.check, &runners(&["runner-1", "runner-2"])), []);
    assert_eq!(super::without(&state.check, &runners(&["runner-1"])).len(), 1);
}

#[test]
fn checks_of_a_release_that_was_replaced_are_forgotten() {
    let mut state = due();
    let late = checked(&state, "runner-1", true);
    // The same artifact again, under a new number.
    let mut again = run(false);
    (again.take.run, again.seed, again.again) = (id(60).into(), id(8), Some(true));
    again.checks = BTreeMap::from([(name("api"), BTreeMap::from([(name("smoke"), [].into())]))]);
    happen(&mut state, &Command::Run(Box::new(again)));
    for work in [Work::Step(name("build")), Work::Artifact(name("api"))] {
        for runner in ["runner-1", "runner-2"] {
            let report = report(&state, runner, work.clone(), "manifest");
            happen(&mut state, &Command::Report(Box::new(report)));
        }
    }
    let bring = |state: &mut State, environment: &str| {
        happen(state, &propose(environment));
        happen(state, &verdict(environment, 2, 1, GateOutcome::Pass));
        happen(state, &agent_report(environment, 2, ReleaseOutcome::Running));
    };
    bring(&mut state, "dev");
    assert!(!is_wanted(&state, "staging"), "dev is checked now, and staging waits for it");
    for runner in ["runner-1", "runner-2"] {
        let report = checked_at(&state, runner, "dev");
        happen(&mut state, &Command::Report(Box::new(report)));
    }
    assert!(is_wanted(&state, "staging"));
    bring(&mut state, "staging");
    assert_eq!(outstanding(&state, "runner-1"), [smoke(2)]);
    assert_eq!(codes(&state, &Command::Report(Box::new(late))), ["nothing-due"]);
}

fn checked_at(state: &State, runner: &str, environment: &str) -> Report {
    let checks = state.check.at(&place(environment)).unwrap();
    let due = checks.outstanding().find(|due| due.runner == name(runner)).unwrap().clone();
    Report { nonce: due.nonce, work: due.work, ..checked(state, runner, true) }
}

#[test]
fn a_rollback_is_checked_too_and_goes_no_further() {
    let mut state = due();
    for runner in ["runner-1", "runner-2"] {
        let report = checked(&state, runner, true);
        happen(&mut state, &Command::Report(Box::new(report)));
    }
    happen(&mut state, &propose("production"));
    // Another artifact replaces it, and a person goes back.
    crate::flow_tests::run_again(&mut state, 61, 2, "second", Some(false));
    let Command::Propose(mut second) = propose("dev") else { return };
    second.artifact = digest("second");
    happen(&mut state, &Command::Propose(second));
    happen(&mut state, &verdict("dev", 2, 1, GateOutcome::Pass));
    happen(&mut state, &crate::flow_tests::reported("dev", 2, "second", 2, ReleaseOutcome::Running));
    let Command::Propose(mut second) = propose("staging") else { return };
    second.artifact = digest("second");
    happen(&mut state, &Command::Propose(second));
    happen(&mut state, &verdict("staging", 2, 1, GateOutcome::Pass));
    happen(&mut state, &crate::flow_tests::reported("staging", 2, "second", 2, ReleaseOutcome::Running));
    assert!(state.check.at(&place("staging")).is_none(), "the second declares no checks");
    happen(
        &mut state,
        &Command::Rollback(Rollback {
            place: place("staging"),
            from: digest("second"),
            to: digest("manifest"),
            release: Some(1),
            ends: true,
            person: bob(),
            request: digest("rollback"),
        }),
    );
    let before = is_wanted(&state, "production");
    happen(&mut state, &agent_report("staging", 3, ReleaseOutcome::Running));
    assert_eq!(outstanding(&state, "runner-2"), [smoke(3)]);
    for runner in ["runner-1", "runner-2"] {
        let report = checked(&state, runner, true);
        happen(&mut state, &Command::Report(Box::new(report)));
    }
    assert_eq!(is_wanted(&state, "production"), before, "a rollback concerns its own place only");
}

/// An agent that later refuses a release still runs the checked one.
#[test]
fn what_is_refused_later_leaves_the_checks() {
    let mut state = due();
    crate::flow_tests::run_again(&mut state, 62, 3, "third", Some(false));
    let Command::Propose(mut third) = propose("dev") else { return };
    third.artifact = digest("third");
    happen(&mut state, &Command::Propose(third));
    happen(&mut state, &verdict("dev", 2, 1, GateOutcome::Pass));
    happen(&mut state, &crate::flow_tests::reported("dev", 2, "third", 3, ReleaseOutcome::Running));
    let Command::Propose(mut third) = propose("staging") else { return };
    third.artifact = digest("third");
    happen(&mut state, &Command::Propose(third));
    happen(&mut state, &verdict("staging", 2, 1, GateOutcome::Pass));
    let mut refused = crate::flow_tests::reported("staging", 2, "third", 3, ReleaseOutcome::Refused);
    if let Command::AgentReport(report) = &mut refused {
        let running = evidence::report::Running::of(digest("manifest"), crate::scenario::commit(1));
        report.report.running = Some(running);
    }
    happen(&mut state, &refused);
    let checks = state.check.at(&place("staging")).unwrap();
    assert_eq!((checks.release, checks.report), (1, digest("report staging 1")));
    assert_eq!(outstanding(&state, "runner-1"), [smoke(1)]);
}
