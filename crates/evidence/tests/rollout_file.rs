//! Rollouts in a release file: the plan that follows from one, and a fault with its place and remedy for each mistake.
#![expect(clippy::unwrap_used, reason = "test code")]

use evidence::configuration::Configuration;
use evidence::plan::{Destination, Plan};
use evidence::release_file::ReleaseFile;
use evidence::rollout::{Burn, Protocol, Sticky, Strategy};
use evidence::{Id, Name};

const SERVICE: &str = "version: 1
services:
  api:
    artifact: api
    process: { command: [bin/api], port: 8080 }
    probe: { http: /health }
";

fn parse(more: &str) -> Result<ReleaseFile, String> {
    ReleaseFile::parse(format!("{SERVICE}{more}\n").as_bytes()).map_err(|error| error.to_string())
}

fn plan(more: &str) -> Plan {
    let name = |text: &str| text.parse::<Name>().unwrap();
    let to = Destination {
        installation: Id::from_random([1; 16]),
        project: &name("shop"),
        service: &name("api"),
        environment: &name("production"),
        commit: &"a".repeat(40).parse().unwrap(),
    };
    let plan = Plan::derive(&to, &parse(more).unwrap(), &Configuration::default()).unwrap();
    assert_eq!(Plan::decode(&plan.encode().unwrap()).unwrap(), plan);
    plan
}

/// Steps of a plan as percent, pause in seconds, and `asks`.
fn steps(plan: &Plan) -> Vec<String> {
    let steps = &plan.rollout.as_ref().unwrap().steps;
    let asks = |automatic: bool| if automatic { "" } else { " asks" };
    steps
        .iter()
        .map(|step| format!("{} {}s{}", step.percent, step.pause_ms / 1_000, asks(step.automatic)))
        .collect()
}

#[test]
fn five_lines_make_a_canary_with_an_error_budget() {
    let plan = plan(
        "    rollout:
      strategy: canary
      steps: [5, 25, 50]
      pause: 10m
      budget: {errors: 0.1%, latency-p99: 300ms}",
    );
    assert_eq!((plan.strategy, plan.instances), (Strategy::Canary, None));
    assert_eq!(steps(&plan), ["5 600s", "25 600s", "50 600s", "100 600s"]);
    let rollout = plan.rollout.unwrap();
    let limits: Vec<_> = rollout.thresholds.iter().map(|one| (one.metric.as_str(), one.at_most)).collect();
    assert_eq!(limits, [("errors", 1_000), ("latency-p99", 300_000)]);
    assert!(rollout.thresholds.iter().all(|one| (one.window_ms, one.samples_min) == (300_000, 100)));
    let budget = rollout.budget.unwrap();
    assert_eq!((budget.objective, budget.window_ms), (1_000, 2_592_000_000));
    let burn = |long_ms, short_ms, rate| Burn { long_ms, short_ms, rate };
    assert_eq!(budget.burns, [burn(3_600_000, 300_000, 14_400), burn(21_600_000, 1_800_000, 6_000)]);
    let comparison = rollout.comparison.unwrap();
    assert_eq!((comparison.false_alarms, comparison.ratio, comparison.samples_min), (10_000, 2_000, 50));
    assert_eq!((comparison.slow_us, rollout.limit_ms), (Some(300_000), Some(3_600_000)));
}

#[test]
fn a_rollout_holds_in_its_environments() {
    let rollout = |environments: &str| {
        plan(&format!(
            "    instances: 2
    rollout:
      strategy: rolling
      environments: [{environments}]"
        ))
    };
    let elsewhere = rollout("no-such");
    assert_eq!((elsewhere.strategy, elsewhere.instances), (Strategy::Replace, Some(2)));
    assert_eq!(elsewhere.rollout, None);
    let there = rollout("production, staging");
    assert_eq!((there.strategy, there.rollout.is_some()), (Strategy::Rolling, true));
}

