//! A fault of the engine's interpreter, and that it never lets a release through: where the head of a set has no value for
//! one element, the interpreter loses the others. The bytecode machine does not, so the two disagree.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use policy::{Bundle, Gate, Verdict, run_tests};

fn bundle(rules: &str) -> Bundle {
    let text = format!("package countersign.gate\nimport rego.v1\nchecks contains \"looked\"\n{rules}\n");
    Bundle::new([("gate.rego".to_owned(), text)].into()).unwrap()
}

fn ask(rules: &str, input: &str) -> Verdict {
    Gate::compile(&bundle(rules)).unwrap().ask(input)
}

/// Two findings with a severity and one without, which stands at each place in turn.
fn inputs() -> [String; 3] {
    let (known, unknown) = (r#"{"severity": "high", "n": 1}"#, r#"{"n": 2}"#);
    [[unknown, known, known], [known, unknown, known], [known, known, unknown]]
        .map(|findings| format!(r#"{{"findings": [{}]}}"#, findings.join(", ")))
}

const REASON: &str = r#"reason(finding) := {"code": "bad", "what": finding.severity, "remedy": "mend it"} if finding.severity"#;

#[test]
fn a_head_without_a_value_never_lets_through() {
    for rules in [
        "deny contains reason(finding) if some finding in input.findings",
        r#"deny contains {"code": "bad", "what": finding.severity, "remedy": "x"} if some finding in input.findings"#,
        "deny contains problem if some problem in problems\nproblems contains reason(finding) if some finding in input.findings",
        "problems contains reason(finding) if some finding in input.findings\ndeny contains problem if some problem in problems",
    ] {
        for input in inputs() {
            let verdict = ask(&format!("{rules}\n{REASON}"), &input);
            assert!(matches!(verdict, Verdict::Undecided { .. }), "{rules}, {input}: {verdict:?}");
        }
    }
}

#[test]
fn a_value_in_the_body_decides() {
    let rules = "deny contains problem if {\n some finding in input.findings\n problem := reason(finding)\n}";
    for input in inputs() {
        let verdict = ask(&format!("{rules}\n{REASON}"), &input);
        assert!(
            matches!(&verdict, Verdict::Fail { reasons, .. } if reasons.len() == 1),
            "{input}: {verdict:?}"
        );
    }
}

/// Tests of policies ask the interpreter alone. This is what the page about the input warns of: when the engine is
/// mended, this test fails, and the warning can go.
#[test]
fn a_test_of_a_policy_sees_an_empty_set() {
    let rules = "deny contains reason(finding) if some finding in input.findings";
    let bundle = bundle(&format!("{rules}\n{REASON}"));
    let [_, _, last] = inputs();
    let text = format!(
        "package gate_test\nimport rego.v1\nimport data.countersign.gate\ntest_a if gate.deny == set() with input as {last}\n"
    );
    let results = run_tests(&bundle, &[("gate_test.rego".to_owned(), text)].into()).unwrap();
    assert_eq!(results, [("data.gate_test.test_a".to_owned(), None)]);
}

/// Sets and lists may stand before or after the rules that use them, also under `with`.
#[test]
fn the_order_of_rules_changes_nothing() {
    let rules = [
        r#"deny contains {"code": "bad", "what": severity, "remedy": "mend it"} if some severity in serious"#,
        "serious contains finding.severity if some finding in open_findings",
        "open_findings := [finding | some finding in input.findings; not finding.severity in allowed]",
        r#"allowed := {"low"}"#,
    ];
    let input = r#"{"findings": [{"severity": "high"}, {"severity": "low"}]}"#;
    let test = format!(
        "package gate_test\nimport rego.v1\nimport data.countersign.gate\ntest_a if {{\n gate.deny == set() with input as \
         {{\"findings\": []}}\n count(gate.deny) == 1 with input as {input}\n}}\n"
    );
    let mut orders = vec![Vec::new()];
    for rule in rules {
        let longer = |order: &Vec<&'static str>| {
            (0..=order.len()).map(|at| [&order[..at], &[rule], &order[at..]].concat()).collect::<Vec<_>>()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    assert_eq!(orders.len(), 24);
    for order in orders {
        let rules = order.join("\n");
        let verdict = ask(&rules, input);
        assert!(
            matches!(&verdict, Verdict::Fail { reasons, .. } if reasons.len() == 1),
            "{rules}: {verdict:?}"
        );
        let results =
            run_tests(&bundle(&rules), &[("gate_test.rego".to_owned(), test.clone())].into()).unwrap();
        assert_eq!(results, [("data.gate_test.test_a".to_owned(), None)], "{rules}");
    }
}

/// Of two findings one gives the head no value, and the other makes a built-in fail. The interpreter ends at the first one;
/// the machine drops the second one. By `deny` alone both would say "nothing", and the release would pass.
#[test]
fn a_helper_that_is_empty_for_two_reasons_never_lets_through() {
    let deny = |condition: &str| {
        format!(
            "deny contains {{\"code\": \"bad\", \"what\": \"b\", \"remedy\": \"m\"}} if {{ {condition} }}"
        )
    };
    let [first, second] = [r#"{"n": "1"}"#, r#"{"severity": "high", "n": "x"}"#];
    for findings in [[first, second], [second, first]] {
        let input = format!(r#"{{"findings": [{}]}}"#, findings.join(", "));
        for (helper, condition) in [
            (
                "found contains reason(finding) if some finding in input.findings\nreason(finding) := {\"n\": finding.n} if finding.severity",
                "some one in found; to_number(one.n) > 0",
            ),
            (
                "found contains {\"n\": finding.n, \"s\": finding.severity} if some finding in input.findings",
                "some one in found; to_number(one.n) > 0",
            ),
            (
                "found contains finding.severity if { some i; finding := input.findings[i] }",
                "to_number(found[_]) > 0",
            ),
        ] {
            let verdict = ask(&format!("{helper}\n{}", deny(condition)), &input);
            assert!(matches!(verdict, Verdict::Undecided { .. }), "{helper}, {input}: {verdict:?}");
        }
    }
}

/// A function has no value by itself that could be compared. For single values and objects both evaluators have the same
/// fault: `found := one.n if some one in all` has no value if one element has no `n`.
#[test]
fn a_value_that_goes_through_a_list_is_bound_in_the_body() {
    let compiled = |function: &str| {
        let rules = format!("deny contains 1 if input.findings == 1\n{function}");
        Gate::compile(&bundle(&rules))
    };
    for function in [
        "worst(all) := to_number(one.n) if some one in all",
        "worst(all) := to_number(all[_].n) if all[_]",
        "worst(all) := one.n if one := all[i]",
        "worst(all) := 1 if false else := one.n if some one in all",
        "worst(all) := one.n if { walk(all, [_, one]) }",
        "worst := one.n if some one in input.findings",
        "worst := one.n if one := input.findings[_]",
        "worst[one.n] := 1 if some one in input.findings",
        "worst[1] := one.n if some one in input.findings",
    ] {
        let refused = compiled(function).unwrap_err().to_string();
        assert!(
            refused.contains("`data.countersign.gate.worst` goes through a list"),
            "{function}: {refused}"
        );
    }
    for function in [
        "worst(all) := value if { some one in all; value := to_number(one.n) }",
        "worst(all) := max([to_number(one.n) | some one in all])",
        "worst(all) := table[all] if table[all]\ntable := {}",
        "worst(all) := one.n if { one := all[0]; one.n != all.b[one.n] }",
        "worst(all) if some one in all",
        "worst := value if { some one in input.findings; value := one.n }",
        "worst[key] := 1 if some key, _ in input.findings",
        "worst := input.findings[0].n if input.findings[0]",
    ] {
        assert!(compiled(function).is_ok(), "{function}: {:?}", compiled(function));
    }
}

/// Under another input the comparison of helpers would be about other elements.
#[test]
fn a_gate_has_one_input() {
    for rule in [
        "deny contains {\"code\": \"x\", \"what\": \"x\", \"remedy\": \"x\"} if { count(other) > 0 with input as {} }\nother := input.a",
        "deny contains 1 if other(2)\nother(x) if { y := [z | some z in x with input.a as 1]; y == x }",
        "deny contains 1 if count(any) > 0\nany := input.a",
        "deny contains 1 if every x in input.a { count(any) > x with input as {} }\nany := input.b",
        "deny contains {x | some x in other with input as {}}\nother := input.a",
        "deny contains 1 if worst\nworst := {x: 1 | some x in other with input as {}} if { true }\nother := input.a",
        "deny contains 1 if worst\nworst := 1 if input.a else := [x | some x in other with input as {}]\nother := input.b",
        "deny contains 1 if not count([x | x := [y | some y in other with input as {}]]) == 0\nother := input.a",
        "deny contains 1 if input[[x | some x in other with input as {}][0]].a\nother := input.a",
        "deny contains 1 if {\"a\": [x | some x in other with input as {}]}.a[0] + 1 > 2\nother := input.a",
        "deny contains 1 if [x | some x in other with input as {}][0] in input.a\nother := input.a",
    ] {
        if !rule.contains("with") {
            assert_ne!(Gate::compile(&bundle(rule)).err(), Some(policy::GateError::With), "{rule}");
            continue;
        }
        let refused = Gate::compile(&bundle(rule)).unwrap_err();
        assert_eq!(refused, policy::GateError::With, "{rule}");
    }
}

/// Texts that an audit compares: an element of `deny` may name a finding, and one that does not is as it was.
#[test]
fn a_reason_may_name_its_finding() {
    let reason =
        |more: &str| format!("deny contains {{\"code\": \"bad\", \"what\": \"b\", \"remedy\": \"m\"{more}}}");
    let id = format!("sha256:{}", "0".repeat(64));
    for (more, expected) in [
        (String::new(), None),
        (r#", "finding": null"#.into(), None),
        (format!(r#", "finding": "{id}""#), Some(&id)),
    ] {
        let verdict = ask(&reason(&more), "{}");
        let Verdict::Fail { reasons, .. } = &verdict else { unreachable!("{verdict:?}") };
        let named = reasons.first().unwrap().finding.map(|id| id.to_string());
        assert_eq!(named.as_ref(), expected);
        assert_eq!(serde_json::to_string(&verdict).unwrap().contains("finding"), expected.is_some());
    }
    assert!(matches!(ask(&reason(r#", "finding": "one""#), "{}"), Verdict::Undecided { .. }));
}
