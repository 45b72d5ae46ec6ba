//! Cases of the evaluator with numbers computed by hand.

use std::collections::BTreeMap;

use evidence::rollout::{Budget, Burn, Comparison, Rollout, RolloutStep, Threshold};
use evidence::rollout_counts::{Counts, GroupCounts};
use evidence::rollout_metric::Metric;
use evidence::rollout_reason::Reason;

use super::super::evidence::{Probes, StepEvidence};
use super::{Verdict, verdict};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// 5, 50 and 100 percent; at most 0.1 % of errors and 300 ms over five minutes, from 100 requests.
fn rollout() -> Rollout {
    let step = |percent| RolloutStep { percent, pause_ms: 5 * MINUTE, automatic: true };
    let threshold = |metric: Metric, at_most| Threshold {
        metric: metric.as_str().parse().unwrap(),
        at_most,
        window_ms: 5 * MINUTE,
        samples_min: 100,
    };
    Rollout {
        steps: [5, 50, 100].map(step).to_vec(),
        thresholds: vec![threshold(Metric::Errors, 1_000), threshold(Metric::LatencyP99, 300_000)],
        ..Rollout::default()
    }
}

/// So many requests, of which so many fail, each in so many microseconds.
fn counts(requests: u64, errors: u64, micros: u64) -> Counts {
    let mut counts = Counts { requests, errors, ..Counts::default() };
    (0..requests).for_each(|_| counts.latency.record(micros));
    counts
}

fn groups(canary: Counts, baseline: Counts) -> GroupCounts {
    GroupCounts { stable: Counts::default(), baseline, canary }
}

/// Evidence after five minutes whose windows all show the same.
fn shown(rollout: &Rollout, step: &GroupCounts) -> StepEvidence {
    let windows: BTreeMap<_, _> =
        rollout.windows().into_iter().map(|window| (window, step.clone())).collect();
    StepEvidence {
        in_step_ms: 5 * MINUTE,
        probes: Probes::Pass,
        step: step.clone(),
        windows,
        answers: BTreeMap::new(),
    }
}