#[test]
fn every_field_reaches_the_plan() {
    let plan = plan(
        "    instances: 2
    rollout:
      strategy: canary
      steps: [{percent: 0, ask: true}, 5%, {percent: 50, pause: 2h}, {percent: 100, pause: 30s, ask: true}]
      pause: 1m
      budget: {errors: 1%, latency-p50: 800us, latency-p90: 2s, over: 1h, samples: 7, window: 10d}
      comparison: {false-alarms: 0.5%, ratio: 1.5, samples: 9}
      sticky: {cookie: release}
      drain: 5s",
    );
    assert_eq!(plan.instances, Some(2));
    assert_eq!(steps(&plan), ["0 60s asks", "5 60s", "50 7200s", "100 30s asks"]);
    let rollout = plan.rollout.unwrap();
    let limits: Vec<_> = rollout.thresholds.iter().map(|one| (one.metric.as_str(), one.at_most)).collect();
    assert_eq!(limits, [("errors", 10_000), ("latency-p50", 800), ("latency-p90", 2_000_000)]);
    assert!(rollout.thresholds.iter().all(|one| (one.window_ms, one.samples_min) == (3_600_000, 7)));
    // 2 percent of ten days in an hour are 4.8 times as fast as allowed.
    let rates: Vec<_> = rollout.budget.unwrap().burns.iter().map(|burn| burn.rate).collect();
    assert_eq!(rates, [4_800, 2_000]);
    let comparison = rollout.comparison.unwrap();
    assert_eq!((comparison.false_alarms, comparison.ratio, comparison.samples_min), (5_000, 1_500, 9));
    assert_eq!(comparison.slow_us, Some(2_000_000));
    assert_eq!((rollout.sticky, rollout.drain_ms), (Some(Sticky::Cookie("release".into())), Some(5_000)));
    // The limit is twice the longest pause.
    assert_eq!(rollout.limit_ms, Some(4 * 3_600_000));
}

#[test]
fn steps_of_the_other_strategies_follow_from_them() {
    let blue = plan("    rollout: {strategy: blue-green, ask: true, pause: 10m, sticky: {header: x-user}}");
    assert_eq!(steps(&blue), ["0 0s asks", "100 600s"]);
    assert_eq!(blue.rollout.unwrap().comparison, None);
    let rolling =
        plan("    instances: 3\n    rollout: {strategy: rolling, protocol: tcp, budget: {errors: 1%}}");
    assert_eq!(steps(&rolling), ["33 30s", "66 30s", "100 30s"]);
    assert_eq!(rolling.rollout.unwrap().protocol, Protocol::Tcp);
    let off = plan("    rollout: {strategy: canary, steps: [5], comparison: {off: true}}");
    assert_eq!(off.rollout.unwrap().comparison, None);
    for replace in ["", "    instances: 1", "    rollout: {strategy: replace}"] {
        let plan = plan(replace);
        assert_eq!((plan.strategy, plan.instances, plan.rollout), (Strategy::Replace, None, None));
    }
    let many = plan("    instances: 32\n    rollout: {strategy: rolling}");
    assert_eq!(steps(&many).len(), 32);
}

#[test]
fn every_mistake_is_named_with_its_remedy() {
    let rollout = |fields: &str| format!("    rollout: {{{fields}}}");
    let canary = |fields: &str| rollout(&format!("strategy: canary, steps: [5, 25], {fields}"));
    let many = (0..32).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let mistakes = [
        "    instances: 0".to_owned(),
        "    instances: 33".to_owned(),
        rollout("strategy: canary"),
        rollout("strategy: canary, steps: [25, 5]"),
        rollout("strategy: canary, steps: [5, 101]"),
        rollout(&format!("strategy: canary, steps: [{many}]")),
        rollout("strategy: blue-green, steps: [5]"),
        rollout("strategy: replace, pause: 5m"),
        rollout("strategy: rolling"),
        rollout("strategy: blue-green, comparison: {ratio: 2}"),
        canary("budget: {}"),
        canary("budget: {errors: 0%}"),
        canary("budget: {errors: 100%}"),
        canary("budget: {latency-p99: 61s}"),
        canary("budget: {latency-p99: 1s, window: 30d}"),
        canary("budget: {errors: 1%, window: 49h}"),
        canary("budget: {errors: 1%, window: 91d}"),
        canary("budget: {errors: 1%, samples: 0}"),
        canary("budget: {errors: 1%, over: 8d}"),
        canary("budget: {latency-p99: 1s}, protocol: tcp"),
        canary("comparison: {ratio: 1}"),
        canary("sticky: {cookie: a b}"),
        canary("pause: 2h, limit: 1h"),
        canary("drain: 8d"),
    ];
    let said = mistakes.map(|mistake| parse(&mistake).unwrap_err());
    let said =
        said.map(|said| said.strip_prefix(".countersign/release.yaml: services.api.").unwrap().to_owned());
    assert_texts(&said);
}

