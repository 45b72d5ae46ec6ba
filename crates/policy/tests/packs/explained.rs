//! What people read of the rules of a pack: the effect of each one, and the fields that it reads.

use std::collections::BTreeSet;

use policy::{Bundle, Effect, Gate, PACKS, Verdict};
use serde_json::json;

use crate::support::{gate, input};

/// Each rule of a pack is explained, and no other: people would miss a rule that is not.
#[test]
fn each_rule_of_a_pack_is_explained() {
    for pack in PACKS {
        let files = pack.files();
        let codes = |text: &str| -> BTreeSet<String> {
            let words = text.split("\"code\": \"").skip(1);
            words.filter_map(|rest| rest.split_once('"')).map(|(code, _)| code.to_owned()).collect()
        };
        let written: BTreeSet<String> = files.values().flat_map(|text| codes(text)).collect();
        let input = input(&[], &[]).to_string();
        let rules = gate(pack.name).explain(&input).unwrap().unwrap();
        let explained: BTreeSet<String> = rules.iter().map(|rule| rule.code.clone()).collect();
        assert_eq!(written, explained, "{}", pack.name);
        assert_eq!(rules.len(), explained.len(), "{}: one row for each rule", pack.name);
        assert!(rules.iter().all(|rule| !rule.reads.is_empty()), "{}", pack.name);
        let computed = rules.iter().filter(|rule| rule.what.is_none()).count();
        assert!(computed * 4 < rules.len(), "{}: most rules have a fixed sentence", pack.name);
    }
    let alone = json!({"mode": "solo", "place": {"environment": "dev"}}).to_string();
    let rules = gate("default").explain(&alone).unwrap().unwrap();
    let off: Vec<_> =
        rules.iter().filter(|rule| rule.effect == Effect::Off).map(|rule| rule.code.as_str()).collect();
    assert_eq!(
        off,
        [
            "approval-void",
            "approvals-missing",
            "assisted-unreviewed",
            "baseline-differs",
            "browser-only",
            "coverage-low",
            "environments-differ",
            "infrastructure-unscanned",
            "label-missing",
            "pipeline-changed",
            "pipeline-uncompared",
            "range-unsigned",
            "rollout-undone",
            "version-missing"
        ]
    );
}

/// The words of a rule without a release: patterns with `…`, and remedies that a rule names.
#[test]
fn the_words_of_a_rule_are_found() {
    let rules = gate("default").explain(&input(&[], &[]).to_string()).unwrap().unwrap();
    let found = |code: &str| rules.iter().find(|rule| rule.code == code).unwrap().clone();
    let tests = found("tests-failed");
    assert_eq!(tests.remedy.as_deref(), Some("mend it and run again"));
    let unpinned = found("dependency-unpinned");
    assert_eq!(unpinned.what.as_deref(), Some("no checksum pins … components: …"));
    assert_eq!(found("licence-denied").what.as_deref(), Some("… is licensed under …"));
    assert!(found("licence-denied").remedy.is_some(), "a rule with a fixed text");
    assert_eq!(found("finding-critical").remedy, None, "the policy computes it");
}

/// Numbers that a policy sets, for people.
#[test]
fn values_of_a_policy_are_read() {
    let gate = gate("default");
    let input =
        |environment: &str| json!({"mode": "team", "place": {"environment": environment}}).to_string();
    assert_eq!(gate.value("approvals_needed", &input("production")), Some(json!(1)));
    assert_eq!(gate.value("approvals_needed", &input("dev")), Some(json!(0)));
    assert_eq!(gate.value("approver", &input("dev")), Some(json!("release-manager")));
    assert_eq!(gate.value("limits", &input("dev")).unwrap()["report_days"], json!(30));
    assert_eq!(gate.value("no_such_rule", &input("dev")), None);
    assert_eq!(gate.value("approvals_needed", "no JSON"), None);
}

