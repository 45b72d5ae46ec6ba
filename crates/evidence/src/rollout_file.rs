//! The part `rollout` of a service in the release file, and the rollout of the plan that follows from it.
//!
//! Invariant: every number of the plan comes from the file or from a constant here, so a plan names all of them and people
//! approve them. A fault names its place and the remedy.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Name;
use crate::amounts::{Latency, Portion, Ratio, Time};
use crate::rollout::{
    Budget, Burn, Comparison, LIMIT_MS, Protocol, Rollout, RolloutStep, STEPS_MAX, Sticky, Strategy,
    Threshold,
};
use crate::rollout_metric::Metric;
use crate::rollout_query::{Query, ServiceQuery, Sources};

/// How a new release takes the place of the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceRollout {
    /// `canary`: a rising share of the requests; `blue-green`: all at once, after a probe beside the old release; `rolling`: one
    /// instance after another; `replace`: stop the old one, start the new one.
    pub strategy: Strategy,
    /// Environments where it holds; elsewhere a release replaces the one before at once. Omit it for all environments.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(with = "BTreeSet<String>")]
    pub environments: BTreeSet<Name>,
    /// Steps of a canary: shares of the requests in percent, rising. All requests come last, without being named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Time for which each step is watched, such as `5m`, which is the default; 30 seconds for `rolling`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Time>,
    /// Whether each step but the last waits for `countersign rollout promote`.
    #[serde(default, skip_serializing_if = "is_no")]
    pub ask: bool,
    /// Highest shares and times; a release that exceeds one returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<ServiceBudget>,
    /// How a canary is compared with fresh processes of the old release. Omit it for the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<ServiceComparison>,
    /// How requests of one client stay with one release: `cookie: NAME` or `header: NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// Time in which requests to an old process may end; 30 seconds by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Time>,
    /// Longest time of a step, pause included: one that is still undecided then is undone; an hour, or twice the longest pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Time>,
    /// Queries to Prometheus whose answers have to hold at each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prometheus: Vec<ServiceQuery>,
    /// `tcp`, if the service does not speak HTTP: connections are split.
    #[serde(default, skip_serializing_if = "Protocol::is_http")]
    pub protocol: Protocol,
}

/// A step of a canary: a share in percent, such as `5`, or a share with more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Share of the requests in percent.
    pub percent: u8,
    /// Its own pause.
    pub pause: Option<Time>,
    /// Whether it waits for a person.
    pub ask: Option<bool>,
}

/// Highest shares and times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceBudget {
    /// Highest share of failed requests, such as `0.1%`: answers 5xx and broken connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Portion>,
    /// Time within which half of the requests are answered.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "latency-p50")]
    pub latency_p50: Option<Latency>,
    /// Time within which 90 percent of the requests are answered.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "latency-p90")]
    pub latency_p90: Option<Latency>,
    /// Time within which 99 percent of the requests are answered, such as `300ms`.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "latency-p99")]
    pub latency_p99: Option<Latency>,
    /// Time over which they are measured; `5m` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Time>,
    /// Requests of the new release that are needed before a step can pass; 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
    /// Time over which `errors` is meant as an error budget; `30d` by default. A release that uses it up too fast returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Time>,
}

/// How a canary is compared with fresh processes of the old release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceComparison {
    /// Whether there is no comparison.
    #[serde(default, skip_serializing_if = "is_no")]
    pub off: bool,
    /// How often a release that is as good as the old one may be stopped by it; `1%` of the rollouts by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_alarms: Option<Portion>,
    /// Smallest ratio of failures that counts as worse; 2 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// Requests of each of the two that are needed before a step can pass; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
}

