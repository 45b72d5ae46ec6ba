//! Given a rollback from a release under way, when the rollback fails, then the release still ends.

use evidence::Digest;
use evidence::report::ReleaseOutcome;

use crate::flow_tests::{NOTHING, go_back, quiet, reported, run_again, standing, third, wanted};
use crate::gate::GateOutcome as Verdict;
use crate::scenario::{at, codes, commit, digest, happen, id, verdict};
use crate::{Command, Event, State};

/// Commit 3 is under way to dev, and a second person asked for a rollback from it.
fn leaving() -> (State, u64) {
    let (mut state, number) = third();
    happen(&mut state, &verdict("dev", number, 1, Verdict::Pass));
    happen(&mut state, &go_back("dev", "third", "second", 2));
    (state, number)
}

/// Before the fix, the server handed the ended release out again once the agent had refused the rollback, and the
/// release went on to staging.
#[test]
fn attack_a_release_under_way_ends_whatever_becomes_of_its_rollback() {
    for outcome in [ReleaseOutcome::Refused, ReleaseOutcome::Returned, ReleaseOutcome::Failed] {
        for runs in [("second", 2), ("third", 3)] {
            let (mut state, number) = leaving();
            assert!(standing(&state, "dev").open.is_some(), "its agent may be at it");
            let Command::AgentReport(mut report) = reported("dev", number + 1, "second", 2, outcome) else {
                return;
            };
            report.report.reasons = vec!["return-stale".into()];
            report.report.running = Some(evidence::report::Running::of(digest(runs.0), commit(runs.1)));
            happen(&mut state, &Command::AgentReport(report));
            let now = standing(&state, "dev");
            assert_eq!((now.open.as_ref(), wanted(&state)), (None, NOTHING.to_vec()), "{outcome:?}");
            assert_eq!(
                codes(&state, &reported("dev", number, "third", 3, ReleaseOutcome::Running)),
                ["nothing-due"],
                "{outcome:?}"
            );
            // The running artifact is named together with the run that built it.
            let run = if runs.1 == 2 { id(52) } else { id(53) };
            let running = now.running.clone().unwrap();
            assert_eq!((running.artifact, running.run), (digest(runs.0), run.into()), "{outcome:?}");
            assert!(now.is_free() && !now.bars(&digest("third")), "{outcome:?}");
            // A person who asks for the release again gets it; nobody else does.
            run_again(&mut state, 54, 3, "third", Some(true));
            assert_eq!(standing(&state, "dev").wanted.unwrap().run, id(54).into(), "{outcome:?}");
        }
    }
}

#[test]
fn attack_a_release_under_way_ends_though_whoever_rolled_back_is_withdrawn() {
    let (mut state, number) = leaving();
    let mut status = quiet(1);
    status.withdrawn = vec![Digest::of(&[2, 2])];
    state.apply(&Event::StatusSet(status), at(10));
    let now = standing(&state, "dev");
    assert_eq!((now.returning.as_ref(), now.open.as_ref()), (None, None));
    assert_eq!(codes(&state, &reported("dev", number, "third", 3, ReleaseOutcome::Running)), ["nothing-due"]);
    assert_eq!((wanted(&state), state.misfits), (NOTHING.to_vec(), 0));
}

/// Before the fix, a request without the number of the previous release barred nothing, and the ended release was
/// proposed again.
#[test]
fn who_ends_what_stands_there_names_the_release_that_comes_back() {
    let (state, _) = third();
    let Command::Rollback(mut back) = go_back("dev", "third", "second", 2) else { return };
    assert_eq!(codes(&state, &Command::Rollback(back.clone())), NONE);
    back.release = None;
    assert_eq!(codes(&state, &Command::Rollback(back)), ["return-differs"]);
}

const NONE: [&str; 0] = [];
