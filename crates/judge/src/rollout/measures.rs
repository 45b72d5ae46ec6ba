//! The arithmetic of a verdict, for people: each number of the rollout beside its limit.
//!
//! Invariant: it is computed by the same tests as the verdict, and a step stops exactly if its probes fail, its time is over, or a
//! measure says `Stops`. Numbers that this program does not know have no measure.

use evidence::rollout::{Budget, Burn, Query, Rollout, Threshold};
use evidence::rollout_counts::Counts;
use evidence::rollout_measure::{Measure, Stand};
use evidence::rollout_metric::{Metric, Share};
use evidence::rollout_query::NO_LIMIT;

use super::evidence::{Answered, StepEvidence};
use super::logarithm::thousandths;
use super::queries;
use super::sequential;
use super::share::{CERTAIN_LOG, Compared, burning, compare, surprise};

/// The measures of a step, which is counted from 0. A step of 0 percent has no requests, so it has none.
#[must_use]
pub fn measures(rollout: &Rollout, step: usize, evidence: &StepEvidence) -> Vec<Measure> {
    if rollout.steps.get(step).is_none_or(|planned| planned.percent == 0) {
        return Vec::new();
    }
    let thresholds = rollout.thresholds.iter().filter_map(|one| threshold(one, evidence));
    let queries = rollout.prometheus.iter().map(|one| query(one, evidence));
    let budgets = rollout.budget.iter();
    let burns = budgets.flat_map(|budget| budget.burns.iter().map(|burn| burns(budget, *burn, evidence)));
    let comparison = rollout.comparison.iter();
    let compared =
        comparison.flat_map(|comparison| sequential::measures(rollout, step, comparison, &evidence.step));
    thresholds.chain(queries).chain(burns).chain(compared).collect()
}

fn threshold(one: &Threshold, evidence: &StepEvidence) -> Option<Measure> {
    let Threshold { metric, at_most, window_ms, samples_min } = one;
    let metric = Metric::named(metric.as_str())?;
    let counts = canary(evidence, *window_ms);
    let share = metric.share(&counts, *at_most);
    let stand = match compare(share) {
        Compared::Certain => Stand::Stops,
        Compared::Over => Stand::Open,
        Compared::Within if share.samples < *samples_min => Stand::Open,
        Compared::Within => Stand::Holds,
    };
    Some(Measure::Threshold {
        metric,
        window_ms: *window_ms,
        observed: metric.observed(&counts),
        at_most: *at_most,
        failing: share.failing,
        samples: share.samples,
        samples_min: *samples_min,
        odds: odds(share),
        needed: NEEDED,
        stand,
    })
}

/// A query, by the rule of the verdict itself.
fn query(one: &Query, evidence: &StepEvidence) -> Measure {
    let answered = evidence.answers.get(&one.name);
    let (mut stops, mut open) = (Vec::new(), Vec::new());
    queries::judge(one, answered, &mut stops, &mut open);
    Measure::Query {
        name: one.name.clone(),
        observed: answered.and_then(|answered| match answered {
            Answered::Number(number) => Some(*number),
            Answered::Unread(_) => None,
        }),
        at_most: Some(one.at_most).filter(|most| *most < NO_LIMIT),
        at_least: one.at_least,
        stand: match (stops.is_empty(), open.is_empty()) {
            (false, _) => Stand::Stops,
            (true, false) => Stand::Open,
            (true, true) => Stand::Holds,
        },
    }
}

fn burns(budget: &Budget, burn: Burn, evidence: &StepEvidence) -> Measure {
    let Burn { long_ms, short_ms, rate } = burn;
    let at_most = (budget.objective.saturating_mul(rate) / 1_000).min(1_000_000);
    let share = |window| Metric::Errors.share(&canary(evidence, window), at_most);
    let (long, short) = (share(long_ms), share(short_ms));
    let fast = |of: Share| burning(of.failing, of.samples, budget.objective);
    let stand = match (compare(long), compare(short)) {
        (Compared::Certain, Compared::Over | Compared::Certain) => Stand::Stops,
        _ if long.samples == 0 => Stand::Open,
        _ => Stand::Holds,
    };
    Measure::Budget {
        long_ms,
        short_ms,
        long_rate: fast(long),
        short_rate: fast(short),
        at_most: rate,
        failing: long.failing,
        samples: long.samples,
        odds: odds(long),
        needed: NEEDED,
        stand,
    }
}

/// The surprise of a share in thousandths of a bit; none within the limit.
fn odds(share: Share) -> u64 {
    let failing = share.failing.min(share.samples);
    match compare(share) {
        Compared::Within => 0,
        _ => thousandths(surprise(failing, share.samples, share.at_most)),
    }
}

fn canary(evidence: &StepEvidence, window_ms: u64) -> Counts {
    evidence.windows.get(&window_ms).map(|groups| groups.canary.clone()).unwrap_or_default()
}