impl ServiceRollout {
    /// The broken rule, with its place and the remedy.
    #[must_use]
    pub fn fault(&self, instances: u32) -> Option<String> {
        let names_steps = !self.steps.is_empty();
        match self.strategy {
            Strategy::Canary if !names_steps => {
                return Some("`canary` needs `steps`, such as `steps: [5, 25, 50]`".into());
            }
            Strategy::Canary => {}
            other if names_steps => {
                return Some(format!(
                    "`{other}` has its own steps: omit `steps`, or write `strategy: canary`"
                ));
            }
            Strategy::Replace if *self != (Self { strategy: Strategy::Replace, ..Self::default() }) => {
                return Some("`replace` gives all requests at once: omit everything else, or choose another `strategy`".into());
            }
            Strategy::Rolling if instances < 2 => {
                return Some("`rolling` goes from instance to instance: set `instances` to 2 or more".into());
            }
            other if self.comparison.is_some() => {
                return Some(format!("`{other}` has no processes to compare with: omit `comparison`"));
            }
            _ => {}
        }
        let sticky = self.sticky.as_ref().and_then(Sticky::fault);
        self.steps_fault()
            .or_else(|| self.budget.as_ref().and_then(|budget| budget.fault(self.protocol)))
            .or_else(|| self.queries_fault())
            .or_else(|| sticky.map(|fault| format!("`sticky`: {fault}")))
            .or_else(|| self.planned(instances)?.fault().map(str::to_owned))
    }

    /// Whether releases to this environment are rolled out in steps.
    #[must_use]
    pub fn is_for(&self, environment: &Name) -> bool {
        self.environments.is_empty() || self.environments.contains(environment)
    }

    /// The rollout of the plan; absent for `replace`.
    #[must_use]
    pub fn planned(&self, instances: u32) -> Option<Rollout> {
        let steps = match self.strategy {
            Strategy::Replace => return None,
            Strategy::Canary => self.canary(),
            Strategy::BlueGreen => self.rising([0].into_iter()),
            Strategy::Rolling => self.rising((1..instances).map(|count| part(count, instances))),
        };
        let longest = steps.iter().map(|step| step.pause_ms).max().unwrap_or(0);
        let limit = self.limit.map_or_else(|| LIMIT_MS.max(longest.saturating_mul(2)), Time::millis);
        let budget = self.budget.unwrap_or_default();
        Some(Rollout {
            steps,
            thresholds: budget.thresholds(),
            sticky: self.sticky.clone(),
            drain_ms: self.drain.map(Time::millis),
            comparison: self.compared(),
            budget: budget.budget(),
            limit_ms: Some(limit),
            protocol: self.protocol,
            prometheus: self.queries(),
            sources: Sources::new(),
        })
    }

    /// The queries of the plan, by their names.
    fn queries(&self) -> Vec<Query> {
        let mut queries: Vec<_> = self.prometheus.iter().filter_map(ServiceQuery::planned).collect();
        queries.sort_by(|a, b| a.name.cmp(&b.name));
        queries
    }

    fn queries_fault(&self) -> Option<String> {
        let names: BTreeSet<_> = self.prometheus.iter().map(|query| &query.name).collect();
        let is_twice = names.len() < self.prometheus.len();
        let twice = is_twice.then(|| "`prometheus`: two queries have the same `name`".to_owned());
        let fault = || self.prometheus.iter().find_map(ServiceQuery::fault);
        twice.or_else(|| fault().map(|fault| format!("`prometheus`: {fault}")))
    }

    fn steps_fault(&self) -> Option<String> {
        let rises = self.steps.is_sorted_by(|a, b| a.percent < b.percent);
        let is_share = |step: &Step| step.percent <= 100;
        if self.steps.len() >= STEPS_MAX {
            return Some(format!("`steps` are more than {}", STEPS_MAX - 1));
        }
        (!rises || !self.steps.iter().all(is_share))
            .then(|| "`steps` must rise, from 0 to at most 100 percent".into())
    }

    fn pause_ms(&self) -> u64 {
        let usual = if self.strategy == Strategy::Rolling { PAUSE_ROLLING_MS } else { PAUSE_MS };
        self.pause.map_or(usual, Time::millis)
    }

