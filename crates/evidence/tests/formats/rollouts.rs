//! The optional fields of a plan, and what a reader refuses in them.

use evidence::plan::{Plan, SecretReference, StepBefore, Target};
use evidence::rollout::{
    Budget, Burn, Comparison, Protocol, Query, Rollout, RolloutStep, Sticky, Strategy, Threshold,
};

use crate::check;
use crate::optional::block;
use crate::support::name;

/// The plan of the page, with every optional field.
fn plan() -> Plan {
    let mut plan = Plan::decode(&block("plan", 0)).unwrap();
    let step = |percent, automatic| RolloutStep { percent, pause_ms: 600_000, automatic };
    let errors = Threshold { metric: name("errors"), at_most: 1_000, window_ms: 300_000, samples_min: 500 };
    let slow = Some(300_000);
    let burn = Burn { long_ms: 3_600_000, short_ms: 300_000, rate: 14_400 };
    plan.strategy = Strategy::Canary;
    plan.instances = Some(2);
    plan.rollout = Some(Rollout {
        steps: vec![step(5, true), step(100, false)],
        thresholds: vec![errors],
        sticky: Some(Sticky::Cookie("release".into())),
        drain_ms: Some(30_000),
        comparison: Some(Comparison { false_alarms: 10_000, ratio: 2_000, samples_min: 50, slow_us: slow }),
        budget: Some(Budget { objective: 1_000, window_ms: 2_592_000_000, burns: vec![burn] }),
        limit_ms: Some(3_600_000),
        protocol: Protocol::Http,
        prometheus: Vec::new(),
        sources: evidence::rollout::Sources::new(),
    });
    let variable = Some("DB_PASSWORD".to_owned());
    let secret = SecretReference { secret: name("database"), least: 3, variable };
    plan.secrets = [(name("password"), secret)].into();
    let command = vec!["bin/migrate".to_owned(), "up".to_owned()];
    plan.before =
        vec![StepBefore { name: name("migrate"), command, stop_ms: 60_000, database: None, ssh: [].into() }];
    plan
}

fn query(of: &str) -> Query {
    Query {
        name: name(of),
        source: name("prometheus"),
        query: "up".into(),
        at_most: 1_000_000,
        at_least: None,
    }
}

#[test]
fn plan_example() {
    let bytes = plan().encode().unwrap();
    check("plan", 1, &bytes);
    assert_eq!(Plan::decode(&bytes).unwrap(), plan());
    assert_eq!(plan().unapplied(), [""; 0]);
    let mut asks = plan();
    let rollout = asks.rollout.as_mut().unwrap();
    rollout.prometheus = vec![query("queue")];
    rollout.sources = [(name("prometheus"), "http://127.0.0.1:9090".to_owned())].into();
    rollout.thresholds[0].metric = name("heat");
    asks = Plan::decode(&asks.encode().unwrap()).unwrap();
    assert_eq!(asks.unapplied(), ["rollout.thresholds"]);
}

/// The fault that a plan has after a change.
fn fault(change: &dyn Fn(&mut Plan, &mut Rollout)) -> String {
    let mut changed = plan();
    let mut rollout = changed.rollout.take().unwrap();
    change(&mut changed, &mut rollout);
    changed.rollout = Some(rollout);
    Plan::decode(&changed.encode().unwrap()).unwrap_err().to_string()
}

