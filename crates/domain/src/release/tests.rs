//! Given an artifact, when it is proposed, judged and reported, then it moves from place to place.

use evidence::Digest;
use evidence::report::ReleaseOutcome;
use evidence::request::AdvanceDo;

use super::{Advance, AdvanceRequested, Promote, Promoted, Rollback, RollbackRequested, Stage};
use crate::gate::GateOutcome as Verdict;
use crate::identity::StatusSet;
use crate::ids::PersonId;
use crate::scenario::{
    agent_report, alice, at, bob, built, codes, deliver, digest, environments, happen, id, place, propose,
    proposed, verdict,
};
use crate::{Command, Event};

fn promote(person: PersonId, release: u64) -> Command {
    let promoted = Promoted { place: place("production"), release, person, request: digest("promotion") };
    Command::Promote(Promote { promoted, artifact: Some(digest("manifest")) })
}

fn rollback(environment: &str) -> Command {
    let (from, to) = (digest("manifest"), digest("before"));
    let (place, request) = (place(environment), digest("return"));
    Command::Rollback(Rollback { place, from, to, release: None, ends: false, person: bob(), request })
}

#[test]
fn an_artifact_moves_on_by_itself_as_far_as_it_may() {
    let mut state = built();
    deliver(&mut state, "dev");
    assert!(state.release.at(&place("staging")).unwrap().wanted.is_some(), "staging comes after dev");
    deliver(&mut state, "staging");
    happen(&mut state, &propose("production"));
    let open = state.release.at(&place("production")).unwrap().open.clone().unwrap();
    assert_eq!((open.stage, open.facts.release), (Stage::Proposed, 1), "production waits for people");
    assert_eq!(open.facts.base, crate::scenario::commit(0), "the baseline, since nothing runs there");
}

#[test]
fn a_person_with_the_role_promotes_what_stands_open() {
    let mut state = proposed();
    assert_eq!(codes(&state, &promote(bob(), 2)), ["no-such-release"]);
    assert_eq!(codes(&state, &promote(id(77).into(), 1)), ["role-missing"]);
    let Command::Promote(mut other) = promote(bob(), 1) else { return };
    other.artifact = Some(digest("another artifact"));
    assert_eq!(codes(&state, &Command::Promote(other.clone())), ["promotion-differs"]);
    happen(&mut state, &promote(alice(), 1));
    assert_eq!(codes(&state, &promote(bob(), 1)), ["already-promoted"]);
    assert_eq!(codes(&state, &Command::Promote(other)), ["promotion-differs", "already-promoted"]);
    happen(&mut state, &verdict("production", 1, 1, Verdict::Fail));
    let stage =
        |state: &crate::State| state.release.at(&place("production")).unwrap().open.as_ref().unwrap().stage;
    assert_eq!(stage(&state), Stage::Held);
    happen(&mut state, &promote(bob(), 1));
    happen(&mut state, &verdict("production", 1, 2, Verdict::Pass));
    assert_eq!(stage(&state), Stage::Due(digest("bundle")));
}

#[test]
fn could_not_decide_is_never_a_pass() {
    let mut state = proposed();
    happen(&mut state, &promote(alice(), 1));
    happen(&mut state, &verdict("production", 1, 1, Verdict::Undecided));
    assert_eq!(codes(&state, &agent_report("production", 1, ReleaseOutcome::Running)), ["nothing-due"]);
}

#[test]
fn a_report_counts_only_for_what_is_due() {
    let mut state = built();
    assert_eq!(codes(&state, &agent_report("dev", 1, ReleaseOutcome::Running)), ["nothing-due"]);
    happen(&mut state, &propose("dev"));
    happen(&mut state, &verdict("dev", 1, 1, Verdict::Pass));
    assert_eq!(codes(&state, &agent_report("dev", 2, ReleaseOutcome::Running)), ["nothing-due"]);
    happen(&mut state, &agent_report("dev", 1, ReleaseOutcome::Failed));
    let standing = state.release.at(&place("dev")).unwrap();
    assert!(standing.running.is_none() && standing.open.is_none());
    assert!(state.release.at(&place("staging")).is_none(), "what does not run goes nowhere");
}

