//! Fields of rules in small policies.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use super::*;
use crate::{Bundle, Effect, Gate};

/// Fields by code of a policy with these rules.
fn fields(rules: &str) -> BTreeMap<String, Vec<String>> {
    let text = format!(
        "package countersign.gate\nimport rego.v1\nchecks contains \"x\"\nexplain contains 1 if false\n{rules}\n"
    );
    let gate = Gate::compile(&Bundle::new([("gate.rego".to_owned(), text)].into()).unwrap()).unwrap();
    let rules = gate.explain("{}").unwrap().unwrap();
    rules.into_iter().map(|rule| (rule.code, rule.reads.into_iter().collect())).collect()
}

#[test]
fn fields_are_found_through_names_lists_functions_and_rules() {
    let reason = r#""what": sprintf("%v", [input.said]), "remedy": "r"}"#;
    for (rule, expected) in [
        ("contains {CODE if input.a.b > 1", "a.b"),
        ("contains {CODE if { some one in input.list; not one.good }", "list[].good"),
        ("contains {CODE if { some i; input.list[i].good == \"x\" }", "list[].good"),
        ("contains {CODE if { one := input.a; one[\"b\"] }", "a.b"),
        (
            "contains {CODE if count(open) > 0\nopen := [one | some one in input.list; one.open]",
            "list[].open",
        ),
        (
            "contains {CODE if { some one in open; one.bad }\nopen := [one | some one in input.list; one.open]",
            "list[].bad list[].open",
        ),
        (
            "contains {CODE if { some one in input.list; bad(one) }\nbad(one) if one.bad\nbad(one) if one.worse",
            "list[].bad list[].worse",
        ),
        (
            "contains {CODE if { some one in object.get(input, [\"a\", \"list\"], []); one.bad }",
            "a.list[].bad",
        ),
        (
            "contains {CODE if level == \"x\"\nlevel := \"y\" if input.first else := \"x\" if input.second",
            "first second",
        ),
        ("contains {CODE if { every one in input.list { one.good } }", "list[].good"),
        ("contains {CODE if { some one in array.concat(input.a, input.b); one.bad }", "a[].bad b[].bad"),
        ("contains r if { some one in input.list; r := of(one) }\nof(one) := {CODE if one.bad", "list[].bad"),
        (
            "contains r if { some [kind, r] in pairs; not kind }\npairs contains [kind, r] if { some one in input.list; kind := one.kind; r := {CODE }",
            "list[].kind",
        ),
        ("contains {CODE if data.countersign.gate.late\nlate if input.days > 3", "days"),
    ] {
        let text = format!("deny {}", rule.replace("CODE", &format!(r#""code": "c", {reason}"#)));
        let found = fields(&text);
        assert_eq!(found.get("c").map(|all| all.join(" ")).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn each_code_has_its_own_fields_and_the_condition_of_the_set_that_passes_it_on() {
    let found = fields(
        r#"deny contains problem if { some problem in problems; input.strict }
        problems contains {"code": "a", "what": "w", "remedy": "r"} if input.one
        problems contains {"code": "b", "what": "w", "remedy": "r"} if input.two
        warn contains {"code": "b", "what": "w", "remedy": "r"} if input.three"#,
    );
    assert_eq!(found["a"], ["one", "strict"]);
    assert_eq!(found["b"], ["strict", "three", "two"]);
}

#[test]
fn a_policy_cannot_keep_its_reader_waiting() {
    // Each function calls the next one twice, with other arguments each time.
    let chain = (0..40).map(|n| format!("f{n}(x) if {{ f{}(x.a); f{}(x.b) }}", n + 1, n + 1));
    let chain: Vec<_> = chain.chain(["f40(x) if x.c".to_owned()]).collect();
    let rules = format!(
        "deny contains {{\"code\": \"c\", \"what\": \"w\", \"remedy\": \"r\"}} if f0(input)\n{}",
        chain.join("\n")
    );
    assert!(fields(&rules).contains_key("c"));
}

#[test]
fn rules_without_explanations_are_read_from_the_text() {
    let text = r#"package countersign.gate
import rego.v1
checks contains "x"
deny contains {"code": "a", "what": sprintf("%d of %5.1f%% fail", [input.count, 1]), "remedy": MEND} if input.count > 1
warn contains {"code": "a", "what": "w", "remedy": "r"} if input.other
warn contains {"code": "b", "what": "w", "remedy": input.remedy} if input.other
MEND := "mend it"
"#;
    let gate =
        Gate::compile(&Bundle::new([("gate.rego".to_owned(), text.to_owned())].into()).unwrap()).unwrap();
    assert_eq!(gate.explain("{}").unwrap(), None);
    let rules: Vec<_> = gate.rules_by_text().into_iter().collect();
    let [a, b] = rules.as_slice() else { panic!("{rules:?}") };
    assert_eq!(
        (a.code.as_str(), a.effect, b.code.as_str(), b.effect),
        ("a", Effect::Block, "b", Effect::Warn)
    );
    assert_eq!(a.what.as_deref(), Some("… of …% fail"));
    assert_eq!((a.remedy.as_deref(), b.remedy.as_deref()), (Some("mend it"), None));
}
