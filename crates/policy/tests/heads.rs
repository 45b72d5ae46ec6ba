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
