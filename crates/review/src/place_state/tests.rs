//! States of places, from views.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;

use evidence::{Digest, Id, Moment};
use wire::{
    CheckView, MachineView, PendingReleaseView, PlaceView, ReleaseKind, ReleaseView, RunningReleaseView,
    ServiceView, WorkState,
};

use super::PlaceState;

fn commit() -> evidence::CommitId {
    "11".repeat(20).parse().unwrap()
}

/// A place that runs release 1.
pub fn place() -> PlaceView {
    let running = RunningReleaseView {
        artifact: Digest::of(b"artifact"),
        commit: commit(),
        release: 1,
        run: Id::from_random([7; 16]).into(),
        statement: Some(1),
        since: None,
    };
    PlaceView {
        place: "shop/api/dev".parse().unwrap(),
        after: None,
        automatic: true,
        statement: 1,
        envelope: Digest::of(b"statement"),
        entry: None,
        running: Some(running),
        before: None,
        earlier: Vec::new(),
        base: commit(),
        open: None,
        wanted: false,
        last: None,
        releases: vec![release(ReleaseKind::Release, "running")],
        highest: 0,
        rollback: None,
        rolled_back: Vec::new(),
        bars: Vec::new(),
        drift: Vec::new(),
        baseline: Vec::new(),
        frozen: false,
        windows: None,
        previews: None,
        preview: None,
        agents: vec![agent(0)],
        turns: Vec::new(),
        service: None,
        agent_secrets: Vec::new(),
        checks: Vec::new(),
        statements: Vec::new(),
    }
}

fn agent(silent_seconds: u64) -> MachineView {
    MachineView { name: "agent-1".parse().unwrap(), silent_seconds, at_work: false }
}

fn release(kind: ReleaseKind, stage: &str) -> ReleaseView {
    ReleaseView {
        place: "shop/api/dev".parse().unwrap(),
        kind,
        release: Some(1),
        run: Id::from_random([7; 16]).into(),
        artifact: Digest::of(b"artifact"),
        commit: commit(),
        stage: stage.parse().unwrap(),
        outcome: None,
        reasons: Vec::new(),
        warnings: Vec::new(),
        detail: None,
        bundle: None,
        began: 1,
        entry: 2,
        time: Moment::from_millis(1).unwrap(),
        by: None,
        by_rollback: None,
        replaced: false,
    }
}

fn open(stage: &str) -> Option<PendingReleaseView> {
    Some(PendingReleaseView {
        order: None,
        release: 2,
        artifact: Digest::of(b"artifact"),
        commit: commit(),
        run: Id::from_random([8; 16]).into(),
        stage: stage.parse().unwrap(),
        approvals: 0,
        rejections: 0,
        approvals_expire: None,
        rollout: None,
    })
}

fn check(state: WorkState) -> CheckView {
    CheckView { name: "smoke".parse().unwrap(), runner: "runner-1".parse().unwrap(), state }
}

#[test]
fn attack_a_runner_that_withholds_checks_makes_no_place_healthy() {
    let mut view = place();
    view.checks = vec![check(WorkState::Lost)];
    assert_eq!(PlaceState::of(&view), PlaceState::ChecksLost);
    let said = crate::headline::of_overview(
        (0, 0),
        &[("api in production".into(), PlaceState::ChecksLost)],
        (&[], ""),
    );
    assert!(said.contains("api in production was not checked") && !said.contains("healthy"), "{said}");
}

#[test]
fn the_worst_state_is_told() {
    let last = |outcome: &str| {
        Some(wire::LastOutcomeView {
            entry: 1,
            release: 1,
            outcome: outcome.parse().unwrap(),
            reasons: Vec::new(),
            detail: None,
            bundle: None,
        })
    };
    type Change = fn(&mut PlaceView);
    let rows: BTreeMap<PlaceState, Vec<Change>> = [
        (PlaceState::Healthy, vec![(|_| {}) as Change, |view| view.open = open("proposed")]),
        (PlaceState::Nothing, vec![|view| view.running = None]),
        (
            PlaceState::Down,
            vec![|view| {
                view.service = Some(ServiceView { down: Some("x".into()), ..ServiceView::default() })
            }],
        ),
        (PlaceState::Silent, vec![|view| view.agents = vec![agent(31)]]),
        (
            PlaceState::ChecksFailed,
            vec![|view| view.checks = vec![check(WorkState::Due), check(WorkState::Failed)]],
        ),
        (
            PlaceState::ChecksLost,
            vec![|view| view.checks = vec![check(WorkState::Passed), check(WorkState::Lost)], |view| {
                (view.checks, view.frozen) = (vec![check(WorkState::Lost)], true)
            }],
        ),
        (
            PlaceState::RolledBack,
            vec![
                |view| view.releases.insert(0, release(ReleaseKind::Release, "returned")),
                |view| view.releases.insert(0, release(ReleaseKind::Rollback, "running")),
                |view| {
                    view.releases.insert(0, release(ReleaseKind::Rollback, "running"));
                    view.releases.insert(0, release(ReleaseKind::Release, "held"));
                },
            ],
        ),
        (PlaceState::RollingOut, vec![|view| view.open = open("due")]),
        (PlaceState::RollingBack, vec![|view| view.rollback = Some(3)]),
        (PlaceState::Frozen, vec![|view| view.frozen = true]),
        (PlaceState::Checking, vec![|view| view.checks = vec![check(WorkState::Due)]]),
    ]
    .into();
    for (expected, changes) in rows {
        for change in changes {
            let mut view = place();
            change(&mut view);
            assert_eq!(PlaceState::of(&view), expected, "{view:?}");
        }
    }
    let mut failed = place();
    (failed.running, failed.last) = (None, last("failed"));
    assert_eq!(PlaceState::of(&failed), PlaceState::Failed);
    // A new release after a rollback ends the word.
    let mut again = place();
    again.releases =
        vec![release(ReleaseKind::Release, "running"), release(ReleaseKind::Rollback, "running")];
    assert_eq!(PlaceState::of(&again), PlaceState::Healthy);
}
