//! The packs: each compiles, its own tests hold, both evaluators agree on every rule of it, and it costs little.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod explained;
mod generated;
mod regulations;
mod support;
mod tables;

use std::fmt::Write as _;
use std::time::Instant;

use policy::{Bundle, PACKS, Verdict, run_tests};
use serde_json::{Value, json};

use crate::support::{codes, component, finding, gate, good, input, is_regulation};

#[test]
fn the_tests_of_every_pack_hold() {
    for pack in PACKS {
        let bundle = Bundle::new(pack.files()).unwrap();
        policy::all_asked(&bundle).unwrap();
        let results = run_tests(&bundle, &pack.tests()).unwrap();
        let failed: Vec<_> = results.iter().filter(|(_, why)| why.is_some()).collect();
        assert!(failed.is_empty(), "{}: {failed:?}", pack.name);
        assert!(results.len() >= 9, "{} has {} tests", pack.name, results.len());
    }
}

/// Reports of a release whose packages nobody judged.
fn unjudged() -> Value {
    json!([("findings", "secrets"), ("components", "components"), ("tests", "junit")].map(
        |(kind, format)| {
            json!({"kind": kind, "step": "scan", "path": format, "format": format, "days": 0,
            "knowledge_days": null, "items": {"components": 3, "sources": 1}})
        }
    ))
}