#[test]
fn faults_of_rollouts_are_named() {
    let many = |n: u8| RolloutStep { percent: n, pause_ms: 0, automatic: true };
    let shown = [
        fault(&|_, it| it.steps.clear()),
        fault(&|_, it| it.steps.reverse()),
        fault(&|_, it| it.steps[1].percent = 99),
        fault(&|_, it| it.steps[1].percent = 101),
        fault(&|_, it| it.steps = (68..=100).map(many).collect()),
        fault(&|_, it| it.steps[0].pause_ms = 7 * 24 * 3_600_000 + 1),
        fault(&|_, it| it.thresholds.push(it.thresholds[0].clone())),
        fault(&|_, it| it.thresholds = vec![it.thresholds[0].clone(); 33]),
        fault(&|_, it| it.thresholds[0].samples_min = 0),
        fault(&|_, it| it.thresholds[0].window_ms = 0),
        fault(&|_, it| it.limit_ms = Some(600_000)),
        fault(&|_, it| it.drain_ms = Some(7 * 24 * 3_600_000 + 1)),
        fault(&|_, it| it.prometheus = vec![query("queue"), query("queue")]),
        fault(&|_, it| it.prometheus = (0..17).map(|n| query(&format!("queue-{n:02}"))).collect()),
        fault(&|_, it| it.prometheus = vec![query("queue")]),
        fault(&|_, it| {
            it.prometheus = vec![Query { at_least: Some(1_000_001), ..query("queue") }];
            it.sources = [(name("prometheus"), "http://127.0.0.1:9090".to_owned())].into();
        }),
        fault(&|_, it| it.sources = [(name("prometheus"), "http://metrics.example".to_owned())].into()),
        fault(&|_, it| it.sticky = Some(Sticky::Header("a b".into()))),
        fault(&|_, it| it.comparison.as_mut().unwrap().false_alarms = 0),
        fault(&|_, it| it.comparison.as_mut().unwrap().ratio = 1_000),
        fault(&|_, it| it.comparison.as_mut().unwrap().samples_min = 0),
        fault(&|_, it| it.comparison.as_mut().unwrap().slow_us = Some(0)),
        fault(&|_, it| it.budget.as_mut().unwrap().objective = 1_000_000),
        fault(&|_, it| it.budget.as_mut().unwrap().window_ms = 91 * 24 * 3_600_000),
        fault(&|_, it| it.budget.as_mut().unwrap().burns.clear()),
        fault(&|_, it| it.budget.as_mut().unwrap().burns[0].short_ms = 3_600_000),
    ];
    let expected = [
        "plan: the steps of a rollout do not rise to 100 percent",
        "plan: the steps of a rollout do not rise to 100 percent",
        "plan: the steps of a rollout do not rise to 100 percent",
        "plan: the steps of a rollout do not rise to 100 percent",
        "plan: a rollout has more than 32 steps",
        "plan: a pause is longer than a week",
        "plan: thresholds are not sorted, or a metric stands twice",
        "plan: a rollout has more than 32 thresholds",
        "plan: a threshold has no window, no samples, or a number that is too large",
        "plan: a threshold has no window, no samples, or a number that is too large",
        "plan: a step may be undecided for longer than a week, or not for longer than its pause",
        "plan: requests have longer than a week to end",
        "plan: queries are not sorted, or one is empty or too large",
        "plan: a rollout has more than 16 queries",
        "plan: a query names a server of Prometheus that the plan does not have",
        "plan: queries are not sorted, or one is empty or too large",
        "plan: the address of Prometheus is not `https://HOST`, `https://HOST:PORT` or plain HTTP on a loopback address",
        "plan: the name of a cookie or header needs 1 to 64 letters, digits, `-`, `_` or `.`",
        "plan: false alarms lie between 1 and 500,000 millionths",
        "plan: the ratio that counts lies between 1.1 and 100",
        "plan: a comparison needs at least one sample, and a number that is not too large",
        "plan: slow requests take between 1 microsecond and a minute",
        "plan: an error budget is less than the whole, and not nothing",
        "plan: an error budget is meant for at most 90 days",
        "plan: an error budget has 1 to 8 pairs of windows",
        "plan: a pair of windows is not a short and a long one of at most a week, with a rate of at least 1",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn faults_of_other_fields_are_named() {
    let shown = [
        fault(&|it, _| it.strategy = Strategy::Replace),
        fault(&|it, _| it.instances = Some(1)),
        fault(&|it, _| it.target = Target::Files {}),
        fault(&|it, _| it.secrets.values_mut().for_each(|secret| secret.least = 0)),
        fault(&|it, _| {
            let secret = SecretReference { secret: name("database"), least: 1, variable: None };
            it.secrets = (0..65).map(|n| (name(&format!("secret-{n}")), secret.clone())).collect();
        }),
        fault(&|it, _| it.before.push(it.before[0].clone())),
        fault(&|it, _| it.before[0].command.clear()),
        fault(&|it, _| it.before[0].stop_ms = 3_600_001),
        fault(&|it, _| {
            let step = it.before[0].clone();
            let named = |n| StepBefore { name: name(&format!("step-{n}")), ..step.clone() };
            it.before = (0..17).map(named).collect();
        }),
    ];
    let expected = [
        "plan: a rollout has a strategy other than `replace`, and each other strategy has one",
        "plan: a plan with more than one instance has 2 to 32",
        "plan: only a process with a port has instances or a rollout",
        "plan: a secret's lowest number starts at 1",
        "plan: a plan has more than 64 secrets",
        "plan: a step before the release stands twice",
        "plan: a step before the release has no command or time, or too long ones",
        "plan: a step before the release has no command or time, or too long ones",
        "plan: a plan has more than 16 steps before the release",
    ];
    assert_eq!(shown, expected);
}
