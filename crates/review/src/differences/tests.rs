//! Differences of bundles of the lab.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;

use evidence::Bytes;
use evidence::bundle::Bundle;
use evidence::configuration::Configuration;
use evidence::document::components::Component;
use evidence::document::{ComponentsDocument, Document as _, Tool};
use evidence::{Digest, pipeline};
use judge::VerificationContext;
use lab::{Lab, assemble};

use super::lines::of_texts;
use super::{Difference, Sign, between, rollout_words};
use evidence::rollout::{
    Budget, Burn, Comparison, Protocol, Query, Rollout, RolloutStep, Sticky, Strategy, Threshold,
};
use evidence::rollout_metric::Metric;

fn shown(differences: &[Difference]) -> Vec<String> {
    let sign = |sign| match sign {
        Sign::Added => '+',
        Sign::Removed => '-',
        Sign::Changed => '~',
    };
    let lines = |difference: &Difference| -> String {
        difference.lines.iter().map(|line| format!(" {}{}", sign(line.sign), line.text)).collect()
    };
    differences.iter().map(|difference| format!("{}:{}", difference.title, lines(difference))).collect()
}

fn with_components(bundle: &mut Bundle, components: &[(&str, &str)]) {
    let mut list = ComponentsDocument::new([Tool::new("lab", None)]);
    for (name, version) in components {
        let component = Component {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            scope: evidence::document::components::Scope::Runtime,
            direct: None,
            pinned: true,
            checksums: [].into(),
            licence: None,
            needs: [].into(),
            sources: [].into(),
            differs: None,
        };
        list.add(format!("pkg:cargo/{name}@{version}"), component);
    }
    let bytes = list.encode().unwrap();
    bundle.lanes.documents = [(Digest::of(&bytes), Bytes(bytes))].into();
}

#[test]
fn each_sort_of_difference_is_told_with_its_lines() {
    let lab = Lab::default();
    let (new, _): (Bundle, _) = assemble(&lab, &lab.honest());
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let mut checked = judge::check(&new, &lab.anchors(), &seen).unwrap();
    assert_eq!(between(&checked, Some(&new)).len(), 1, "only the commits");
    let mut new = new.clone();
    with_components(&mut new, &[("serde", "1.0.2"), ("once_cell", "1.0.0")]);
    checked.bundle = &new;
    let mut old = new.clone();
    with_components(&mut old, &[("serde", "1.0.1"), ("idna", "0.4.0")]);
    old.plan.variables = [("RETRIES".to_owned(), "3".to_owned())].into();
    old.plan.memory_bytes = 64 * 1024 * 1024;
    let mut configuration = Configuration::decode(&old.configuration.0).unwrap();
    configuration.variables.insert("COLOUR".to_owned(), "red".to_owned());
    old.configuration = Bytes(configuration.encode().unwrap());
    let file = old.source.files.get_mut(pipeline::PATH).unwrap();
    file.0.extend_from_slice(b"# the end\n");
    let said = shown(&between(&checked, Some(&old)));
    let [pipeline, configuration, commits, dependencies, plan] = said.as_slice() else { panic!("{said:#?}") };
    assert_eq!(pipeline, "The pipeline file changed: -# the end");
    assert_eq!(configuration, "The configuration of the environment changed: -variable COLOUR: red");
    assert!(commits.contains("commit"), "{commits}");
    assert_eq!(
        dependencies,
        "Dependencies: 1 added, 1 removed, 1 changed: -idna (cargo) 0.4.0 +once_cell (cargo) 1.0.0 \
         ~serde (cargo) 1.0.1 to 1.0.2"
    );
    assert!(plan.contains("-variable RETRIES: 3") && plan.contains("~memory: 64 MiB to "), "{plan}");
}

