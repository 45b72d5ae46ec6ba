//! Given a run, when runners report and people agree, then the next steps are due or the run ends.

use evidence::receipt::Work;

use super::{Agree, Cancel, RunOutcome};
use crate::scenario::{alice, bob, codes, digest, founded, happen, id, name, report, run, run_id};
use crate::{Command, Event, State};

fn started(with_node: bool) -> State {
    let mut state = founded();
    happen(&mut state, &Command::Run(Box::new(run(with_node))));
    state
}

fn step() -> Work {
    Work::Step(name("build"))
}

#[test]
fn every_runner_does_every_step_under_a_nonce_of_its_own() {
    let state = started(false);
    let due = |runner: &str| state.build.outstanding(&name(runner)).cloned().collect::<Vec<_>>();
    let (first, second) = (due("runner-1"), due("runner-2"));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0].nonce, second[0].nonce);
    assert!(due("runner-3").is_empty());
}

/// A run whose end could not be recorded is not started.
#[test]
fn a_pipeline_that_does_not_fit_an_entry_is_refused() {
    let steps = |count: u32, needs: u32| {
        let step = |n: u32| name(&format!("a-step-with-a-name-that-is-as-long-as-people-make-them-{n}"));
        let plan = |n: u32| super::StepPlan {
            needs: (0..n.min(needs)).map(step).collect(),
            approval: None,
            apart: false,
        };
        (0..count).map(|n| (step(n), plan(n))).collect()
    };
    let asked = |steps, runners: u32| {
        let mut asked = run(false);
        asked.steps = steps;
        asked.runners = (0..runners).map(|n| name(&format!("runner-{n}"))).collect();
        codes(&founded(), &Command::Run(Box::new(asked)))
    };
    assert_eq!(asked(steps(128, 4), 5), Vec::<String>::new());
    assert_eq!(asked(steps(128, 4), 6), ["pipeline-too-large"]);
    assert_eq!(asked(steps(128, 10), 2), ["pipeline-too-large"]);
}

#[test]
fn an_artifact_is_due_once_all_runners_passed_all_steps() {
    let mut state = started(false);
    let first = report(&state, "runner-1", step(), "");
    happen(&mut state, &Command::Report(Box::new(first)));
    assert_eq!(state.build.outstanding(&name("runner-1")).count(), 0, "the other one is not done yet");
    let second = report(&state, "runner-2", step(), "");
    let receipt = second.receipt;
    happen(&mut state, &Command::Report(Box::new(second)));
    let second = name("runner-2");
    let due = state.build.outstanding(&second).next().unwrap();
    assert_eq!(due.work, Work::Artifact(name("api")));
    assert_eq!(due.needs[&name("build")], receipt, "its own receipt, not the other runner's");
}

#[test]
fn a_report_counts_once_and_only_for_what_was_due() {
    let mut state = started(false);
    let honest = report(&state, "runner-1", step(), "");
    let mut stray = honest.clone();
    stray.nonce = id(99);
    assert_eq!(codes(&state, &Command::Report(Box::new(stray))), ["nothing-due"]);
    let mut others = honest.clone();
    others.runner = name("runner-2");
    others.commit = crate::scenario::commit(9);
    others.pipeline = digest("another");
    let differs = ["receipt-differs", "receipt-differs", "receipt-differs"];
    assert_eq!(codes(&state, &Command::Report(Box::new(others))), differs);
    happen(&mut state, &Command::Report(Box::new(honest.clone())));
    assert_eq!(codes(&state, &Command::Report(Box::new(honest))), ["already-reported"]);
}

/// The requester draws the run's id. It must not replace the run of another person.
#[test]
fn a_run_that_is_known_is_not_begun_again() {
    let again = Command::Run(Box::new(run(false)));
    assert_eq!(codes(&started(false), &again), ["run-taken"]);
    assert_eq!(codes(&crate::scenario::built(), &again), ["run-taken"], "it has ended, and may be released");
}

#[test]
fn a_failed_step_ends_the_run_and_its_source_leaves_the_state() {
    let mut state = started(false);
    let mut failed = report(&state, "runner-2", step(), "");
    failed.passed = false;
    happen(&mut state, &Command::Report(Box::new(failed)));
    assert!(state.build.run(run_id()).is_none() && state.source.of(run_id()).is_none());
}

#[test]
fn a_runner_that_the_root_no_longer_names_ends_the_runs_that_wait_for_it() {
    let state = started(false);
    let root = |runners: &[&str]| {
        let Some(Event::Rooted(root)) = crate::scenario::people().into_iter().next() else { panic!() };
        let root = crate::identity::Rooted { version: 2, ..root };
        let runners = runners.iter().map(|runner| name(runner)).collect();
        Command::SetRoot(crate::identity::SetRoot { root, runners, issued: crate::scenario::at(9) })
    };
    let mut same = state.clone();
    happen(&mut same, &root(&["runner-1", "runner-2", "runner-3"]));
    assert!(same.build.run(run_id()).is_some(), "another runner more changes nothing");
    let mut fewer = state;
    happen(&mut fewer, &root(&["runner-1", "runner-3"]));
    assert!(fewer.build.run(run_id()).is_none() && fewer.source.of(run_id()).is_none());
    assert_eq!(fewer.misfits, 0);
}

