//! Two environments of the lab's service, compared.

use evidence::Name;
use evidence::configuration::{Bounds, Configuration};
use evidence::environment::Environment;
use evidence::parity_rules::ParityRules;
use evidence::plan::{SecretReference, Target};
use lab::{Lab, assemble, documents};

use super::*;

fn side(environment: &str, change: impl FnOnce(&mut Bundle, &mut Configuration)) -> ParitySide {
    let lab = Lab::new(0);
    let (mut bundle, _) = assemble(&lab, &lab.honest());
    let statement = bundle.environments.last().map(|envelope| Environment::read(envelope).unwrap()).unwrap();
    let mut configuration = Configuration::default();
    change(&mut bundle, &mut configuration);
    let statement = Environment { environment: environment.parse().unwrap(), ..statement };
    ParitySide::of(&bundle, 7, &statement, &configuration)
}

/// A measurement of an agent that found its host as it has to be.
fn measured() -> AgentBaselineView {
    AgentBaselineView {
        agent: "agent".parse().unwrap(),
        time: lab::at(0),
        entry: 7,
        baseline: evidence::Digest::of(b"baseline"),
        equal: true,
        differences: Vec::new(),
        more: 0,
    }
}

fn named(parity: &Parity) -> Vec<String> {
    parity.differences.iter().map(|one| format!("{}: {}", one.topic.as_str(), one.line())).collect()
}

#[test]
fn the_same_release_under_the_same_configuration_is_alike() {
    let parity = Parity::of(side("staging", |_, _| {}), side("production", |_, _| {}));
    assert_eq!((named(&parity), parity.equal), (Vec::<String>::new(), true));
    assert!(parity.same > 5, "{}", parity.same);
    assert_eq!(parity.headline(), "staging is like production");
}

#[test]
fn each_value_that_differs_has_its_topic_and_can_be_expected() {
    let from = side("staging", |bundle, _| {
        bundle.plan.variables.insert("LOG_LEVEL".to_owned(), "debug".to_owned());
        bundle.plan.memory_bytes /= 2;
        let reference = SecretReference { secret: "card".parse::<Name>().unwrap(), least: 2, variable: None };
        bundle.plan.secrets.insert("card-api".parse().unwrap(), reference);
        if let Target::Process { port, .. } = &mut bundle.plan.target {
            *port = Some(9_999);
        }
    });
    let to = side("production", |bundle, configuration| {
        bundle.manifest.0.push(b' ');
        bundle.plan.variables.insert("LOG_FORMAT".to_owned(), "json".to_owned());
        configuration.bounds = Some(Bounds { memory_mib: Some(512), ..Bounds::default() });
        let ignore = ["port", "variable LOG_*"].map(str::to_owned).into();
        configuration.parity = Some(ParityRules { ignore });
    })
    .observed(&[], &[measured()]);
    let parity = Parity::of(from, to);
    let found = named(&parity);
    let has = |beginning: &str| {
        assert!(found.iter().any(|line| line.starts_with(beginning)), "no `{beginning}`: {found:#?}");
    };
    has("artifact: ~ artifact digest: ");
    has("variables: - variable LOG_LEVEL: debug (expected)");
    has("variables: + variable LOG_FORMAT: json (expected)");
    has("secrets: - secret card-api: {\"least\":2,\"secret\":\"card\"}");
    has("network: ~ port: 9999 to ");
    has("limits: ~ memory: ");
    has("configuration: + bounds memory-mib: 512");
    has("host: + measured baseline: equal");
    assert!(
        !found.iter().any(|line| line.contains("parity")),
        "the rules themselves are no value: {found:?}"
    );
    assert!(found.iter().any(|line| line.starts_with("network: ~ port") && line.ends_with("(expected)")));
    let expected = parity.differences.iter().filter(|one| one.expected).count();
    assert_eq!((parity.equal, expected), (false, 3));
    assert_eq!(parity.headline(), "staging differs from production in 5 values; 3 differences are expected");
    let text = parity.text();
    assert!(text.contains("\nvariables\n  + variable LOG_FORMAT: json (expected)"), "{text}");
}

#[test]
fn a_missing_list_of_components_is_no_match() {
    let with = |environment, documents: bool| {
        side(environment, |bundle, _| {
            if !documents {
                bundle.lanes.documents.clear();
            } else {
                let list = documents::LabDocument::of(&documents::components("1.2.3"));
                bundle.lanes.documents = [(list.digest(), evidence::Bytes(list.bytes.clone()))].into();
            }
        })
    };
    let parity = Parity::of(with("staging", false), with("production", true));
    let found = named(&parity);
    assert!(found.contains(&"dependencies: - list of components: none".to_owned()), "{found:?}");
    assert!(found.iter().any(|line| line.starts_with("dependencies: + dependency ")), "{found:?}");
    assert!(!parity.equal);
}