/// A release with a report of which one runner does not say how old its knowledge is.
fn undated() -> Value {
    let mut input = input(&[], &[component(1, &json!({}))]);
    let more = json!({"knowledge_days": 3, "undated": 1, "runners": 2});
    input["reports"][0].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

/// For each rule an input that breaks it alone, and what each pack says: `block`, `warn`, or nothing.
#[test]
fn every_rule_decides_alike_in_both_evaluators() {
    let with = |changes: &Value| input(&[finding(1, changes)], &[]);
    let of = |changes: &Value| input(&[], &[component(1, changes)]);
    let changed = |pointer: &str, value: Value| {
        let mut input = input(&[], &[component(1, &json!({}))]);
        *input.pointer_mut(pointer).unwrap() = value;
        input
    };
    let only = |kind: &str| {
        changed(
            "/reports",
            json!([{"kind": kind, "step": "s", "path": "p", "days": 0, "knowledge_days": null}]),
        )
    };
    let placed = |data: Value, region: Value| {
        let mut input = input(&[], &[component(1, &json!({}))]);
        input["service"] = json!({ "data": data });
        if !region.is_null() {
            input["place"]["region"] = region;
        }
        input
    };
    let high: Vec<_> = (0..6).map(|n| finding(n, &json!({"severity": "high", "fixed": null}))).collect();
    let cases = [
        ("nothing", input(&[], &[component(1, &json!({}))]), ["", "", ""]),
        ("secret-found", with(&json!({"class": "secret"})), ["block", "block", "block"]),
        ("secret-found", with(&json!({"class": "secret", "unconfirmed": true})), ["warn", "warn", "warn"]),
        (
            "finding-critical",
            with(&json!({"class": "code", "exploited": true, "fixed": null})),
            ["block", "warn", "block"],
        ),
        ("fix-overdue", with(&json!({"severity": "high", "fix_days": 61})), ["warn", "block", "warn"]),
        (
            "fix-undated",
            with(&json!({"severity": "high", "fix_days": null, "published_days": null})),
            ["warn", "block", "warn"],
        ),
        ("budget-exceeded", input(&high, &[]), ["warn", "", "warn"]),
        ("licence-denied", of(&json!({"licence": "SSPL-1.0 AND MIT"})), ["warn", "", "warn"]),
        ("dependency-unpinned", of(&json!({"pinned": false})), ["warn", "warn", "warn"]),
        ("report-old", changed("/reports/0/days", json!(40)), ["warn", "block", "warn"]),
        ("report-old", changed("/reports/0/knowledge_days", json!(40)), ["warn", "block", "warn"]),
        ("report-old", undated(), ["warn", "block", "warn"]),
        ("sbom-missing", only("findings"), ["warn", "block", "warn"]),
        ("dependencies-unjudged", changed("/reports", unjudged()), ["warn", "warn", "warn"]),
        ("provenance-missing", changed("/build/pipeline", Value::Null), ["block", "block", "block"]),
        ("tests-missing", changed("/tests/passed", json!(0)), ["warn", "warn", "warn"]),
        ("tests-failed", changed("/tests/failing", json!(["a b"])), ["block", "block", "block"]),
        (
            "check-failed",
            changed(
                "/before",
                json!({"environment": "staging", "checks": [{"name": "smoke", "passed": false, "exits": ["code 1"]}]}),
            ),
            ["block", "block", "block"],
        ),
        (
            "secret-found",
            changed(
                "/before",
                json!({"environment": "staging", "findings": [finding(1, &json!({})), finding(2, &json!({"class": "secret"})), finding(3, &json!({}))]}),
            ),
            ["block", "block", "block"],
        ),
        (
            "configuration-out-of-bounds",
            changed("/configuration", json!({"differences": [{"name": "A", "what": "is on"}]})),
            ["block", "block", "block"],
        ),
        (
            "rejected",
            changed("/rejections", json!([{"name": "erin", "reason": "no"}])),
            ["block", "block", "block"],
        ),
        ("approvals-missing", changed("/approvals", json!([])), ["block", "block", "block"]),
        (
            "residency-violated",
            placed(json!(["personal"]), json!("eu-central-1")),
            ["block", "block", "block"],
        ),
        ("residency-violated", placed(json!(["public"]), Value::Null), ["", "", ""]),
        ("promoter-wrote", changed("/people/promoter", json!("alice")), ["", "", "block"]),
    ];
    decided(&cases);
}

#[test]
fn a_release_without_a_scan_for_secrets_is_told() {
    let changed = |pointer: &str, value: Value| {
        let mut input = input(&[], &[component(1, &json!({}))]);
        *input.pointer_mut(pointer).unwrap() = value;
        input
    };
    decided(&[
        ("secrets-unscanned", changed("/reports", unjudged()), ["warn", "block", "warn"]),
        ("secrets-unscanned", changed("/reports/3/producer", json!("sha256:02")), ["warn", "block", "warn"]),
        ("secrets-unscanned", changed("/reports/3/format", json!("dependencies")), ["warn", "block", "warn"]),
        ("secrets-unscanned", input(&[], &[]), ["", "", ""]),
    ]);
}

#[test]
fn what_nobody_could_decide_decides_alike_in_both_evaluators() {
    let with = |changes: &Value| input(&[finding(1, changes)], &[]);
    let mut before = input(&[], &[]);
    let open = finding(2, &json!({"undecided": true}));
    before["before"] = json!({"environment": "staging", "findings": [finding(1, &json!({})), open]});
    let unread = json!({"class": "secret", "undecided": true, "rule": "not-scanned"});
    let suspected = json!({"class": "secret", "undecided": true, "unconfirmed": true});
    decided(&[
        ("finding-undecided", with(&json!({"undecided": true, "fixed": null})), ["warn", "block", "warn"]),
        ("finding-undecided", with(&suspected), ["warn", "warn", "warn"]),
        ("finding-undecided", before, ["warn", "block", "warn"]),
        ("secret-found", with(&unread), ["", "", ""]),
        // A report cannot silence a secret by the word that nobody knows.
        ("secret-found", with(&json!({"class": "secret", "undecided": true})), ["block", "block", "block"]),
    ]);
}

#[test]
fn a_list_of_components_without_a_source_says_nothing() {
    // A list with these counts, beside a finding of a scan of the dependencies.
    let listed = |items: &Value, found: &Value| {
        let mut finding = finding(1, &json!({"rule": "lockfile-missing", "fixed": null}));
        finding.as_object_mut().unwrap().extend(found.as_object().unwrap().clone());
        let mut input = input(&[finding], &[]);
        input["reports"][1]["items"] = items.clone();
        input
    };
    let nothing = json!({"components": 0, "sources": 0});
    let said = json!({"class": "supply", "state": "waiver", "undecided": true});
    let open = json!({"class": "supply", "state": "open", "undecided": true});
    let skipped = json!({"components": 1, "sources": 1, "skipped": 3});
    let found = json!({"class": "supply", "rule": "lockfiles-skipped", "undecided": true, "state": "waiver"});
    // A scanner of the project may name its rule like that.
    let claimed = json!({"class": "supply", "rule": "lockfiles-skipped"});
    let other = json!({"class": "code", "rule": "lockfiles-skipped", "undecided": true, "state": "waiver"});
    let (bad, good) = (["warn", "block", "warn"], ["", "", ""]);
    decided(&[
        ("sbom-missing", listed(&nothing, &json!({})), bad),
        ("sbom-missing", listed(&json!({"components": 0, "sources": 1}), &json!({})), good),
        ("sbom-missing", listed(&json!({"components": 1, "sources": 0}), &json!({})), good),
        ("sbom-missing", listed(&nothing, &said), good),
        ("sbom-missing", listed(&nothing, &open), bad),
        ("sbom-missing", listed(&nothing, &json!({"state": "waiver", "undecided": true})), bad),
        // A scanner of the project may name its rule like that, and has it waived.
        ("sbom-missing", listed(&nothing, &json!({"state": "waiver"})), bad),
        ("finding-undecided", listed(&skipped, &json!({})), bad),
        ("finding-undecided", listed(&skipped, &found), good),
        ("finding-undecided", listed(&skipped, &claimed), bad),
        ("finding-undecided", listed(&skipped, &other), bad),
    ]);
}

/// Only a format of a scanner that judges packages shows that somebody judged them. SARIF may be of any tool.
#[test]
fn an_empty_report_of_another_tool_judges_no_package() {
    let scanned = |format: &str| {
        let mut input = input(&[], &[]);
        input["reports"][0]["format"] = json!(format);
        input["reports"][1]["items"] = json!({"components": 3, "sources": 1});
        input
    };
    let warned = ["warn", "warn", "warn"];
    let cases =
        ["sarif", "secrets", "bandit"].map(|format| ("dependencies-unjudged", scanned(format), warned));
    decided(&cases);
    let cases = ["dependencies", "osv-scanner", "trivy", "grype", "cyclonedx-json", "cyclonedx-xml"]
        .into_iter()
        .chain(["pip-audit", "npm-audit"]);
    let cases: Vec<_> =
        cases.map(|format| ("dependencies-unjudged", scanned(format), ["", "", ""])).collect();
    decided(&cases);
}

/// Asks each pack about each case.
fn decided(cases: &[(&str, Value, [&str; 3])]) {
    for (at, pack) in ["default", "pci-dss", "sox-itgc"].into_iter().enumerate() {
        let gate = gate(pack);
        for (code, input, expected) in cases {
            let (against, warned) = codes(&gate, input);
            let is = |all: &[String]| all.iter().any(|one| one == code);
            let found = match (is(&against), is(&warned)) {
                (true, false) => "block",
                (false, true) => "warn",
                (false, false) => "",
                (true, true) => "both",
            };
            assert_eq!(found, expected[at], "{pack}: {code}; against {against:?}, warned {warned:?}");
        }
    }
}

/// 300 components and 50 findings. Each of them may cost some steps, and no pair of them any: three times as many
/// components cost at most three times as much.
#[test]
fn the_cost_of_a_pack_grows_with_its_input_and_not_with_pairs() {
    let mut table = String::new();
    for pack in PACKS {
        let gate = gate(pack.name);
        let of = |components: usize, findings: usize| {
            let findings: Vec<_> = (0..findings).map(|n| finding(n, &json!({}))).collect();
            let components: Vec<_> = (0..components).map(|n| component(n, &json!({}))).collect();
            let mut input = input(&findings, &components);
            if is_regulation(&pack) {
                input = good();
                (input["findings"], input["components"]) = (json!(findings), json!(components));
            }
            let input = input.to_string();
            let began = Instant::now();
            assert!(matches!(gate.ask(&input), Verdict::Pass { .. }));
            (gate.instructions(&input).unwrap(), began.elapsed())
        };
        let ((usual, took), (more, _)) = (of(300, 50), of(900, 150));
        writeln!(table, "{}: {usual} instructions, {took:?}; {more} for three times as much", pack.name)
            .unwrap();
        let most = if is_regulation(&pack) { 200_000 } else { 100_000 };
        assert!(usual < most, "{table}");
        assert!(more <= 3 * usual, "{table}");
    }
    println!("{table}");
}

/// One evaluator of the engine ends a rule at the first element whose head is undefined. So each of these comes before and
/// after a finding that no rule is about.
#[test]
fn findings_decide_beside_others() {
    let gate = gate("default");
    let harmless = finding(1, &json!({"fixed": null, "state": "open"}));
    for (code, changes) in [
        ("secret-found", json!({"class": "secret"})),
        ("finding-critical", json!({"severity": "critical", "fixed": null})),
    ] {
        let bad = finding(2, &changes);
        for findings in [vec![harmless.clone(), bad.clone()], vec![bad, harmless.clone()]] {
            let (against, _) = codes(&gate, &input(&findings, &[]));
            assert_eq!(against, [code], "{findings:?}");
        }
    }
}