    /// The steps of a canary. The last one has everything and asks nobody, unless the file names it.
    fn canary(&self) -> Vec<RolloutStep> {
        let named = |step: &Step| RolloutStep {
            percent: step.percent,
            pause_ms: step.pause.map_or_else(|| self.pause_ms(), Time::millis),
            automatic: !step.ask.unwrap_or(self.ask),
        };
        let mut steps: Vec<_> = self.steps.iter().map(named).collect();
        if steps.last().is_none_or(|last| last.percent < 100) {
            steps.push(RolloutStep { percent: 100, pause_ms: self.pause_ms(), automatic: true });
        }
        steps
    }

    /// Steps with these shares, and then everything.
    fn rising(&self, shares: impl Iterator<Item = u8>) -> Vec<RolloutStep> {
        let pause_ms = self.pause_ms();
        let step = |percent| RolloutStep { percent, pause_ms, automatic: !self.ask };
        let mut steps: Vec<_> = shares.map(step).collect();
        // Nobody watches a step without requests for longer than its probes take.
        if let Some(first) = steps.first_mut().filter(|first| first.percent == 0) {
            first.pause_ms = 0;
        }
        steps.push(RolloutStep { percent: 100, pause_ms, automatic: true });
        steps
    }

    fn compared(&self) -> Option<Comparison> {
        let comparison = self.comparison.unwrap_or_default();
        let budget = self.budget.unwrap_or_default();
        let slow = budget.latency_p99.or(budget.latency_p90).or(budget.latency_p50);
        let is_compared = self.strategy == Strategy::Canary && !comparison.off;
        is_compared.then(|| Comparison {
            false_alarms: comparison.false_alarms.map_or(FALSE_ALARMS, Portion::millionths),
            ratio: comparison.ratio.map_or(RATIO, Ratio::thousandths),
            samples_min: comparison.samples.unwrap_or(SAMPLES_COMPARED),
            slow_us: slow.map(Latency::micros),
        })
    }
}

impl ServiceBudget {
    fn fault(&self, protocol: Protocol) -> Option<String> {
        let times = [self.latency_p50, self.latency_p90, self.latency_p99];
        let has_times = times.iter().any(Option::is_some);
        let is_whole = |share: Portion| !(1..1_000_000).contains(&share.millionths());
        let faults = [
            (
                self.errors.is_some() || has_times,
                "`budget` needs `errors` or a latency, such as `errors: 0.1%`",
            ),
            (
                !has_times || protocol.is_http(),
                "`budget`: connections of `tcp` have no latency: omit it, or omit `protocol`",
            ),
            (!self.errors.is_some_and(is_whole), "`budget`: `errors` lies above 0% and below 100%"),
            (
                times.into_iter().flatten().all(|time| (1..=SLOWEST_US).contains(&time.micros())),
                "`budget`: a latency lies above 0 and is at most a minute",
            ),
            (
                self.errors.is_some() || self.window.is_none(),
                "`budget`: `window` is about `errors`: set it, or omit `window`",
            ),
            (
                self.errors.is_none() || self.budget().is_some(),
                "`budget`: `window` lies between 50 hours and 90 days, such as `30d`",
            ),
            (self.samples != Some(0), "`budget`: `samples` starts at 1"),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault.to_owned())
    }

    fn thresholds(&self) -> Vec<Threshold> {
        let limits = [
            (Metric::Errors, self.errors.map(Portion::millionths)),
            (Metric::LatencyP50, self.latency_p50.map(Latency::micros)),
            (Metric::LatencyP90, self.latency_p90.map(Latency::micros)),
            (Metric::LatencyP99, self.latency_p99.map(Latency::micros)),
        ];
        let (window_ms, samples_min) =
            (self.over.map_or(OVER_MS, Time::millis), self.samples.unwrap_or(SAMPLES));
        let threshold = |(metric, at_most): (Metric, Option<u64>)| {
            Some(Threshold {
                metric: metric.as_str().parse().ok()?,
                at_most: at_most?,
                window_ms,
                samples_min,
            })
        };
        limits.into_iter().filter_map(threshold).collect()
    }

