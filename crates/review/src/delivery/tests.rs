//! Figures of invented rows.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use evidence::Moment;
use wire::{ReleaseKind, ReleaseStage, RunState};

use super::figure::median;
use super::{Build, Deployment, EndedRuns, Figure, Rows, Stopped, WEEKS, Weeks, figures, headline};

/// A Wednesday.
const NOW: &str = "2026-11-25T12:00:00.000Z";
const HOUR: u64 = 3_600_000;

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

/// A moment so many days and hours before now.
fn before(days: u64, hours: u64) -> Moment {
    Moment::from_millis(at(NOW).millis() - (days * 24 + hours) * HOUR).unwrap()
}

fn deployment(kind: ReleaseKind, stage: ReleaseStage, days: u64, lead: u64) -> Deployment {
    Deployment {
        place: "shop/api/production".parse().unwrap(),
        kind,
        stage,
        time: before(days, 0),
        started: before(days, lead),
        asked: (kind == ReleaseKind::Rollback).then(|| before(days, 1)),
        has_evidence: kind == ReleaseKind::Release,
    }
}

fn release(stage: ReleaseStage, days: u64, lead: u64) -> Deployment {
    deployment(ReleaseKind::Release, stage, days, lead)
}

fn of<'a>(figures: &'a [Figure], title: &str) -> &'a Figure {
    figures.iter().find(|figure| figure.title == title).unwrap()
}

#[test]
fn weeks_begin_on_monday_and_the_last_one_is_this_week() {
    let weeks = Weeks::until(at(NOW));
    assert_eq!(weeks.label(WEEKS - 1), "this week");
    assert_eq!(weeks.label(0), "2026-09-07");
    assert_eq!(weeks.of(at("2026-11-23T00:00:00.000Z")), Some(WEEKS - 1));
    assert_eq!(weeks.of(at("2026-11-22T23:59:59.999Z")), Some(WEEKS - 2));
    assert_eq!(weeks.of(at("2026-09-07T00:00:00.000Z")), Some(0));
    assert_eq!(weeks.of(at("2026-09-06T23:59:59.999Z")), None);
    assert_eq!(weeks.of(at("2026-11-30T00:00:00.000Z")), None);
}

#[test]
fn a_median_is_the_middle() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[9]), Some(9));
    assert_eq!(median(&[1, 1_000, 2]), Some(2));
    assert_eq!(median(&[4, 1, 1_000, 2]), Some(3));
}

#[test]
fn without_rows_no_figure_claims_anything() {
    for figure in figures(&Rows::default(), at(NOW)) {
        assert_eq!(figure.points.len(), WEEKS);
        assert!(
            figure.points.iter().all(|point| point.height == 0 && point.value.starts_with("no ")),
            "{figure:?}"
        );
        assert!(["nothing yet", "0 in four weeks"].contains(&figure.value.as_str()), "{figure:?}");
    }
    assert_eq!(
        headline(&figures(&Rows::default(), at(NOW))),
        "No release reached a last environment in four weeks"
    );
    let failed = Rows { deployments: vec![release(ReleaseStage::Failed, 2, 1)], ..Rows::default() };
    let said = headline(&figures(&failed, at(NOW)));
    assert_eq!(said, "No release runs in a last environment since four weeks; change failures: 100 %");
}

#[test]
fn lead_time_and_frequency_count_releases_that_ran_in_the_last_environment() {
    let running = ReleaseStage::Running;
    let deployments = vec![
        release(running, 50, 9),
        release(running, 45, 7),
        release(running, 44, 8),
        release(running, 9, 2),
        release(ReleaseStage::Failed, 8, 90),
        release(running, 2, 40),
        release(running, 1, 4),
    ];
    let all = figures(&Rows { deployments, ..Rows::default() }, at(NOW));
    let lead = of(&all, "Lead time");
    assert_eq!(lead.value, "4 h", "the median of 2, 40 and 4 hours");
    assert!(
        lead.sentence.ends_with("3 releases in four weeks. It was 8 h in the four before."),
        "{}",
        lead.sentence
    );
    assert_eq!(lead.points[WEEKS - 1].value, "22 h, 2 releases", "the middle of 40 and 4");
    assert_eq!(
        (lead.points[WEEKS - 2].height, lead.points[WEEKS - 2].value.as_str()),
        (2 * HOUR, "2 h, 1 release")
    );
    assert_eq!((lead.points[WEEKS - 3].height, lead.points[WEEKS - 3].value.as_str()), (0, "no release"));
    let said = headline(&all);
    assert_eq!(said, "3 releases in four weeks, with a lead time of 4 h and 25 % of changes failing");
    let frequency = of(&all, "Deployments");
    assert_eq!(frequency.value, "3 in four weeks");
    assert!(frequency.sentence.ends_with("; 3 releases in the four weeks before."), "{}", frequency.sentence);
}

