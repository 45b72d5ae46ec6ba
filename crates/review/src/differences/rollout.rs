//! A rollout in the words of the release file: steps, limits, comparison.
//!
//! Invariant: every number of the rollout is named, so that people approve all of it.

use evidence::amounts::{Latency, Number, Portion, Ratio, Time};
use evidence::plan::Plan;
use evidence::rollout::{Budget, Burn, Comparison, Query, Rollout, RolloutStep, Sticky, Strategy, Threshold};
use evidence::rollout_metric::Metric;
use evidence::rollout_query::NO_LIMIT;

/// Instances and rollout of a plan, by name. Empty for one process that is replaced at once.
#[must_use]
pub fn rollout_words(plan: &Plan) -> Vec<(String, String)> {
    let mut words: Vec<(String, String)> =
        plan.instances.iter().map(|count| ("instances".to_owned(), count.to_string())).collect();
    if let Some(rollout) = &plan.rollout {
        words.extend(named(plan.strategy, rollout));
    }
    words
}

/// The limits of a query.
fn query_limits(query: &Query) -> String {
    let most = (query.at_most < NO_LIMIT).then(|| format!("at most {}", Number::of(query.at_most)));
    let least = query.at_least.map(|least| format!("at least {}", Number::of(least)));
    most.into_iter().chain(least).collect::<Vec<_>>().join(", ")
}

fn named(strategy: Strategy, rollout: &Rollout) -> Vec<(String, String)> {
    let Rollout { steps, thresholds, sticky, comparison, budget, protocol, prometheus, .. } = rollout;
    let mut words = Vec::new();
    let mut add = |name: &str, value: String| words.push((name.to_owned(), value));
    add("replaces by", strategy.to_string());
    for (at, step) in steps.iter().enumerate() {
        add(&format!("step {}", at + 1), step_words(*step));
    }
    for threshold in thresholds {
        add(&format!("limit of {}", threshold.metric), limit_words(threshold));
    }
    for query in prometheus {
        let limits = query_limits(query);
        let asked = rollout.sources.get(&query.source).map_or("", String::as_str);
        add(
            &format!("query {}", query.name),
            shown::line(&format!("{limits}: {} (of {asked})", query.query)),
        );
    }
    if let Some(budget) = budget {
        add("error budget", budget_words(budget));
    }
    add("comparison", comparison.as_ref().map_or_else(|| "none".into(), comparison_words));
    match sticky {
        None => {}
        Some(Sticky::Cookie(name)) => add("requests of one client", format!("together by cookie {name}")),
        Some(Sticky::Header(name)) => add("requests of one client", format!("together by header {name}")),
    }
    add("time to drain", Time::of(rollout.drain_ms()).to_string());
    add("undecided for at most", Time::of(rollout.limit_ms()).to_string());
    if !protocol.is_http() {
        add("protocol", "tcp".to_owned());
    }
    words
}

fn step_words(step: RolloutStep) -> String {
    let then = if step.automatic { "then by itself" } else { "then asks" };
    format!("{}% for {}, {then}", step.percent, Time::of(step.pause_ms))
}

fn limit_words(threshold: &Threshold) -> String {
    let Threshold { metric, at_most, window_ms, samples_min } = threshold;
    let most = match Metric::named(metric.as_str()).and_then(Metric::slower) {
        Some(_) => Latency::of(*at_most).to_string(),
        None => Portion::of(*at_most).to_string(),
    };
    format!("{most} over {}, from {samples_min} requests", Time::of(*window_ms))
}

fn budget_words(budget: &Budget) -> String {
    let pair = |burn: &Burn| {
        let Burn { long_ms, short_ms, rate } = *burn;
        format!(
            "at most {} times as fast over {} and {}",
            Ratio::of(rate),
            Time::of(long_ms),
            Time::of(short_ms)
        )
    };
    let pairs: Vec<_> = budget.burns.iter().map(pair).collect();
    let (share, window) = (Portion::of(budget.objective), Time::of(budget.window_ms));
    format!("{share} in {window}, {}", pairs.join(", "))
}

fn comparison_words(comparison: &Comparison) -> String {
    let Comparison { false_alarms, ratio, samples_min, slow_us } = comparison;
    let (alarms, ratio) = (Portion::of(*false_alarms), Ratio::of(*ratio));
    let slow = slow_us.map_or(String::new(), |slow| format!(", slow from {}", Latency::of(slow)));
    format!(
        "{ratio} times as many failures are worse, {alarms} false alarms, from {samples_min} requests each{slow}"
    )
}