    /// The error budget: what would use up 2 percent of it in an hour, or 5 percent in six hours, is too fast.
    fn budget(&self) -> Option<Budget> {
        let objective = self.errors?.millionths();
        let window_ms = self.window.map_or(BUDGET_MS, Time::millis);
        let burn = |(percent, long_ms, short_ms): (u64, u64, u64)| {
            let rate = window_ms.saturating_mul(percent * 10) / long_ms;
            (rate >= 1_000).then_some(Burn { long_ms, short_ms, rate })
        };
        let burns: Vec<_> = [(2, HOUR_MS, HOUR_MS / 12), (5, 6 * HOUR_MS, HOUR_MS / 2)]
            .into_iter()
            .filter_map(burn)
            .collect();
        (!burns.is_empty() && window_ms <= crate::rollout::BUDGET_MS_MAX).then_some(Budget {
            objective,
            window_ms,
            burns,
        })
    }
}

/// A step with more than its share.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FullStep {
    /// Share of the requests in percent, such as `5`.
    percent: u8,
    /// Its own pause, such as `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pause: Option<Time>,
    /// Whether it waits for `countersign rollout promote`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask: Option<bool>,
}

struct StepVisitor;

impl<'de> de::Visitor<'de> for StepVisitor {
    type Value = Step;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a share in percent such as `5`, or `{percent: 5, pause: 10m, ask: true}`")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Step, E> {
        let percent = u8::try_from(number);
        let percent = percent.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))?;
        Ok(Step { percent, pause: None, ask: None })
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Step, E> {
        let unsigned = u64::try_from(number);
        self.visit_u64(unsigned.map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &StepVisitor))?)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Step, E> {
        let number = text.strip_suffix('%').and_then(|number| number.parse().ok());
        self.visit_u64(number.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &StepVisitor))?)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Step, A::Error> {
        let FullStep { percent, pause, ask } = FullStep::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Step { percent, pause, ask })
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StepVisitor)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self { percent, pause: None, ask: None } => serializer.serialize_u8(percent),
            Self { percent, pause, ask } => FullStep { percent, pause, ask }.serialize(serializer),
        }
    }
}

impl JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let full = generator.subschema_for::<FullStep>();
        json_schema!({
            "description": "A step of a canary: a share in percent, such as `5`, or a share with more.",
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 100 }, { "type": "string", "pattern": "^[0-9]{1,3}%$" }, full]
        })
    }
}

/// The share of so many of so many instances, in percent.
fn part(count: u32, all: u32) -> u8 {
    u8::try_from(count.saturating_mul(100) / all.max(1)).unwrap_or(100)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_no(flag: &bool) -> bool {
    !*flag
}

const HOUR_MS: u64 = 3_600_000;
/// Time for which a step is watched, where the file does not say.
const PAUSE_MS: u64 = 5 * 60_000;
const PAUSE_ROLLING_MS: u64 = 30_000;
/// Window of a threshold, where the file does not say.
const OVER_MS: u64 = 5 * 60_000;
/// Requests that a threshold needs, where the file does not say.
const SAMPLES: u64 = 100;
/// Time over which an error budget is meant, where the file does not say: 30 days.
const BUDGET_MS: u64 = 30 * 24 * HOUR_MS;
/// The comparison, where the file does not say: one false alarm in a hundred rollouts, twice as many failures.
const FALSE_ALARMS: u64 = 10_000;
const RATIO: u64 = 2_000;
const SAMPLES_COMPARED: u64 = 50;
/// The longest latency that can be asked for: a minute in microseconds.
const SLOWEST_US: u64 = 60_000_000;