/// Odds that are no chance, in thousandths of a bit.
#[expect(clippy::cast_possible_truncation, reason = "it is 10")]
const NEEDED: u64 = CERTAIN_LOG as u64 * 1_000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evidence::rollout::{Comparison, RolloutStep};
    use evidence::rollout_counts::GroupCounts;
    use proptest::prelude::*;

    use super::super::evidence::Probes;
    use super::super::verdict::{Verdict, verdict};
    use super::*;

    fn rollout() -> Rollout {
        let step = |percent| RolloutStep { percent, pause_ms: 60_000, automatic: true };
        let threshold = |metric: Metric, at_most| Threshold {
            metric: metric.as_str().parse().unwrap(),
            at_most,
            window_ms: 60_000,
            samples_min: 20,
        };
        Rollout {
            steps: [0, 5, 100].map(step).to_vec(),
            thresholds: vec![threshold(Metric::Errors, 10_000), threshold(Metric::LatencyP99, 300_000)],
            budget: Some(Budget {
                objective: 1_000,
                window_ms: 86_400_000,
                burns: vec![Burn { long_ms: 60_000, short_ms: 5_000, rate: 14_400 }],
            }),
            comparison: Some(Comparison {
                false_alarms: 10_000,
                ratio: 2_000,
                samples_min: 50,
                slow_us: None,
            }),
            ..Rollout::default()
        }
    }

    fn counts(requests: u64, errors: u64, micros: u64) -> Counts {
        let mut counts = Counts { requests, errors: errors.min(requests), ..Counts::default() };
        counts.latency.add(evidence::rollout_counts::bucket(micros), requests);
        counts
    }

    proptest! {
        #[test]
        fn a_measure_stops_exactly_if_the_verdict_does(
            new in (0_u64..3_000, 0_u64..60, 1_u64..1_000_000),
            old in (0_u64..3_000, 0_u64..60),
            recent in (0_u64..300, 0_u64..20),
            answer in prop::option::of(-2_000_000_i64..2_000_000),
            step in 0_usize..3,
        ) {
            let (canary, baseline) = (counts(new.0, new.1, new.2), counts(old.0, old.1, 1_000));
            let groups = |canary| GroupCounts { canary, baseline: baseline.clone(), ..GroupCounts::default() };
            let evidence = StepEvidence {
                in_step_ms: 60_000,
                probes: Probes::Pass,
                step: groups(canary.clone()),
                windows: BTreeMap::from([
                    (60_000, groups(canary)),
                    (5_000, groups(counts(recent.0, recent.1, new.2))),
                ]),
                answers: answer.map(|number| ("queue".parse().unwrap(), Answered::Number(number))).into_iter().collect(),
            };
            let queue = Query {
                name: "queue".parse().unwrap(),
                source: "prometheus".parse().unwrap(),
                query: "queue".to_owned(),
                at_most: 1_000_000,
                at_least: Some(500_000),
            };
            let rollout = Rollout { prometheus: vec![queue], ..rollout() };
            let stands: Vec<_> = measures(&rollout, step, &evidence).iter().map(Measure::stand).collect();
            let expected = match verdict(&rollout, step, &evidence) {
                Verdict::Stop { .. } => Some(Stand::Stops),
                Verdict::Undecided { .. } => Some(Stand::Open),
                Verdict::Go | Verdict::Wait { .. } => None,
            };
            let worst = [Stand::Stops, Stand::Open].into_iter().find(|stand| stands.contains(stand));
            prop_assert_eq!(worst, expected, "{:?}", measures(&rollout, step, &evidence));
        }
    }

    #[test]
    fn numbers_computed_by_hand() {
        let rollout = rollout();
        let canary = counts(100, 4, 1_000);
        let groups = GroupCounts { canary, baseline: counts(100, 4, 1_000), ..GroupCounts::default() };
        let windows = BTreeMap::from([(60_000, groups.clone()), (5_000, groups.clone())]);
        let evidence = StepEvidence {
            in_step_ms: 60_000,
            probes: Probes::Pass,
            step: groups,
            windows,
            ..StepEvidence::default()
        };
        let lines: Vec<_> = measures(&rollout, 1, &evidence).iter().map(Measure::line).collect();
        // 4 of 100 at 1 %: 4 log2(4) + 96 log2(0.96 / 0.99) = 8 - 4.262 = 3.738.
        // 4 % of 0.1 % is 40 times as fast; at 1.44 %: 4 log2(2.7778) + 96 log2(0.96 / 0.9856) = 5.896 - 3.644 = 2.252.
        // Compared: 4 log2(2) + 8 log2(200 / 300) = 4 - 4.680 = -0.680. Needed: 1 step, 2 kinds, 3 ratios at 1 %: log2(600) = 9.229.
        let expected = [
            "errors over 1 min: 4 %, at most 1 % (4 of 100; odds 2^3.7 of 2^10): undecided",
            "latency-p99 over 1 min: 1.023 ms, at most 300 ms (0 of 100; odds 2^0 of 2^10): holds",
            "error budget over 1 min and 5 s: burns 40 times as fast, at most 14.4 times (4 of 100; odds 2^2.2 of 2^10): holds",
            "errors, compared: 4 of 100, and 4 of 100 before, no worse than the release before (100 and 100; odds 2^-0.6 of 2^9.2): holds",
            "errors of clients, compared: 0 of 100, and 0 of 100 before, no worse than the release before (100 and 100; odds 2^0 of 2^9.2): holds",
        ];
        assert_eq!(lines, expected);
        assert_eq!(measures(&rollout, 0, &evidence), [], "a step without requests has no numbers");
        assert_eq!(measures(&rollout, 9, &evidence), []);
    }
}
