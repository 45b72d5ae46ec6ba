//! Rules with other tables than those of the pack.

use policy::{Bundle, Gate, Pack, Verdict};
use serde_json::{Value, json};

use crate::support::{codes, component, finding, gate, input};

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

/// The rule is off until a team sets it; both evaluators agree on each answer.
#[test]
fn a_rollout_that_is_not_done_in_staging_stops_it_where_the_rule_is_on() {
    let gate = changed(&[(r#""rollout-undone": {"other": "off""#, r#""rollout-undone": {"other": "block""#)]);
    let rolled = |end: &str| {
        json!([{"kind": "rollout-verdict", "agent": "agent", "release": 3, "seconds": 5,
            "body": {"verdict": "go", "end": end, "step": 2, "percent": 100, "probes": true, "groups": {}}}])
    };
    let with = |observations: Value| {
        let mut input = with_field("observations", observations);
        input["before"] = json!({"environment": "staging", "runs_artifact": true});
        input
    };
    for (input, passes) in [
        (with(rolled("done")), true),
        (with(rolled("failed")), false),
        (with(rolled("interrupted")), false),
        (with(rolled("")), false),
        (with(json!([])), false),
        (with(json!([{"kind": "another"}])), false),
    ] {
        let (against, _) = codes(&gate, &input);
        assert_eq!(against.is_empty(), passes, "{input}: {against:?}");
    }
}

/// The rule is off until a team sets it. Where it is on, an agent has to have measured, and found its host equal.
#[test]
fn a_host_that_differs_from_its_baseline_stops_it_where_the_rule_is_on() {
    let gate =
        changed(&[(r#""baseline-differs": {"other": "off""#, r#""baseline-differs": {"other": "block""#)]);
    let measured = |equal: bool| {
        json!([{"kind": "baseline", "agent": "agent", "release": null, "seconds": 5,
            "body": {"baseline": "sha256:00", "equal": equal, "differences": u8::from(!equal)}}])
    };
    for (observations, passes) in [
        (measured(true), true),
        (measured(false), false),
        (json!([]), false),
        (json!([{"kind": "another"}]), false),
    ] {
        let input = with_field("observations", observations);
        let (against, _) = codes(&gate, &input);
        assert_eq!(against.is_empty(), passes, "{input}: {against:?}");
    }
}

/// Off until a team sets it. An environment before that was not compared is as bad as one that differs.
#[test]
fn a_staging_that_differs_stops_it_where_the_rule_is_on() {
    let gate = changed(&[(
        r#""environments-differ": {"other": "off""#,
        r#""environments-differ": {"other": "block""#,
    )]);
    let with = |differences: Option<&[&str]>| {
        let mut input = with_field("v", json!(1));
        input["before"] = json!({"environment": "staging", "runs_artifact": true});
        if let Some(differences) = differences {
            input["parity"] = json!({"environment": "staging", "differences": differences});
        }
        input
    };
    for (input, passes) in [
        (with(Some(&[])), true),
        (with(Some(&["memory"])), false),
        (with(None), false),
        (with_field("v", json!(1)), true),
    ] {
        let (against, _) = codes(&gate, &input);
        assert_eq!(against.is_empty(), passes, "{input}: {against:?}");
    }
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
