//! Given a rollback that an agent carried out by hand while the server was away, when the agent reports it, then it is recorded as it
//! happened, and nothing undoes it.

use evidence::report::ReleaseOutcome;

use crate::flow_tests::{NOTHING, go_back, reported, run_again, standing, third, wanted};
use crate::gate::GateOutcome as Verdict;
use crate::release::{LEAP_MAX, ReportByHand};
use crate::scenario::{bob, codes, digest, happen, propose, verdict};
use crate::{Command, State};

/// Bob took the second artifact back at dev, and its agent went to the first one.
fn by_hand(number: u64, to: &str, outcome: ReleaseOutcome) -> Command {
    let Command::AgentReport(report) = reported("dev", number, to, 1, outcome) else { unreachable!() };
    Command::ReportByHand(Box::new(ReportByHand {
        report: report.report,
        envelope: report.envelope,
        from: digest("second"),
        person: bob(),
        request: digest("request"),
        enrolment: digest("enrolment"),
    }))
}

/// Commit 3 is due at dev, and its agent has heard nothing of it.
fn due() -> (State, u64) {
    let (mut state, number) = third();
    happen(&mut state, &verdict("dev", number, 1, Verdict::Pass));
    (state, number)
}

#[test]
fn it_ends_what_was_due_and_no_run_brings_back_what_it_took_away() {
    let (mut state, number) = due();
    happen(&mut state, &by_hand(1_003, "manifest", ReleaseOutcome::Running));
    let now = standing(&state, "dev");
    let running = now.running.clone().unwrap();
    assert_eq!((running.artifact, running.release, now.highest), (digest("manifest"), 1_003, 1_003));
    assert_eq!((now.open.as_ref(), now.returning.as_ref(), now.returned), (None, None, Some(1_003)));
    assert!(now.bars(&digest("second")));
    assert_eq!(
        wanted(&state),
        NOTHING.to_vec(),
        "the release that was due is not wanted, and nothing goes on to staging"
    );
    // The agent asks for nothing that was due before.
    let late = reported("dev", number, "third", 3, ReleaseOutcome::Running);
    assert_eq!(codes(&state, &late), ["nothing-due"]);
    assert_eq!(codes(&state, &by_hand(1_003, "manifest", ReleaseOutcome::Running)), ["number-taken"]);
    run_again(&mut state, 54, 2, "second", Some(false));
    assert_eq!(standing(&state, "dev").wanted, None, "the next run of the same commit changes nothing");
    // A person who asks for it gets it, under a number above.
    run_again(&mut state, 55, 2, "second", Some(true));
    let Command::Propose(mut again) = propose("dev") else { unreachable!() };
    again.artifact = digest("second");
    happen(&mut state, &Command::Propose(again));
    assert_eq!(standing(&state, "dev").open.unwrap().facts.release, 1_004);
    assert_eq!(state.misfits, 0);
}

#[test]
fn a_target_that_did_not_come_up_ends_what_was_due_as_well_and_bars_nothing() {
    let (mut state, _) = due();
    let Command::ReportByHand(mut failed) = by_hand(1_003, "manifest", ReleaseOutcome::Returned) else {
        return;
    };
    failed.report.running = Some(evidence::report::Running::of(digest("second"), crate::scenario::commit(2)));
    happen(&mut state, &Command::ReportByHand(failed));
    let now = standing(&state, "dev");
    assert_eq!(now.running.as_ref().map(|running| running.artifact), Some(digest("second")));
    assert!(now.open.is_none() && !now.bars(&digest("second")));
    assert_eq!(state.misfits, 0);
}

#[test]
fn attack_a_report_by_hand_takes_no_number_and_no_artifact_that_cannot_be() {
    let (mut state, number) = due();
    let running = ReleaseOutcome::Running;
    assert_eq!(codes(&state, &by_hand(number, "manifest", running)), ["number-taken"]);
    let far = number + LEAP_MAX + 1;
    assert_eq!(codes(&state, &by_hand(far, "manifest", running)), ["number-unbelievable"]);
    assert_eq!(codes(&state, &by_hand(1_003, "unknown", running)), ["return-differs"]);
    let Command::ReportByHand(mut elsewhere) = by_hand(1_003, "manifest", running) else { return };
    elsewhere.report.environment = crate::scenario::name("nowhere");
    let said = codes(&state, &Command::ReportByHand(elsewhere));
    assert!(said.contains(&"environment-unknown".to_owned()), "{said:?}");
    // A rollback that the server has given out is done and reported first.
    happen(&mut state, &go_back("dev", "third", "second", 2));
    assert_eq!(codes(&state, &by_hand(1_003, "manifest", running)), ["already-promoted"]);
    assert_eq!(state.misfits, 0);
}
