//! The comparison of the new release with the old one at the same time: a sequential test that holds whenever one looks.
//!
//! The question is which of the two had a failure. With `n` requests of the new release and `m` of the old one, an equally
//! good new release has a share `n / (n + m)` of the failures; one that fails `r` times as often has `r n / (r n + m)`. The
//! likelihood ratio of so many failures `a` of the new and `b` of the old release is `r^a ((n + m) / (r n + m))^(a + b)`. The
//! test takes the largest over a few fixed ratios, divided by their number, which is at most their mean.
//!
//! Invariant: for a release that is as good as the old one, that value ever reaches `1 / p` with probability at most `p`
//! (Ville's inequality), however often one looks.

use evidence::rollout::{Comparison, Rollout};
use evidence::rollout_counts::{Counts, GroupCounts};
use evidence::rollout_measure::{Measure, Stand};
use evidence::rollout_reason::{Kind, Reason};

use super::logarithm::{ONE, log2, thousandths};

/// Multiples of the smallest ratio that counts, which are the alternatives.
const ALTERNATIVES: [u64; 3] = [1, 3, 10];

/// Failures of one kind with both releases.
struct Failures {
    kind: Kind,
    new: (u64, u64),
    old: (u64, u64),
}

/// The findings of the comparison at a step: worse for certain.
pub fn worse(rollout: &Rollout, comparison: &Comparison, step: &GroupCounts) -> Vec<Reason> {
    let kinds = kinds(comparison, &step.canary, &step.baseline);
    let needed = needed(rollout, comparison, kinds.len());
    let worse = kinds.iter().filter_map(|one| {
        let odds = odds(one, comparison.ratio);
        (odds >= needed).then(|| Reason::Worse {
            kind: one.kind,
            failing: one.new.0,
            samples: one.new.1,
            baseline_failing: one.old.0,
            baseline_samples: one.old.1,
            odds_log2: whole(odds),
            needed_log2: whole(needed + ONE - 1),
        })
    });
    worse.collect()
}

/// The same with every number, for people. A step without a baseline is not compared.
pub fn measures(
    rollout: &Rollout,
    step: usize,
    comparison: &Comparison,
    counted: &GroupCounts,
) -> Vec<Measure> {
    let kinds = kinds(comparison, &counted.canary, &counted.baseline);
    let needed = needed(rollout, comparison, kinds.len());
    let is_compared = rollout.shares(step).baseline > 0;
    let is_few = is_compared && few(comparison, counted).is_some();
    let measure = |one: &Failures| {
        let odds = odds(one, comparison.ratio);
        let stand = match (odds >= needed, is_few) {
            (true, _) => Stand::Stops,
            (false, true) => Stand::Open,
            (false, false) => Stand::Holds,
        };
        let signed = i64::try_from(thousandths(odds.abs())).unwrap_or(i64::MAX);
        Measure::Comparison {
            kind: one.kind,
            failing: one.new.0,
            samples: one.new.1,
            baseline_failing: one.old.0,
            baseline_samples: one.old.1,
            samples_min: comparison.samples_min,
            odds: if odds < 0 { -signed } else { signed },
            needed: thousandths(needed),
            stand,
        }
    };
    let measured = kinds.iter().map(measure);
    measured.filter(|one| is_compared || one.stand() == Stand::Stops).collect()
}

/// Whether there are too few requests for the new release to pass.
pub fn few(comparison: &Comparison, step: &GroupCounts) -> Option<Reason> {
    let (samples, baseline_samples) = (step.canary.requests, step.baseline.requests);
    let samples_min = comparison.samples_min;
    let is_few = samples < samples_min || baseline_samples < samples_min;
    is_few.then_some(Reason::FewCompared { samples, baseline_samples, samples_min })
}

fn kinds(comparison: &Comparison, new: &Counts, old: &Counts) -> Vec<Failures> {
    let of = |kind, count: fn(&Counts) -> u64| Failures {
        kind,
        new: (count(new), new.requests),
        old: (count(old), old.requests),
    };
    let slow = comparison.slow_us.map(|slow| Failures {
        kind: Kind::Slow,
        new: (new.latency.slower_than(slow), new.latency.count()),
        old: (old.latency.slower_than(slow), old.latency.count()),
    });
    [of(Kind::Errors, |it| it.errors), of(Kind::ClientErrors, |it| it.client_errors)]
        .into_iter()
        .chain(slow)
        .collect()
}

/// Odds that are needed, as a logarithm: every test of every step has an equal part of the false alarms.
fn needed(rollout: &Rollout, comparison: &Comparison, kinds: usize) -> i128 {
    let steps = (0..rollout.steps.len()).filter(|step| rollout.shares(*step).baseline > 0).count();
    let tests = (steps.max(1) * kinds.max(1) * ALTERNATIVES.len()) as u128;
    log2(tests * 1_000_000) - log2(u128::from(comparison.false_alarms))
}

/// The logarithm of the largest likelihood ratio.
fn odds(one: &Failures, ratio: u64) -> i128 {
    ALTERNATIVES.into_iter().map(|times| odds_of(one, ratio.saturating_mul(times))).max().unwrap_or(0)
}

/// The logarithm of the likelihood ratio of one alternative, whose ratio is in thousandths.
fn odds_of(one: &Failures, ratio: u64) -> i128 {
    let ((a, n), (b, m)) = (one.new, one.old);
    if n == 0 || m == 0 {
        return 0;
    }
    let (n, m, ratio) = (u128::from(n), u128::from(m), u128::from(ratio));
    let each = log2((n + m) * 1_000) - log2(ratio * n + 1_000 * m);
    let count = |count: u64| i128::from(count);
    let new = count(a).saturating_mul(log2(ratio) - log2(1_000));
    new.saturating_add((count(a) + count(b)).saturating_mul(each))
}

fn whole(bits: i128) -> u64 {
    u64::try_from(bits.max(0) / ONE).unwrap_or(u64::MAX)
}
