//! The verdict about a step of a rollout.
//!
//! Invariant: `Stop` comes before everything else, and more failures never turn it into another verdict. `Go` needs the
//! agent's probes, the whole pause, and every number of the plan with enough samples. A step of 0 percent has no requests, so
//! its probes decide alone.

use evidence::rollout::{Budget, Burn, Rollout, Threshold};
use evidence::rollout_counts::Counts;
use evidence::rollout_metric::{Metric, Share};
use evidence::rollout_reason::Reason;

use super::evidence::{Probes, StepEvidence};
use super::queries;
use super::sequential;
use super::share::{Compared, burning, compare};

/// The verdict about a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The step passed.
    Go,
    /// The pause of the step is not over.
    Wait {
        /// The rest of it, in milliseconds.
        left_ms: u64,
    },
    /// The step failed.
    Stop {
        /// Why.
        reasons: Vec<Reason>,
    },
    /// The pause is over, and the evidence is too little to decide.
    Undecided {
        /// Everything that is missing.
        reasons: Vec<Reason>,
    },
}

/// The findings of the rules.
#[derive(Default)]
struct Found {
    stops: Vec<Reason>,
    open: Vec<Reason>,
}

/// The verdict about a step, which is counted from 0. A step that the rollout does not have is undecided.
#[must_use]
pub fn verdict(rollout: &Rollout, step: usize, evidence: &StepEvidence) -> Verdict {
    let Some(planned) = rollout.steps.get(step) else { return Verdict::Undecided { reasons: Vec::new() } };
    let mut found = Found::default();
    probes(evidence, &mut found);
    if planned.percent > 0 {
        for threshold in &rollout.thresholds {
            over(threshold, evidence, &mut found);
        }
        for query in &rollout.prometheus {
            queries::judge(query, evidence.answers.get(&query.name), &mut found.stops, &mut found.open);
        }
        if let Some(budget) = &rollout.budget {
            burns(budget, evidence, &mut found);
        }
        if let Some(comparison) = &rollout.comparison {
            found.stops.extend(sequential::worse(rollout, comparison, &evidence.step));
            if rollout.shares(step).baseline > 0 {
                found.open.extend(sequential::few(comparison, &evidence.step));
            }
        }
    }
    conclude(found, planned.pause_ms, rollout.limit_ms(), evidence.in_step_ms)
}

fn conclude(found: Found, pause_ms: u64, limit_ms: u64, in_step_ms: u64) -> Verdict {
    let Found { stops, open } = found;
    if !stops.is_empty() {
        return Verdict::Stop { reasons: stops };
    }
    if in_step_ms < pause_ms {
        return Verdict::Wait { left_ms: pause_ms - in_step_ms };
    }
    if open.is_empty() {
        return Verdict::Go;
    }
    if in_step_ms >= limit_ms {
        let limit = Reason::Limit { in_step_ms, limit_ms };
        return Verdict::Stop { reasons: [vec![limit], open].concat() };
    }
    Verdict::Undecided { reasons: open }
}

fn probes(evidence: &StepEvidence, found: &mut Found) {
    match evidence.probes {
        Probes::Pass => {}
        Probes::Fail => found.stops.push(Reason::ProbesFail {}),
        Probes::Unknown => found.open.push(Reason::ProbesUnknown {}),
    }
}

/// A threshold: broken for certain, or not yet held.
fn over(threshold: &Threshold, evidence: &StepEvidence, found: &mut Found) {
    let Threshold { metric, at_most, window_ms, samples_min } = threshold;
    let (window_ms, samples_min) = (*window_ms, *samples_min);
    let Some(known) = Metric::named(metric.as_str()) else {
        return found.open.push(Reason::Unread { metric: metric.clone() });
    };
    let few = |samples| Reason::Few { metric: known, window_ms, samples, samples_min };
    let Some(counts) = canary(evidence, window_ms) else { return found.open.push(few(0)) };
    let share = known.share(counts, *at_most);
    let reason = |certain| Reason::Over {
        metric: known,
        window_ms,
        observed: known.observed(counts).unwrap_or(0),
        at_most: *at_most,
        failing: share.failing,
        samples: share.samples,
        certain,
    };
    match compare(share) {
        Compared::Certain => found.stops.push(reason(true)),
        Compared::Over => found.open.push(reason(false)),
        Compared::Within if share.samples < samples_min => found.open.push(few(share.samples)),
        Compared::Within => {}
    }
}

/// An error budget: every pair of windows.
fn burns(budget: &Budget, evidence: &StepEvidence, found: &mut Found) {
    for burn in &budget.burns {
        let Burn { long_ms, short_ms, rate } = *burn;
        let (long, short) = (canary(evidence, long_ms), canary(evidence, short_ms));
        let (Some(long), Some(short)) = (long, short) else {
            found.open.push(Reason::Few {
                metric: Metric::Errors,
                window_ms: long_ms,
                samples: 0,
                samples_min: 1,
            });
            continue;
        };
        let at_most = budget.objective.saturating_mul(rate) / 1_000;
        let share = |counts| Metric::Errors.share(counts, at_most.min(1_000_000));
        let Share { failing, samples, .. } = share(long);
        if samples == 0 {
            found.open.push(Reason::Few {
                metric: Metric::Errors,
                window_ms: long_ms,
                samples: 0,
                samples_min: 1,
            });
        }
        if compare(share(long)) == Compared::Certain && compare(share(short)) != Compared::Within {
            let rate = burning(failing, samples, budget.objective);
            found.stops.push(Reason::Burns { long_ms, short_ms, rate, at_most: burn.rate, failing, samples });
        }
    }
}

fn canary(evidence: &StepEvidence, window_ms: u64) -> Option<&Counts> {
    evidence.windows.get(&window_ms).map(|groups| &groups.canary)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
