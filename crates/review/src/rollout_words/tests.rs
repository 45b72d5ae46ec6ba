//! Words about rollouts, from views.
#![allow(clippy::unwrap_used, reason = "test code")]

use evidence::observations::{RolloutEnd, VerdictOfStep};
use evidence::{Digest, Id, Moment};
use wire::{
    NamedPerson, OrderAnswer, OrderView, PendingReleaseView, PlaceView, RolloutHold, RolloutNow, RolloutView,
    ServiceView,
};

use super::{line, now, order, request, settings, stage};

fn at(second: u64) -> Moment {
    Moment::from_millis(1_796_000_000_000 + second * 1_000).unwrap()
}

fn told(hold: RolloutHold) -> RolloutNow {
    RolloutNow {
        release: 2,
        plan: Digest::of(b"plan"),
        at: at(60),
        step: 2,
        percent: 25,
        since: at(0),
        hold,
        left_ms: None,
        reasons: Vec::new(),
        probes: Some(true),
        end: None,
        order: None,
        measures: Vec::new(),
        curve: Vec::new(),
    }
}

/// A place whose release 2 has passed its first step, and what its agent tells now.
fn place(now: Option<RolloutNow>) -> PlaceView {
    let seen = RolloutView {
        step: 1,
        percent: 5,
        began: at(0),
        verdict: VerdictOfStep::Go,
        reasons: Vec::new(),
        entry: 9,
    };
    let person: Id = Id::from_random([3; 16]);
    let order = OrderView {
        entry: 12,
        request: Digest::of(b"request"),
        step: 3,
        order: None,
        by: NamedPerson { person: person.into(), name: Some("Bob".to_owned()) },
    };
    let open = PendingReleaseView {
        release: 2,
        artifact: Digest::of(b"artifact"),
        commit: "11".repeat(20).parse().unwrap(),
        run: Id::from_random([7; 16]).into(),
        stage: "due".parse().unwrap(),
        approvals: 0,
        rejections: 0,
        approvals_expire: None,
        rollout: Some(seen),
        order: Some(order),
    };
    let service = ServiceView { rollout: now, ..ServiceView::default() };
    let mut view = crate::place_state::tests::place();
    (view.open, view.service) = (Some(open), Some(service));
    view
}

#[test]
fn what_an_agent_tells_now_counts_before_what_it_observed() {
    let observed = "step 1 with 5% of the requests since 2026-11-30T00:53:20.000Z: go";
    assert_eq!(line(&place(None)).unwrap(), observed);
    let watched = RolloutNow { left_ms: Some(41_200), ..told(RolloutHold::Waits) };
    assert_eq!(
        line(&place(Some(watched))).unwrap(),
        "step 2 with 25% of the requests is watched for 42 s more"
    );
    let undecided =
        RolloutNow { reasons: vec!["errors: 3 of 20 samples".into()], ..told(RolloutHold::Undecided) };
    let said = "step 2 with 25% of the requests is undecided: errors: 3 of 20 samples";
    assert_eq!(line(&place(Some(undecided))).unwrap(), said);
    let other = RolloutNow { release: 1, ..told(RolloutHold::Asks) };
    assert_eq!(line(&place(Some(other))).unwrap(), observed, "it is about another release");
    let over = RolloutNow { end: Some(RolloutEnd::Done), ..told(RolloutHold::Asks) };
    assert_eq!(now(&place(Some(over))), None);
}

#[test]
fn a_step_that_waits_for_a_person_says_the_command() {
    let view = place(Some(told(RolloutHold::Asks)));
    let command = "waits for you: countersign rollout promote shop/api/dev";
    assert_eq!(request(&view).unwrap(), command);
    let said = format!("step 2 with 25% of the requests passed and {command}");
    assert_eq!(line(&view).unwrap(), said);
    assert_eq!(stage(&told(RolloutHold::Asks), &view.place), said);
    assert_eq!(request(&place(Some(told(RolloutHold::Waits)))), None);
}

/// The line of a step that may not begin yet does not change from second to second, as its reason does.
#[test]
fn a_step_that_waits_for_its_windows_names_them() {
    let why = "2026-11-30T01:00:00.000Z is outside the windows of shop/api/dev";
    let now = RolloutNow { reasons: vec![why.to_owned()], ..told(RolloutHold::Refused) };
    let view = place(Some(now.clone()));
    let said = format!("step 2 with 25% of the requests passed, and the next one may not begin yet: {why}");
    assert_eq!(line(&view).unwrap(), said);
    let steady = "step 2 with 25% of the requests passed, and the next one may not begin yet; see countersign rollout show shop/api/dev";
    assert_eq!(stage(&now, &view.place), steady);
}

#[test]
fn an_order_tells_what_became_of_it() {
    let answered = |request: &[u8], against: Vec<domain::Reason>| {
        let answer = OrderAnswer { request: Digest::of(request), at: at(30), against };
        place(Some(RolloutNow { order: Some(answer), ..told(RolloutHold::Undecided) }))
    };
    let began = "Bob ordered to begin step 3 (entry 12)";
    let waits = format!("{began}: its agent has not answered yet");
    assert_eq!(order(&place(None)).unwrap(), waits);
    assert_eq!(order(&answered(b"older", Vec::new())).unwrap(), waits);
    let done = answered(b"request", Vec::new());
    assert_eq!(order(&done).unwrap(), format!("{began}: carried out at 2026-11-30T00:53:50.000Z"));
    assert!(!line(&done).unwrap().contains("ordered"));
    let against = domain::Reason::new("role-missing", "Bob is no release-manager here", "ask for it again");
    let dropped = answered(b"request", vec![against]);
    let said =
        format!("{began}: not carried out: role-missing: Bob is no release-manager here; ask for it again");
    assert_eq!(order(&dropped).unwrap(), said);
    assert!(line(&dropped).unwrap().ends_with(&said));
}

#[test]
fn the_settings_behind_numbers_are_named() {
    let few = "at step 1 of 2: undecided for 1 h, at most 1 h; errors: 3 requests over 5 min, 100 are needed";
    let said = settings(few);
    for part in ["`limit`", "`samples`", "`budget.errors`"] {
        assert!(said.contains(part), "{said}");
    }
    let worse = "errors: 9 of 20 with the new release, 0 of 20 with the old one; odds against chance 2^14, 2^9 are needed";
    assert!(settings(worse).contains("`comparison`"), "{}", settings(worse));
    assert!(settings("query queue: 7, at most 5").ends_with("of each query in `prometheus`"));
    assert!(settings("something new").ends_with("`budget`, `comparison` and `limit`"));
}
