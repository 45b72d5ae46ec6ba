//! The packs: each compiles, its own tests hold, both evaluators agree on every rule of it, and it costs little.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use policy::{Bundle, Effect, Gate, PACKS, Pack, Verdict, run_tests};
use serde_json::{Value, json};

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

fn gate(pack: &str) -> Gate {
    Gate::compile(&Bundle::new(Pack::named(pack).unwrap().files()).unwrap()).unwrap()
}

/// A release to production with these findings and components.
fn input(findings: &[Value], components: &[Value]) -> Value {
    let vote = |name: &str| {
        json!({"subject": name, "name": name, "roles": ["release-manager"], "hardware": false, "reason": "fine",
            "ticket": "CHG-1", "via": "command-line", "rebuilt": false, "counts": true, "void": []})
    };
    let report = |kind: &str| json!({"kind": kind, "step": "scan", "path": kind, "format": kind, "days": 1, "knowledge_days": 2});
    json!({
        "mode": "team",
        "place": {"project": "shop", "service": "api", "environment": "production", "automatic": false},
        "build": {
            "pipeline": "sha256:01",
            "runners": [{"name": "runner-1"}, {"name": "runner-2"}],
            "steps": [{"name": "test", "kind": "run"}],
        },
        "people": {"requester": "alice", "promoter": "dan", "behind": ["alice"]},
        "source": {"range": [{"commit": "aa", "signer": "alice"}]},
        "approvals": [vote("bob"), vote("carol")],
        "rejections": [],
        "before": null,
        "configuration": {"differences": []},
        "reports": [report("findings"), report("components"), report("tests")],
        "tests": {"passed": 3, "flaky": 0, "skipped": 0, "failing": []},
        "findings": findings,
        "components": components,
    })
}

fn finding(n: usize, changes: &Value) -> Value {
    let mut finding = json!({
        "id": format!("sha256:{n:0>64}"), "class": "dependency", "rule": format!("CVE-2026-{n}"), "aliases": [],
        "severity": "medium", "score": 50, "epss": null, "exploited": false, "unconfirmed": false,
        "message": "a hole in it", "at": format!("pkg:cargo/p{n}@1.0.{n}"), "path": null, "line": null,
        "component": format!("pkg:cargo/p{n}@1.0.{n}"), "fixed": "2.0", "published_days": 20, "fix_days": 10,
        "licence": "MIT OR Apache-2.0", "scope": "runtime", "direct": false,
    });
    finding.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    finding
}

fn component(n: usize, changes: &Value) -> Value {
    let mut component = json!({
        "purl": format!("pkg:cargo/p{n}@1.0.{n}"), "name": format!("p{n}"), "version": format!("1.0.{n}"),
        "scope": "runtime", "direct": false, "pinned": true, "licence": "MIT OR Apache-2.0",
    });
    component.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    component
}

/// Codes of reasons and of warnings. A verdict that is none panics with its reason: both evaluators are asked.
fn codes(gate: &Gate, input: &Value) -> (Vec<String>, Vec<String>) {
    let (reasons, warnings) = match gate.ask(&input.to_string()) {
        Verdict::Pass { warnings, .. } => ([].into(), warnings),
        Verdict::Fail { reasons, warnings, .. } => (reasons, warnings),
        Verdict::Undecided { why } => unreachable!("{why}"),
    };
    let codes = |all: BTreeSet<policy::Reason>| {
        let mut codes: Vec<_> = all.into_iter().map(|one| one.code).collect();
        codes.dedup();
        codes
    };
    (codes(reasons), codes(warnings))
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
        ("promoter-wrote", changed("/people/promoter", json!("alice")), ["", "", "block"]),
    ];
    decided(&cases);
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
        ("sbom-missing", listed(&nothing, &json!({"state": "waiver", "undecided": true})), good),
        ("sbom-missing", listed(&nothing, &json!({"state": "open", "undecided": true})), bad),
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
            let input = input(&findings, &components).to_string();
            let began = Instant::now();
            assert!(matches!(gate.ask(&input), Verdict::Pass { .. }));
            (gate.instructions(&input).unwrap(), began.elapsed())
        };
        let ((usual, took), (more, _)) = (of(300, 50), of(900, 150));
        writeln!(table, "{}: {usual} instructions, {took:?}; {more} for three times as much", pack.name)
            .unwrap();
        assert!(usual < 100_000, "{table}");
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
            "browser-only",
            "coverage-low",
            "label-missing",
            "range-unsigned",
            "version-missing"
        ]
    );
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
        ("report-old", "reports[].days reports[].knowledge_days"),
        ("sbom-missing", "reports[].kind reports[].items.components reports[].items.sources"),
        ("dependencies-unjudged", "reports[].kind reports[].format reports[].items.components"),
        ("provenance-missing", "build.pipeline"),
        ("tests-missing", "tests.passed tests.flaky"),
        ("tests-failed", "tests.failing[] before.tests.failing[]"),
        ("dependency-unpinned", "components[].pinned"),
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