fn assert_texts(said: &[String]) {
    let expected = [
        "instances: must lie between 1 and 32",
        "instances: must lie between 1 and 32",
        "rollout: `canary` needs `steps`, such as `steps: [5, 25, 50]`",
        "rollout: `steps` must rise, from 0 to at most 100 percent",
        "rollout: `steps` must rise, from 0 to at most 100 percent",
        "rollout: `steps` are more than 31",
        "rollout: `blue-green` has its own steps: omit `steps`, or write `strategy: canary`",
        "rollout: `replace` gives all requests at once: omit everything else, or choose another `strategy`",
        "rollout: `rolling` goes from instance to instance: set `instances` to 2 or more",
        "rollout: `blue-green` has no processes to compare with: omit `comparison`",
        "rollout: `budget` needs `errors` or a latency, such as `errors: 0.1%`",
        "rollout: `budget`: `errors` lies above 0% and below 100%",
        "rollout: `budget`: `errors` lies above 0% and below 100%",
        "rollout: `budget`: a latency lies above 0 and is at most a minute",
        "rollout: `budget`: `window` is about `errors`: set it, or omit `window`",
        "rollout: `budget`: `window` lies between 50 hours and 90 days, such as `30d`",
        "rollout: `budget`: `window` lies between 50 hours and 90 days, such as `30d`",
        "rollout: `budget`: `samples` starts at 1",
        "rollout: a threshold has no window, no samples, or a number that is too large",
        "rollout: `budget`: connections of `tcp` have no latency: omit it, or omit `protocol`",
        "rollout: the ratio that counts lies between 1.1 and 100",
        "rollout: `sticky`: the name of a cookie or header needs 1 to 64 letters, digits, `-`, `_` or `.`",
        "rollout: a step may be undecided for longer than a week, or not for longer than its pause",
        "rollout: requests have longer than a week to end",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_wrong_form_is_named_with_its_line() {
    let said =
        |fields: &str| parse(&format!("    rollout:\n      strategy: canary\n      {fields}")).unwrap_err();
    let cases = [
        (
            "steps: [5, five]",
            "expected a share in percent such as `5`, or `{percent: 5, pause: 10m, ask: true}`",
        ),
        ("steps: [-5]", "expected a share in percent"),
        ("steps: [500]", "expected a share in percent"),
        ("steps: [{percent: 5, wait: 1m}]", "unknown field `wait`"),
        ("pause: 5", "`5` is not a time: write a whole number and a unit"),
        ("budget: {errors: 0.1}", "`0.1` is not a share: write a percentage"),
        ("budget: {latency-p99: 300}", "`300` is not the time of an answer"),
        (
            "prometheus: [{name: queue, query: up, over: ten}]",
            "`ten` is not a number: write one with at most six decimals",
        ),
    ];
    for (fields, expected) in cases {
        let said = said(fields);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("line 9 column"), "{said}");
    }
}

#[test]
fn only_a_process_with_a_port_is_split() {
    let files = "version: 1\nservices: { api: { artifact: api, probe: { command: [bin/check] }, ";
    for (field, place) in [("instances: 2", "instances"), ("rollout: { strategy: blue-green }", "rollout")] {
        let said = ReleaseFile::parse(format!("{files}{field} }} }}").as_bytes()).unwrap_err().to_string();
        let expected = format!(
            ".countersign/release.yaml: services.api.{place}: needs a `process` with a port; files are replaced at once"
        );
        assert_eq!(said, expected);
    }
    let text = SERVICE.replace(", port: 8080", "").replace("http: /health", "command: [bin/check]");
    let file =
        ReleaseFile::parse(format!("{text}    rollout: {{strategy: blue-green}}\n").as_bytes()).unwrap();
    let name = |text: &str| text.parse::<Name>().unwrap();
    let to = Destination {
        installation: Id::from_random([1; 16]),
        project: &name("shop"),
        service: &name("api"),
        environment: &name("production"),
        commit: &"a".repeat(40).parse().unwrap(),
    };
    let said = Plan::derive(&to, &file, &Configuration::default()).unwrap_err().to_string();
    assert_eq!(said, "plan: instances and a rollout need a port in release file or configuration");
}