fn words(found: &Verdict) -> Vec<String> {
    let (Verdict::Stop { reasons } | Verdict::Undecided { reasons }) = found else { return Vec::new() };
    reasons.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_step_goes_after_its_pause() {
    let rollout = rollout();
    let mut evidence = shown(&rollout, &groups(counts(1_000, 1, 20_000), Counts::default()));
    assert_eq!(verdict(&rollout, 0, &evidence), Verdict::Go);
    evidence.in_step_ms -= 1;
    assert_eq!(verdict(&rollout, 0, &evidence), Verdict::Wait { left_ms: 1 });
    assert_eq!(verdict(&rollout, 3, &evidence), Verdict::Undecided { reasons: Vec::new() });
}

#[test]
fn nothing_measured_is_no_success_and_ends_in_failure() {
    let rollout = rollout();
    let mut evidence = StepEvidence { in_step_ms: 5 * MINUTE, ..StepEvidence::default() };
    let found = verdict(&rollout, 0, &evidence);
    assert!(matches!(found, Verdict::Undecided { .. }));
    let expected = [
        "the probes of the new release have not answered",
        "errors: 0 requests over 5 min, 100 are needed",
        "latency-p99: 0 requests over 5 min, 100 are needed",
    ];
    assert_eq!(words(&found), expected);
    evidence.in_step_ms = HOUR;
    let found = verdict(&rollout, 0, &evidence);
    assert!(matches!(found, Verdict::Stop { .. }));
    assert_eq!(words(&found)[0], "undecided for 1 h, at most 1 h");
    assert_eq!(words(&found)[1..], expected);
}

#[test]
fn one_request_is_too_little() {
    let rollout = rollout();
    let evidence = shown(&rollout, &groups(counts(1, 0, 20_000), Counts::default()));
    let expected = [
        "errors: 1 requests over 5 min, 100 are needed",
        "latency-p99: 1 requests over 5 min, 100 are needed",
    ];
    assert_eq!(words(&verdict(&rollout, 0, &evidence)), expected);
}

#[test]
fn probes_that_fail_stop_at_once() {
    let rollout = rollout();
    let mut evidence = shown(&rollout, &groups(counts(1_000, 0, 20_000), Counts::default()));
    (evidence.probes, evidence.in_step_ms) = (Probes::Fail, 0);
    assert_eq!(words(&verdict(&rollout, 0, &evidence)), ["the new release fails its probes"]);
}

#[test]
fn a_share_over_its_limit_stops_if_it_is_no_chance() {
    let rollout = rollout();
    let found = |errors| {
        verdict(&rollout, 0, &shown(&rollout, &groups(counts(100, errors, 20_000), Counts::default())))
    };
    assert_eq!(found(0), Verdict::Go);
    assert!(matches!(found(1), Verdict::Undecided { .. }));
    assert_eq!(
        words(&found(1)),
        ["errors: 1 % over 5 min, at most 0.1 % (1 of 100), which can still be chance"]
    );
    assert!(matches!(found(4), Verdict::Stop { .. }));
    assert_eq!(words(&found(4)), ["errors: 4 % over 5 min, at most 0.1 % (4 of 100)"]);
}

#[test]
fn slow_answers_stop() {
    let rollout = rollout();
    let mut canary = counts(90, 0, 20_000);
    canary.add(&counts(10, 0, 400_000));
    let found = verdict(&rollout, 0, &shown(&rollout, &groups(canary, Counts::default())));
    assert!(matches!(found, Verdict::Stop { .. }));
    assert_eq!(words(&found), ["latency-p99: 409.599 ms over 5 min, at most 300 ms (10 of 100)"]);
}

#[test]
fn errors_of_clients_count_only_in_comparison() {
    let mut rollout = rollout();
    let canary = Counts { client_errors: 400, ..counts(1_000, 0, 20_000) };
    let step = groups(canary.clone(), canary);
    assert_eq!(verdict(&rollout, 0, &shown(&rollout, &step)), Verdict::Go);
    let comparison = Comparison { false_alarms: 10_000, ratio: 2_000, samples_min: 50, slow_us: None };
    rollout.comparison = Some(comparison);
    assert_eq!(verdict(&rollout, 0, &shown(&rollout, &step)), Verdict::Go);
    let step = GroupCounts { baseline: counts(1_000, 0, 20_000), ..step };
    let found = verdict(&rollout, 0, &shown(&rollout, &step));
    assert!(words(&found)[0].starts_with("errors of clients: 400 of 1000 with the new release, 0 of 1000"));
}

#[test]
fn odds_computed_by_hand() {
    // Two steps have a baseline, two kinds and three ratios: 12 tests at 1 % need odds of 1,200, which are 10.23 bits.
    // With equal exposure and the ratio 20, each failure of the new release alone has log2(40 / 21) = 0.9296 bits:
    // 11 have 10.226, and 12 are enough.
    let comparison = Comparison { false_alarms: 10_000, ratio: 2_000, samples_min: 50, slow_us: None };
    let rollout = Rollout { comparison: Some(comparison), thresholds: Vec::new(), ..rollout() };
    let found = |new, old| {
        let step = groups(counts(1_000, new, 20_000), counts(1_000, old, 20_000));
        verdict(&rollout, 0, &shown(&rollout, &step))
    };
    assert_eq!(found(11, 0), Verdict::Go);
    let expected = "errors: 12 of 1000 with the new release, 0 of 1000 with the old one; \
                    odds against chance 2^11, 2^11 are needed";
    assert_eq!(words(&found(12, 0)), [expected]);
    assert_eq!((found(30, 30), found(0, 40)), (Verdict::Go, Verdict::Go));
}

#[test]
fn a_comparison_needs_requests_of_both() {
    let comparison = Comparison { false_alarms: 10_000, ratio: 2_000, samples_min: 50, slow_us: None };
    let rollout = Rollout { comparison: Some(comparison), thresholds: Vec::new(), ..rollout() };
    let step = groups(counts(1_000, 0, 20_000), counts(49, 0, 20_000));
    let few = "comparison: 1000 requests of the new release and 49 of the old one, 50 of each are needed";
    assert_eq!(words(&verdict(&rollout, 0, &shown(&rollout, &step))), [few]);
    // At 100 percent there is nothing to compare with.
    assert_eq!(verdict(&rollout, 2, &shown(&rollout, &step)), Verdict::Go);
}

#[test]
fn a_budget_that_burns_now_stops() {
    let burn = Burn { long_ms: HOUR, short_ms: 5 * MINUTE, rate: 14_400 };
    let budget = Budget { objective: 1_000, window_ms: 30 * 24 * HOUR, burns: vec![burn] };
    let rollout = Rollout { budget: Some(budget), thresholds: Vec::new(), ..rollout() };
    let mut evidence = shown(&rollout, &groups(counts(1_000, 40, 20_000), Counts::default()));
    let expected = "error budget: burns 40 times as fast as allowed over 1 h, and over 5 min too, \
                    at most 14.4 times (40 of 1000)";
    assert_eq!(words(&verdict(&rollout, 0, &evidence)), [expected]);
    // It burnt before: the short window is sound again.
    evidence.windows.insert(5 * MINUTE, groups(counts(100, 1, 20_000), Counts::default()));
    assert_eq!(verdict(&rollout, 0, &evidence), Verdict::Go);
    evidence.windows.remove(&HOUR);
    assert!(matches!(verdict(&rollout, 0, &evidence), Verdict::Undecided { .. }));
}

#[test]
fn a_step_without_requests_is_probed_alone() {
    let mut rollout = rollout();
    rollout.steps[0].percent = 0;
    let mut evidence =
        StepEvidence { in_step_ms: 5 * MINUTE, probes: Probes::Pass, ..StepEvidence::default() };
    assert_eq!(verdict(&rollout, 0, &evidence), Verdict::Go);
    evidence.probes = Probes::Unknown;
    assert!(matches!(verdict(&rollout, 0, &evidence), Verdict::Undecided { .. }));
}

#[test]
fn an_unknown_number_is_never_held() {
    let mut rollout = rollout();
    rollout.thresholds[0].metric = "heat".parse().unwrap();
    let evidence = shown(&rollout, &groups(counts(1_000, 0, 20_000), Counts::default()));
    let unread = Reason::Unread { metric: "heat".parse().unwrap() };
    assert_eq!(verdict(&rollout, 0, &evidence), Verdict::Undecided { reasons: vec![unread] });
}
