//! Gates: passes, failures, and every way in which no decision is possible.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;

use policy::{Bundle, BundleError, ENGINE, FILE_BYTES_MAX, Gate, GateError, Verdict};

fn bundle(text: &str) -> Bundle {
    Bundle::new(BTreeMap::from([("gate.rego".to_owned(), text.to_owned())])).unwrap()
}

fn gate(rules: &str) -> Result<Gate, GateError> {
    Gate::compile(&bundle(&format!("package countersign.gate\n\n{rules}")))
}

const SIGNED: &str = r#"
checks contains "signed-commits" if input.commits

deny contains {"code": "unsigned-commit", "what": sprintf("commit %v is not signed", [commit.id]), "remedy": "sign it"} if {
    some commit in input.commits
    not commit.signed
}

deny contains {"code": "no-commits", "what": "there is no commit", "remedy": "name one"} if count(input.commits) == 0
"#;

fn undecided(verdict: Verdict) -> String {
    match verdict {
        Verdict::Undecided { why } => why,
        other => unreachable!("decided: {other:?}"),
    }
}

#[test]
fn a_gate_passes_or_names_every_reason() {
    let gate = gate(SIGNED).unwrap();
    let checks = ["signed-commits".to_owned()].into();
    assert_eq!(
        gate.ask(r#"{"commits":[{"id":"a","signed":true}]}"#),
        Verdict::Pass { checks, warnings: [].into() }
    );
    let Verdict::Fail { reasons, .. } =
        gate.ask(r#"{"commits":[{"id":"b"},{"id":"a","signed":false},{"id":"c","signed":true}]}"#)
    else {
        unreachable!("two commits are unsigned")
    };
    let what: Vec<_> = reasons.iter().map(|reason| reason.what.as_str()).collect();
    assert_eq!(what, ["commit a is not signed", "commit b is not signed"]);
    assert!(matches!(gate.ask(r#"{"commits":[]}"#), Verdict::Fail { .. }), "an empty set never passes");
}

#[test]
fn a_warning_stops_nothing_and_is_told() {
    const WARNED: &str =
        "warn contains {\"code\": \"old\", \"what\": \"it is old\", \"remedy\": \"renew it\"} if input.old";
    let gate = gate(&format!("{SIGNED}\n{WARNED}\n")).unwrap();
    let Verdict::Pass { warnings, .. } = gate.ask(r#"{"commits":[{"id":"a","signed":true}],"old":true}"#)
    else {
        unreachable!("a warning is no reason against")
    };
    assert_eq!(warnings.iter().map(|warning| warning.code.as_str()).collect::<Vec<_>>(), ["old"]);
    let Verdict::Fail { reasons, warnings, .. } = gate.ask(r#"{"commits":[],"old":true}"#) else {
        unreachable!("there is no commit")
    };
    assert_eq!((reasons.len(), warnings.len()), (1, 1));
    let quiet = gate.ask(r#"{"commits":[{"id":"a","signed":true}]}"#);
    let Verdict::Pass { warnings, .. } = &quiet else { unreachable!("nothing is against it") };
    assert!(warnings.is_empty());
    assert!(!serde_json::to_string(&quiet).unwrap().contains("warnings"), "older verdicts stay the same");
}

/// A policy whose warnings cannot be computed has a fault, and nobody knows what else it misses.
#[test]
fn a_warning_that_fails_is_no_decision() {
    for (rule, said) in [
        ("warn contains \"x\"", "does not have its shape"),
        ("warn := 1", "is undefined or not a set"),
        ("warn contains {\"code\": \"x\", \"what\": sprintf(\"%d\"), \"remedy\": \"\"}", "sprintf"),
    ] {
        match gate(&format!("{SIGNED}\n{rule}\n")) {
            Ok(gate) => {
                let why = undecided(gate.ask(r#"{"commits":[{"id":"a","signed":true}]}"#));
                assert!(why.contains(said), "{rule}: {why}");
            }
            Err(error) => assert!(error.to_string().contains(said), "{rule}: {error}"),
        }
    }
    let endless = format!(
        "{SIGNED}\nwarn contains {{\"code\": \"x\", \"what\": \"\", \"remedy\": \"\"}} if {{ some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); a * b == -1 }}\n"
    );
    let why = undecided(
        gate(&endless).unwrap().with_budget(100_000).ask(r#"{"commits":[{"id":"a","signed":true}]}"#),
    );
    assert!(why.contains("did not end within"), "{why}");
}

#[test]
fn no_decision_is_never_a_pass() {
    let signed = gate(SIGNED).unwrap();
    assert_eq!(undecided(signed.ask("{}")), "the policy checked nothing, and nothing is never a pass");
    assert!(undecided(signed.ask("{")).starts_with("the input is not JSON"));
    assert!(undecided(signed.ask(&format!("\"{}\"", "x".repeat(9 << 20)))).contains("more than"));
    let shapeless = gate("checks contains \"x\"\ndeny contains \"no\"").unwrap();
    assert!(undecided(shapeless.ask("{}")).contains("does not have its shape"));
    let no_set = gate("checks := 1\ndeny contains \"no\"").unwrap();
    assert!(undecided(no_set.ask("{}")).contains("is undefined or not a set"));
}

#[test]
fn a_runaway_ends_at_the_same_instruction_every_time() {
    let runaway = "checks contains \"x\"\ndeny contains {\"code\": \"a\", \"what\": \"b\", \"remedy\": \"c\"} if {\n  \
                   some a in numbers.range(1, 3000)\n  some b in numbers.range(1, 3000)\n  a * b == -1\n}";
    let gate = gate(runaway).unwrap().with_budget(100_000);
    let why = undecided(gate.ask("{}"));
    assert_eq!(why, "`data.countersign.gate.deny` did not end within 100000 instructions");
    assert_eq!(undecided(gate.ask("{}")), why);
}

/// Both evaluators process a large input in parallel. Verdicts, reasons and texts equal those of a small one.
#[test]
fn a_large_input_is_decided_as_a_small_one_is() {
    let deny = |condition: &str| {
        let deny = "deny contains {\"code\": \"a\", \"what\": \"b\", \"remedy\": \"c\"}";
        format!("checks contains \"x\" if input.commits\n{deny} if {{ {condition} }}")
    };
    let runaway = "some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); a * b == -1";
    let policies = [
        SIGNED.to_owned(),
        deny("1 / input.zero > 0"),
        deny(runaway),
        deny("input.nothing"),
        "checks := 1\ndeny := 2".into(),
    ];
    let inputs = [
        r#""commits":[]"#,
        r#""commits":[{"id":"a","signed":false}]"#,
        r#""commits":[{"id":"a","signed":true}]"#,
    ];
    for rules in policies {
        let gate = gate(&rules).unwrap().with_budget(100_000);
        for input in inputs {
            let small = gate.ask(&format!(r#"{{{input},"zero":0}}"#));
            let large = gate.ask(&format!(r#"{{{input},"zero":0,"padding":"{}"}}"#, "x".repeat(20_000)));
            assert_eq!(small, large, "{rules}");
        }
    }
}

#[test]
fn policies_that_depend_on_more_than_their_input_do_not_load() {
    for (rule, builtin) in [
        ("checks contains \"x\" if time.now_ns() > 0", "time.now_ns"),
        ("checks contains \"x\" if http.send({\"url\": \"x\", \"method\": \"get\"})", "http.send"),
        ("checks contains \"x\" if rand.intn(\"a\", 5) > 2", "rand.intn"),
        ("checks contains \"x\" if opa.runtime().env", "opa.runtime"),
        ("checks contains \"x\" if uuid.rfc4122(\"a\")", "uuid.rfc4122"),
        ("checks contains \"x\" if strings.count(\"a\", \"\") > 0", "strings.count"),
        ("checks contains \"x\" if net.lookup_ip_addr(\"a\")", "net.lookup_ip_addr"),
    ] {
        let refused = gate(&format!("{rule}\ndeny contains {{}} if false")).unwrap_err().to_string();
        assert!(refused.contains(builtin), "{builtin}: {refused}");
    }
    assert_eq!(gate("checks contains \"x\"").unwrap_err(), GateError::Rule("deny"));
    assert_eq!(gate("deny contains \"x\"").unwrap_err(), GateError::Rule("checks"));
    let elsewhere = Gate::compile(&bundle("package other\n\nchecks contains \"x\"\ndeny contains \"y\""));
    assert_eq!(
        elsewhere.unwrap_err(),
        GateError::Rule("checks"),
        "another package's rules are not the gate's"
    );
    let broken = gate("checks contains \"x\" if {").unwrap_err().to_string();
    assert!(broken.contains("gate.rego:3"), "file and line: {broken}");
}

#[test]
fn a_bundle_is_named_by_all_of_its_files() {
    let of = |files: &[(&str, &str)]| {
        Bundle::new(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    };
    let one = of(&[("a.rego", "package a")]).unwrap().digest();
    assert_ne!(of(&[("b.rego", "package a")]).unwrap().digest(), one);
    assert_ne!(of(&[("a.rego", "package b")]).unwrap().digest(), one);
    assert_ne!(of(&[("a.rego", "package a"), ("b.rego", "")]).unwrap().digest(), one);
    assert!(matches!(of(&[]), Err(BundleError::Count(0))));
    for path in ["../a.rego", "/a.rego", "a.txt"] {
        assert!(matches!(of(&[(path, "")]), Err(BundleError::File(_))), "{path}");
    }
    assert!(of(&[("a.rego", &"x".repeat(FILE_BYTES_MAX + 1))]).is_err());
}

#[test]
fn the_engine_is_the_one_in_the_lock_file() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
    let (name, version) = ENGINE.split_once(' ').unwrap();
    assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{ENGINE}");
}

/// The bytecode machine alone would treat each of these errors as "does not hold", and the gate would pass.
#[test]
fn an_error_inside_a_deny_never_lets_through() {
    for condition in [
        "to_number(input.n) > 0",
        "1 / input.z > 0",
        "json.unmarshal(input.n) == 1",
        "regex.match(\"[\", input.n)",
        "base64.decode(\"%%%\") == \"x\"",
        "hex.decode(\"zz\") == \"x\"",
        "count(input.z) > 0",
        "sprintf(\"%d\", 5) == \"x\"",
        "startswith(input.z, \"a\")",
        "lower(input.z) == \"a\"",
    ] {
        let rules = format!("checks contains \"x\"\ndeny contains {{\"code\": \"a\"}} if {condition}");
        let why = undecided(gate(&rules).unwrap().ask(r#"{"n":"abc","z":0}"#));
        assert!(why.contains("`data.countersign.gate.deny` failed: --> gate.rego:4"), "{condition}: {why}");
    }
}