/// The fields that are read in conditions of the rules of `default`, found in the rules themselves.
#[test]
fn the_fields_that_each_rule_reads_are_found() {
    let rules = gate("default").explain(&input(&[], &[]).to_string()).unwrap().unwrap();
    let found = |code: &str| rules.iter().find(|rule| rule.code == code).unwrap().reads.clone();
    for (code, fields) in [
        ("runners-too-few", "build.runners mode place.environment"),
        ("steps-missing", "build.steps[].kind"),
        (
            "approvals-missing",
            "approvals[].counts approvals[].roles approvals[].subject mode people.signed_off[] place.environment",
        ),
        ("rejected", "rejections[]"),
        ("range-unsigned", "mode source.range[].signer"),
        ("secret-found", "before.findings[].class findings[].class findings[].state findings[].unconfirmed"),
        (
            "finding-critical",
            "before.findings[].severity findings[].exploited findings[].severity findings[].state",
        ),
        ("finding-undecided", "before.findings[].undecided findings[].undecided reports[].items.skipped"),
        ("licence-denied", "findings[].class components[].licence"),
        ("fix-overdue", "findings[].severity findings[].fixed findings[].fix_days findings[].published_days"),
        ("fix-undated", "findings[].fixed findings[].fix_days findings[].published_days"),
        ("budget-exceeded", "findings[].severity findings[].state"),
        ("report-old", "reports[].days reports[].knowledge_days reports[].undated"),
        ("sbom-missing", "reports[].kind reports[].items.components reports[].items.sources"),
        ("secrets-unscanned", "reports[].kind reports[].format reports[].producer"),
        ("dependencies-unjudged", "reports[].kind reports[].format reports[].items.components"),
        ("provenance-missing", "build.pipeline"),
        ("tests-missing", "tests.passed tests.flaky"),
        ("tests-failed", "tests.failing[] before.tests.failing[]"),
        ("dependency-unpinned", "components[].pinned"),
        ("baseline-differs", "observations[].kind observations[].body.equal"),
        ("rollout-undone", "observations[].kind observations[].body.end"),
        ("environments-differ", "before.environment parity.differences"),
        ("coverage-low", "coverage.lines.covered coverage.lines.total"),
        ("version-missing", "statements[].kind statements[].body.version"),
        ("label-missing", "statements[].kind statements[].body.labels[]"),
        ("check-failed", "before.checks[].passed"),
        ("configuration-out-of-bounds", "configuration.differences[]"),
    ] {
        let found = found(code);
        let missed: Vec<_> = fields.split(' ').filter(|field| !found.contains(*field)).collect();
        assert!(missed.is_empty(), "{code}: {missed:?} of {found:?}");
    }
    assert!(!found("steps-missing").contains("build.steps[].name"), "no rule reads more than it does");
}

/// The table of limits is read as the rule reads it: rows of the environment, else those of all others.
#[test]
fn the_budget_of_a_place_is_the_one_that_the_rule_counts_by() {
    let budget = |pack: &str, mode: &str, environment: &str| {
        let input = json!({"mode": mode, "place": {"environment": environment}}).to_string();
        let budget = gate(pack).budget(&input).unwrap();
        (
            budget.most.into_iter().map(|(name, most)| format!("{name} {most}")).collect::<Vec<_>>(),
            budget.effect,
        )
    };
    let words = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(budget("default", "team", "production"), (words(&["critical 0", "high 5"]), Effect::Warn));
    assert_eq!(budget("default", "team", "staging"), (words(&["critical 5"]), Effect::Off));
    assert_eq!(budget("default", "solo", "production"), (words(&["critical 0", "high 5"]), Effect::Warn));
    assert_eq!(budget("pci-dss", "team", "production"), (Vec::new(), Effect::Off));
}

/// A budget for a class of data counts beside that of the environment: the lower number.
#[test]
fn the_budget_of_a_class_of_data_counts_too() {
    let mut files = PACKS.iter().find(|pack| pack.name == "default").unwrap().files();
    let limits = files.values_mut().find(|text| text.contains("classes := {}")).unwrap();
    *limits = limits.replace("classes := {}", "classes := {\"production\": \"restricted\"}");
    *limits =
        limits.replace("\"other\": {\"critical\": 5}", "\"class/restricted\": {\"high\": 1, \"low\": 9}");
    let gate = Gate::compile(&Bundle::new(files).unwrap()).unwrap();
    let input = json!({"mode": "team", "place": {"environment": "production"}}).to_string();
    let most = gate.budget(&input).unwrap().most;
    assert_eq!(most, [("critical".to_owned(), 0), ("high".to_owned(), 1), ("low".to_owned(), 9)].into());
}

/// A policy from before `explain` existed works as it did.
#[test]
fn a_policy_without_explain_has_no_rules_to_show() {
    let text = "package countersign.gate\nimport rego.v1\nchecks contains \"x\"\ndeny contains 1 if false\n";
    let gate =
        Gate::compile(&Bundle::new([("gate.rego".to_owned(), text.to_owned())].into()).unwrap()).unwrap();
    assert_eq!(gate.explain("{}").unwrap(), None);
    assert_eq!(gate.budget("{}"), None, "and has no budget");
    let broken = format!("{text}explain contains \"x\"\n");
    let gate = Gate::compile(&Bundle::new([("gate.rego".to_owned(), broken)].into()).unwrap()).unwrap();
    assert!(gate.explain("{}").is_err());
    assert!(matches!(gate.ask("{}"), Verdict::Pass { .. }), "the set decides nothing");
}