/// A policy from before `explain` existed works as it did.
#[test]
fn a_policy_without_explain_has_no_rules_to_show() {
    let text = "package countersign.gate\nimport rego.v1\nchecks contains \"x\"\ndeny contains 1 if false\n";
    let gate =
        Gate::compile(&Bundle::new([("gate.rego".to_owned(), text.to_owned())].into()).unwrap()).unwrap();
    assert_eq!(gate.explain("{}").unwrap(), None);
    let broken = format!("{text}explain contains \"x\"\n");
    let gate = Gate::compile(&Bundle::new([("gate.rego".to_owned(), broken)].into()).unwrap()).unwrap();
    assert!(gate.explain("{}").is_err());
    assert!(matches!(gate.ask("{}"), Verdict::Pass { .. }), "the set decides nothing");
}

/// The default pack, with other tables.
fn changed(changes: &[(&str, &str)]) -> Gate {
    let mut files = Pack::DEFAULT.files();
    let tables = files.get_mut("limits.rego").unwrap();
    for (from, to) in changes {
        assert!(tables.contains(from), "{from}");
        *tables = tables.replace(from, to);
    }
    Gate::compile(&Bundle::new(files).unwrap()).unwrap()
}

/// An input with one more field.
fn with_field(name: &str, value: Value) -> Value {
    let mut input = input(&[], &[component(1, &json!({}))]);
    input[name] = value;
    input
}

