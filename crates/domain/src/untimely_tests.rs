//! Given a release that comes at the wrong time, when its time has come, then it is tried again, once, and nothing else is.

use evidence::report::ReleaseOutcome;

use crate::flow_tests::{NOTHING, reported, standing, wanted};
use crate::gate::GateOutcome as Verdict;
use crate::release::{Promote, Promoted, Retry, Rollback, Stage, TimeHold, UNTIMELY};
use crate::scenario::{
    at, bob, built, codes, deliver, digest, happen, id, place, propose, proposed, verdict,
};
use crate::{Command, State};

fn retry(environment: &str) -> Command {
    Command::Retry(Retry { place: place(environment) })
}

/// A state in which production's release was promoted and got this verdict.
fn held(outcome: Verdict, code: &str) -> State {
    let mut state = proposed();
    let promoted = Promoted { place: place("production"), release: 1, person: bob(), request: digest("p") };
    happen(&mut state, &Command::Promote(Promote { promoted, artifact: None }));
    let Command::RecordVerdict(mut held) = verdict("production", 1, 1, outcome) else { unreachable!() };
    held.judged.reasons = vec![code.into()];
    happen(&mut state, &Command::RecordVerdict(held));
    state
}

#[test]
fn what_a_gate_held_for_the_time_is_judged_again() {
    for code in UNTIMELY {
        for outcome in [Verdict::Fail, Verdict::Undecided] {
            let mut state = held(outcome, code);
            let hold = standing(&state, "production").waits_for_time().unwrap();
            assert_eq!(hold.moment, at(10), "{code}");
            assert!(hold.entry < state.entries);
            happen(&mut state, &retry("production"));
            let now = standing(&state, "production");
            assert_eq!(now.open.as_ref().unwrap().stage, Stage::Judging);
            assert_eq!(now.waits_for_time(), None, "once");
            assert_eq!(codes(&state, &retry("production")), ["nothing-frozen"]);
            happen(&mut state, &verdict("production", 1, 2, Verdict::Pass));
            assert!(matches!(standing(&state, "production").open.unwrap().stage, Stage::Due(_)));
        }
    }
    let other = held(Verdict::Fail, "approvals-missing");
    assert_eq!(standing(&other, "production").waits_for_time(), None);
    assert_eq!(codes(&other, &retry("production")), ["nothing-frozen"]);
    let passed = held(Verdict::Pass, "window-closed");
    assert_eq!(standing(&passed, "production").waits_for_time(), None, "it goes ahead");
}

#[test]
fn what_an_agent_refused_for_the_time_is_wanted_again() {
    let mut state = built();
    deliver(&mut state, "dev");
    happen(&mut state, &propose("staging"));
    happen(&mut state, &verdict("staging", 1, 1, Verdict::Pass));
    let mut refused = reported("staging", 1, "manifest", 1, ReleaseOutcome::Refused);
    if let Command::AgentReport(report) = &mut refused {
        report.report.reasons = vec!["window-closed".into()];
    }
    happen(&mut state, &refused);
    assert_eq!(wanted(&state), NOTHING);
    let hold = standing(&state, "staging").waits_for_time().unwrap();
    assert_eq!(hold, TimeHold { entry: state.entries - 1, moment: at(10) });
    happen(&mut state, &retry("staging"));
    assert_eq!(wanted(&state)[1].1, Some(id(50).into()));
    assert_eq!(standing(&state, "staging").waits_for_time(), None, "once");
}

#[test]
fn what_was_rolled_back_does_not_come_back_when_its_time_has_come() {
    let mut state = held(Verdict::Fail, "window-closed");
    assert!(standing(&state, "production").waits_for_time().is_some());
    // Nothing ran at production before, so a rollback there is refused; in staging, where it runs, it bars nothing here.
    let (place, request) = (place("production"), digest("rollback"));
    let rollback = Rollback {
        place,
        from: digest("manifest"),
        to: digest("manifest"),
        release: Some(1),
        ends: true,
        person: bob(),
        request,
    };
    assert!(!codes(&state, &Command::Rollback(rollback)).is_empty());
    state.release.wanted(&crate::release::Wanted {
        place: crate::scenario::place("production"),
        artifact: digest("second"),
        run: id(51).into(),
    });
    happen(&mut state, &retry("production"));
    assert_eq!(standing(&state, "production").wanted.unwrap().artifact, digest("second"), "it stays wanted");
}