#[test]
fn a_change_of_the_pipeline_that_gives_a_step_a_secret_is_named_first() {
    let lab = Lab::default();
    let (old, _): (Bundle, _) = assemble(&lab, &lab.honest());
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let mut checked = judge::check(&old, &lab.anchors(), &seen).unwrap();
    let with = |secrets: &str| {
        let mut bundle = old.clone();
        let file = bundle.source.files.get_mut(pipeline::PATH).unwrap();
        let text = String::from_utf8(file.0.clone()).unwrap();
        let step = format!("steps:\n  publish: {{ run: [publish], secrets: {secrets} }}\n");
        file.0 = text.replacen("steps:\n", &step, 1).into_bytes();
        bundle
    };
    let [one, two] =
        ["{ token: { secret: a/b } }", "{ token: { secret: a/c, env: T }, key: { secret: d } }"].map(with);
    checked.bundle = &one;
    let said = shown(&between(&checked, Some(&old)));
    assert_eq!(said[0], "Steps get other secrets: +step publish, file token: shop/a/b");
    assert!(said[1].starts_with("The pipeline file changed: "), "{said:?}");
    checked.bundle = &two;
    let said = shown(&between(&checked, Some(&one)));
    assert_eq!(
        said[0],
        "Steps get other secrets: +step publish, file key: shop/d ~step publish, file token: shop/a/b to shop/a/c, \
         also in the variable T"
    );
    checked.bundle = &old;
    let said = shown(&between(&checked, Some(&one)));
    assert_eq!(said[0], "Steps get other secrets: -step publish, file token: shop/a/b");
    assert!(!shown(&between(&checked, Some(&old))).iter().any(|said| said.contains("secrets")));
}

#[test]
fn lines_of_texts_are_counted() {
    let signs = |old: &str, new: &str| -> String {
        let lines = of_texts(old, new);
        lines.iter().map(|line| if line.sign == Sign::Added { '+' } else { '-' }).collect()
    };
    assert_eq!(signs("a\nb\n", "a\nb\n"), "");
    assert_eq!(signs("a\n", "a\na\n"), "+", "a line that is there once more");
    assert_eq!(signs("a\nb\n", "b\nc\n\n"), "-+", "an empty line is no difference");
}

#[test]
fn a_rollout_is_told_with_every_number() {
    let lab = Lab::default();
    let (bundle, _): (Bundle, _) = assemble(&lab, &lab.honest());
    assert!(rollout_words(&bundle.plan).is_empty());
    let mut plan = bundle.plan;
    let step = |percent, automatic| RolloutStep { percent, pause_ms: 300_000, automatic };
    let limit = |metric: Metric, at_most| Threshold {
        metric: metric.as_str().parse().unwrap(),
        at_most,
        window_ms: 300_000,
        samples_min: 100,
    };
    let burn = Burn { long_ms: 3_600_000, short_ms: 300_000, rate: 14_400 };
    let source_name = || "prometheus".parse::<evidence::Name>().unwrap();
    let query = Query {
        name: "queue".parse().unwrap(),
        source: source_name(),
        query: "queue\n".into(),
        at_most: 1_500_000,
        at_least: None,
    };
    (plan.strategy, plan.instances) = (Strategy::Canary, Some(2));
    plan.rollout = Some(Rollout {
        steps: vec![step(5, true), step(50, false), step(100, true)],
        thresholds: vec![limit(Metric::Errors, 1_000), limit(Metric::LatencyP99, 300_000)],
        sticky: Some(Sticky::Cookie("release".into())),
        drain_ms: None,
        comparison: Some(Comparison {
            false_alarms: 10_000,
            ratio: 1_500,
            samples_min: 50,
            slow_us: Some(300_000),
        }),
        budget: Some(Budget { objective: 1_000, window_ms: 2_592_000_000, burns: vec![burn] }),
        limit_ms: Some(7_200_000),
        protocol: Protocol::Tcp,
        prometheus: vec![query],
        sources: BTreeMap::from([(source_name(), "http://127.0.0.1:9090".to_owned())]),
    });
    let words = rollout_words(&plan).into_iter().map(|(name, value)| format!("{name}: {value}"));
    let expected = [
        "instances: 2",
        "replaces by: canary",
        "step 1: 5% for 5m, then by itself",
        "step 2: 50% for 5m, then asks",
        "step 3: 100% for 5m, then by itself",
        "limit of errors: 0.1% over 5m, from 100 requests",
        "limit of latency-p99: 300ms over 5m, from 100 requests",
        "query queue: at most 1.5: queue\\n (of http://127.0.0.1:9090)",
        "error budget: 0.1% in 30d, at most 14.4 times as fast over 1h and 5m",
        "comparison: 1.5 times as many failures are worse, 1% false alarms, from 50 requests each, slow from 300ms",
        "requests of one client: together by cookie release",
        "time to drain: 30s",
        "undecided for at most: 2h",
        "protocol: tcp",
    ];
    assert_eq!(words.collect::<Vec<_>>(), expected);
    let rollout = plan.rollout.take().unwrap();
    let sticky = Some(Sticky::Header("x-user".into()));
    plan.rollout = Some(Rollout { sticky, comparison: None, ..rollout });
    let words: BTreeMap<_, _> = rollout_words(&plan).into_iter().collect();
    assert_eq!(words["comparison"], "none");
    assert_eq!(words["requests of one client"], "together by header x-user");
}