/// Where the rule is on, no report is as bad as one below the floor.
#[test]
fn too_little_coverage_stops_it_where_the_rule_is_on() {
    let gate = changed(&[(r#""coverage-low": {"other": "off""#, r#""coverage-low": {"other": "block""#)]);
    let covered = |covered: u64, total: u64| {
        with_field("coverage", json!({"lines": {"covered": covered, "total": total}}))
    };
    let none = with_field("v", json!(1));
    for (input, passes) in [
        (covered(70, 100), true),
        (covered(100, 100), true),
        (covered(699, 1_000), false),
        (covered(0, 0), false),
        (covered(0, 5), false),
        (with_field("coverage", json!({})), false),
        (with_field("coverage", Value::Null), false),
        (none.clone(), false),
    ] {
        let (against, _) = codes(&gate, &input);
        assert_eq!(against.is_empty(), passes, "{:?}: {against:?}", input.get("coverage"));
    }
    let Verdict::Fail { reasons, .. } = gate.ask(&none.to_string()) else {
        unreachable!("there is no report")
    };
    assert_eq!(reasons.first().unwrap().what, "no coverage report");
    assert!(codes(&changed(&[]), &covered(0, 5)).0.is_empty(), "it is off unless a team sets it");
}

#[test]
fn a_version_and_labels_are_asked_for_where_the_rules_are_on() {
    let gate = changed(&[
        (r#""version-missing": {"other": "off""#, r#""version-missing": {"other": "block""#),
        (r#""label-missing": {"other": "off""#, r#""label-missing": {"other": "block""#),
        (r#""labels": []"#, r#""labels": ["channel", "change"]"#),
    ]);
    let tagged = |body: Value| {
        with_field("statements", json!([{"kind": "sign-off", "body": {}}, {"kind": "tag", "body": body}]))
    };
    let labels = json!({"channel": "stable", "change": "CHG-1"});
    for (input, expected) in [
        (with_field("v", json!(1)), vec!["label-missing", "version-missing"]),
        (tagged(json!({"version": "1.4.0", "labels": labels})), vec![]),
        (tagged(json!({"version": "1.4", "labels": labels})), vec!["version-missing"]),
        (tagged(json!({"version": "v1.4.0", "labels": labels})), vec!["version-missing"]),
        (tagged(json!({"version": "1.4.0", "labels": {"channel": "stable"}})), vec!["label-missing"]),
        (tagged(json!({"version": "1.4.0"})), vec!["label-missing"]),
    ] {
        assert_eq!(codes(&gate, &input).0, expected, "{}", input["statements"]);
    }
    assert!(
        codes(&changed(&[]), &with_field("v", json!(1))).0.is_empty(),
        "they are off unless a team sets them"
    );
}

/// The lowest number of the rows that name the environment and the class of its data counts.
#[test]
fn a_budget_may_be_given_for_a_class_of_data() {
    let budget = (
        r#""budget": {"production": {"critical": 0, "high": 5}, "#,
        r#""budget": {"class/restricted": {"high": 0, "medium": 1}, "production": {"high": 5, "medium": 0}, "#,
    );
    let classed = (r"classes := {}", r#"classes := {"production": "restricted", "staging": "restricted"}"#);
    let of = |environment: &str, severity: &str, count: usize| {
        let found: Vec<_> =
            (0..count).map(|n| finding(n, &json!({"severity": severity, "fixed": null}))).collect();
        let mut input = input(&found, &[component(1, &json!({}))]);
        input["place"]["environment"] = json!(environment);
        input
    };
    let exceeded = |gate: &Gate, input: Value| codes(gate, &input).1.contains(&"budget-exceeded".to_owned());
    let (plain, classed) = (changed(&[budget]), changed(&[budget, classed]));
    for (severity, count, without_class, with_class) in [
        ("high", 1, false, true),
        ("high", 6, true, true),
        ("medium", 1, true, true),
        ("low", 9, false, false),
    ] {
        assert_eq!(exceeded(&plain, of("production", severity, count)), without_class, "{severity} {count}");
        assert_eq!(exceeded(&classed, of("production", severity, count)), with_class, "{severity} {count}");
    }
    let everywhere = (
        r#""budget-exceeded": {"production": "warn", "other": "off""#,
        r#""budget-exceeded": {"other": "warn""#,
    );
    let classed =
        changed(&[budget, (r"classes := {}", r#"classes := {"staging": "restricted"}"#), everywhere]);
    assert!(exceeded(&classed, of("staging", "high", 1)), "the class has a row, the environment none");
    assert!(!exceeded(&classed, of("dev", "high", 1)), "neither has one");
    assert!(exceeded(&classed, of("dev", "critical", 6)), "the row of all others");
}

/// Each rule about ages names its clock. A number is allowed on its day, and not on the day after it.
#[test]
fn each_age_counts_from_its_clock() {
    let gate = gate("default");
    let told = |input: &Value| codes(&gate, input).1;
    let fix = |fix_days: Value, published_days: Value| {
        let changes = json!({"severity": "high", "fix_days": fix_days, "published_days": published_days});
        told(&input(&[finding(1, &changes)], &[component(1, &json!({}))]))
    };
    let none = Value::Null;
    for (fix_days, published_days, code) in [
        // The day of the fix, even where the advisory is older.
        (json!(60), json!(900), ""),
        (json!(61), json!(900), "fix-overdue"),
        (json!(61), json!(0), "fix-overdue"),
        // Without it the day of the advisory.
        (none.clone(), json!(60), ""),
        (none.clone(), json!(61), "fix-overdue"),
        // Without both nothing shows how old it is.
        (none.clone(), none, "fix-undated"),
    ] {
        let said = fix(fix_days.clone(), published_days.clone());
        let expected: Vec<_> = (!code.is_empty()).then(|| code.to_owned()).into_iter().collect();
        assert_eq!(said, expected, "{fix_days} {published_days}");
    }
    // The time since this installation first saw a finding is no clock of a gate, so the input has none.
    let text = input(&[finding(1, &json!({}))], &[]).to_string();
    assert!(!text.contains("seen_days"), "{text}");
    for (field, days, code) in [
        ("days", 30, ""),
        ("days", 31, "report-old"),
        ("knowledge_days", 30, ""),
        ("knowledge_days", 31, "report-old"),
    ] {
        let mut input = input(&[], &[component(1, &json!({}))]);
        input["reports"][0][field] = json!(days);
        let expected: Vec<_> = (!code.is_empty()).then(|| code.to_owned()).into_iter().collect();
        assert_eq!(told(&input), expected, "{field} {days}");
    }
}