#[test]
fn numbers_rise_and_a_newer_proposal_takes_the_place_of_one_that_waits() {
    let mut state = proposed();
    let Some(Command::SetEnvironment(mut amended)) = environments().pop() else { return };
    amended.environment.number = 2;
    happen(&mut state, &Command::SetEnvironment(amended));
    assert!(
        state.release.at(&place("production")).unwrap().wanted.is_some(),
        "planned anew under the new statement"
    );
    assert_eq!(codes(&state, &propose("production")), ["proposal-stale"], "the plan is of the old statement");
    let Command::Propose(mut again) = propose("production") else { return };
    again.statement = 2;
    happen(&mut state, &Command::Propose(again));
    assert_eq!(state.release.at(&place("production")).unwrap().open.as_ref().unwrap().facts.release, 2);
}

#[test]
fn what_cannot_be_planned_says_so_and_is_wanted_no_more() {
    let mut state = built();
    let Command::Propose(mut failed) = propose("dev") else { return };
    failed.plan = Err("plan-underivable".into());
    happen(&mut state, &Command::Propose(failed));
    let standing = state.release.at(&place("dev")).unwrap();
    assert!(standing.wanted.is_none() && standing.open.is_none());
}

#[test]
fn an_order_about_a_rollout_is_for_the_release_that_is_due() {
    let mut state = proposed();
    let advance = |person: PersonId, release: u64, plan: &str, order| {
        let (place, request) = (place("production"), digest("order"));
        let requested =
            AdvanceRequested { place, release, plan: digest(plan), step: 2, order, person, request };
        Command::Advance(Advance { requested })
    };
    assert_eq!(codes(&state, &advance(bob(), 1, "plan", None)), ["no-rollout"], "it waits for people");
    happen(&mut state, &promote(alice(), 1));
    happen(&mut state, &verdict("production", 1, 1, Verdict::Pass));
    let stranger = id(77).into();
    assert_eq!(codes(&state, &advance(stranger, 1, "plan", None)), ["role-missing"]);
    assert_eq!(codes(&state, &advance(bob(), 2, "plan", None)), ["no-rollout"]);
    assert_eq!(codes(&state, &advance(bob(), 1, "other", None)), ["no-rollout"]);
    let newest = |state: &crate::State| {
        let open = state.release.at(&place("production")).unwrap().open.clone();
        open.and_then(|open| open.advance).map(|(asked, _)| asked.order)
    };
    assert_eq!(newest(&state), None);
    happen(&mut state, &advance(bob(), 1, "plan", Some(AdvanceDo::Pause)));
    assert_eq!(newest(&state), Some(Some(AdvanceDo::Pause)));
    happen(&mut state, &advance(alice(), 1, "plan", None));
    assert_eq!(newest(&state), Some(None), "the newest one is handed out");
    happen(&mut state, &agent_report("production", 1, ReleaseOutcome::Running));
    assert_eq!(newest(&state), None);
    assert_eq!(codes(&state, &advance(bob(), 1, "plan", None)), ["no-rollout"], "it has ended");
}

#[test]
fn there_is_a_return_only_to_what_ran_before() {
    let mut state = proposed();
    assert_eq!(codes(&state, &rollback("dev")), ["nothing-before"]);
    assert_eq!(codes(&state, &rollback("production")), ["nothing-before", "return-differs"]);
    happen(&mut state, &promote(alice(), 1));
    assert_eq!(
        codes(&state, &rollback("production")),
        ["nothing-before", "return-differs", "already-promoted"]
    );
}

#[test]
fn a_return_by_somebody_whose_enrolment_was_withdrawn_holds_up_nothing() {
    let mut state = built();
    let (place, artifact, request) = (place("dev"), digest("before"), digest("return"));
    let returning = RollbackRequested {
        place: place.clone(),
        release: 2,
        artifact,
        person: bob(),
        request,
        from: None,
        course: None,
        by_hand: None,
    };
    state.apply(&Event::RollbackRequested(returning), at(10));
    for (number, person, is_free) in [(1, 1, false), (2, 2, true)] {
        let status = StatusSet {
            number,
            base: digest("base"),
            base_number: 1,
            file: digest("file"),
            expires: at(900),
            minimum_root: 1,
            revoked: Vec::new(),
            withdrawn: vec![Digest::of(&[person, person])],
            barred: Vec::new(),
            frozen: Vec::new(),
            root: 1,
        };
        state.apply(&Event::StatusSet(status), at(10));
        assert_eq!(state.release.at(&place).unwrap().is_free(), is_free, "person {person}");
    }
    assert_eq!(state.misfits, 0);
}