#[test]
fn a_change_fails_where_it_did_not_work_or_was_rolled_back() {
    let (running, back) = (ReleaseStage::Running, ReleaseKind::Rollback);
    let deployments = vec![
        release(running, 20, 1),
        release(running, 18, 1),
        deployment(back, running, 17, 1),
        release(ReleaseStage::Returned, 16, 1),
        release(ReleaseStage::Failed, 10, 1),
        release(running, 9, 1),
        // What was brought back is rolled back by nothing: a rollback alone is no change.
        deployment(back, ReleaseStage::Refused, 8, 1),
    ];
    let other = Deployment { place: "shop/web/production".parse().unwrap(), ..release(running, 19, 1) };
    let rows = Rows { deployments: [deployments, vec![other]].concat(), ..Rows::default() };
    let all = figures(&rows, at(NOW));
    let failures = of(&all, "Change failures");
    assert_eq!(failures.value, "50 %", "{}", failures.sentence);
    assert!(
        failures.sentence.ends_with(": 3 of 6 releases in four weeks. It is too early to compare."),
        "{}",
        failures.sentence
    );
    let recovery = of(&all, "Recovery");
    assert!(recovery.sentence.ends_with("2 recoveries, too few for a trend."), "{}", recovery.sentence);
    assert_eq!(
        recovery.value, "12 h 30 min",
        "the middle of an hour for the rollback and a day after the failure"
    );
    let verified = of(&all, "Artifacts verified");
    assert_eq!(verified.value, "100 %");
}

#[test]
fn a_share_is_rounded_and_only_all_is_everything() {
    let ended = |state, runs| EndedRuns { day: before(1, 0), state, runs };
    let value = |rows: Vec<EndedRuns>| {
        let all = figures(&Rows { ended: rows, ..Rows::default() }, at(NOW));
        of(&all, "Failed runs").value.clone()
    };
    assert_eq!(value(vec![ended(RunState::Passed, 999), ended(RunState::Failed, 1)]), "1 %");
    assert_eq!(value(vec![ended(RunState::Passed, 1), ended(RunState::Differed, 999)]), "99 %");
    assert_eq!(
        value(vec![ended(RunState::Passed, 2), ended(RunState::Failed, 1), ended(RunState::Lost, 50)]),
        "33 %"
    );
    assert_eq!(value(vec![ended(RunState::Failed, 3)]), "100 %");
    assert_eq!(value(vec![ended(RunState::Cancelled, 3)]), "nothing yet");
}

#[test]
fn builds_and_stopped_releases_are_counted_by_week() {
    let builds = (1..=4).map(|n| Build { ended: before(1, 0), took_ms: n * 60_000 }).collect();
    let stopped = |days, codes: &[&str]| Stopped {
        time: before(days, 0),
        reasons: codes.iter().map(|code| (*code).to_owned()).collect(),
    };
    let rows = Rows {
        builds,
        stopped: vec![
            stopped(1, &["approvals-missing", "finding-critical"]),
            stopped(8, &["tests-failed", "secret-found"]),
            stopped(8, &["approvals-missing"]),
        ],
        ..Rows::default()
    };
    let all = figures(&rows, at(NOW));
    assert_eq!(of(&all, "Build time").value, "2 min 30 s");
    assert_eq!(of(&all, "Findings stopped before production").value, "2 in four weeks");
    assert_eq!(of(&all, "Stopped by tests").value, "1 in four weeks");
    assert_eq!(of(&all, "Stopped by tests").points[WEEKS - 2].value, "1 release");
}