#[test]
fn a_run_is_cancelled_by_whose_change_it_is_or_who_works_on_the_project() {
    let state = started(true);
    let cancel =
        |person| Command::Cancel(Cancel { run: run_id(), commit: crate::scenario::commit(1), person });
    assert_eq!(codes(&state, &cancel(id(77).into())), ["role-missing"]);
    let other = Cancel { run: run_id(), commit: crate::scenario::commit(9), person: alice() };
    assert_eq!(codes(&state, &Command::Cancel(other)), ["commit-differs"]);
    for person in [alice(), bob()] {
        let mut state = state.clone();
        happen(&mut state, &cancel(person));
        assert!(state.build.run(run_id()).is_none() && state.source.of(run_id()).is_none());
        assert_eq!(state.build.outstanding(&name("runner-1")).count(), 0);
        assert_eq!(codes(&state, &cancel(person)), ["no-such-run"]);
        assert_eq!(state.misfits, 0);
    }
}

#[test]
fn an_approval_node_waits_for_people_other_than_the_author() {
    let mut state = started(true);
    let agree = |person| {
        Command::Agree(Agree {
            run: run_id(),
            step: name("sign-off"),
            commit: crate::scenario::commit(1),
            person,
            request: digest("agreement"),
            solo: false,
        })
    };
    assert_eq!(codes(&state, &agree(bob())), ["too-early"]);
    for runner in ["runner-1", "runner-2"] {
        let report = report(&state, runner, step(), "");
        happen(&mut state, &Command::Report(Box::new(report)));
    }
    assert_eq!(state.build.outstanding(&name("runner-1")).count(), 0, "nobody agreed yet");
    assert_eq!(codes(&state, &agree(alice())), ["own-change"]);
    assert_eq!(codes(&state, &agree(id(77).into())), ["role-missing"]);
    let Command::Agree(mut other) = agree(bob()) else { return };
    other.commit = crate::scenario::commit(9);
    assert_eq!(codes(&state, &Command::Agree(other)), ["commit-differs"]);
    let Command::Agree(mut alone) = agree(alice()) else { return };
    alone.solo = true;
    assert_eq!(codes(&state, &Command::Agree(alone)), [""; 0], "alone there is nobody else");
    happen(&mut state, &agree(bob()));
    assert_eq!(state.build.outstanding(&name("runner-1")).count(), 1, "the artifact");
    assert_eq!(codes(&state, &agree(bob())), ["already-agreed"]);
}

#[test]
fn runners_whose_artifacts_differ_end_the_run() {
    let mut state = started(false);
    for runner in ["runner-1", "runner-2"] {
        let report = report(&state, runner, step(), "");
        happen(&mut state, &Command::Report(Box::new(report)));
    }
    let work = Work::Artifact(name("api"));
    let first = report(&state, "runner-1", work.clone(), "one");
    happen(&mut state, &Command::Report(Box::new(first)));
    let second = report(&state, "runner-2", work.clone(), "another");
    let mut probe = state.clone();
    let decided =
        crate::decide(&state, &Command::Report(Box::new(second.clone())), crate::scenario::at(10)).unwrap();
    decided.iter().for_each(|event| probe.apply(event, crate::scenario::at(10)));
    let concluded = crate::scenario::concluded(&probe);
    assert!(
        matches!(&concluded[..], [Event::Ended(ended)] if ended.outcome == RunOutcome::Differed && ended.because == Some(work))
    );
    happen(&mut state, &Command::Report(Box::new(second)));
    assert!(state.build.run(run_id()).is_none());
}

/// `build` on both runners; `publish` gets a secret, and `tell` needs it.
fn with_a_secret() -> State {
    let mut asked = run(false);
    let apart = |need: &str| super::StepPlan { needs: [name(need)].into(), approval: None, apart: true };
    asked.steps.extend([(name("publish"), apart("build")), (name("tell"), apart("publish"))]);
    let mut state = founded();
    happen(&mut state, &Command::Run(Box::new(asked)));
    state
}

fn due_on(state: &State, runner: &str) -> Vec<String> {
    state.build.outstanding(&name(runner)).map(|due| due.work.label()).collect()
}

#[test]
fn attack_a_step_with_a_secret_is_due_on_one_runner_alone() {
    let mut state = with_a_secret();
    let both = |state: &State| [due_on(state, "runner-1"), due_on(state, "runner-2")];
    let done = |state: &mut State, runner: &str, step: &str| {
        let report = report(state, runner, Work::Step(name(step)), "");
        happen(state, &Command::Report(Box::new(report)));
    };
    assert_eq!(both(&state), [["build"], ["build"]]);
    done(&mut state, "runner-1", "build");
    assert_eq!(both(&state), [vec![], vec!["build".to_owned()]], "the others are not done yet");
    done(&mut state, "runner-2", "build");
    assert_eq!(both(&state), [vec!["publish".to_owned()], vec![]], "the first one that was chosen");
    done(&mut state, "runner-1", "publish");
    assert_eq!(both(&state), [vec!["tell".to_owned()], vec![]], "what needs it is for the same runner");
    done(&mut state, "runner-1", "tell");
    assert_eq!(both(&state), [["api"], ["api"]], "each runner puts the artifact together");
    for runner in ["runner-1", "runner-2"] {
        let runner = name(runner);
        let due = state.build.outstanding(&runner).next().unwrap();
        assert_eq!(due.needs.keys().collect::<Vec<_>>(), [&name("build")], "nothing of a step with a secret");
    }
    assert_eq!(state.misfits, 0);
}

/// Bytes of entries and snapshots from before the field stay.
#[test]
fn a_plan_without_secrets_is_written_as_before() {
    let plan = super::StepPlan { needs: [].into(), approval: None, apart: false };
    assert_eq!(serde_json::to_string(&plan).unwrap(), r#"{"needs":[]}"#);
    let apart = super::StepPlan { apart: true, ..plan };
    assert_eq!(serde_json::to_string(&apart).unwrap(), r#"{"needs":[],"apart":true}"#);
}
