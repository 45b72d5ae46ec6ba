//! Tests of policies: every rule whose name begins with `test_` must be true, as in other Rego tools.
//!
//! Invariant: each definition counts by itself. For the engine, definitions of one name are alternatives, so a failing
//! one would hide behind a passing one. So later definitions get separate names before they are evaluated.

use std::collections::BTreeMap;

use regorus::{Engine, Value};

use crate::bundle::Bundle;
use crate::gate::GateError;
use crate::reading::tests;

/// Runs the tests in and beside a policy. Returns the name of each, and the reason if it failed.
///
/// # Errors
/// `GateError::Compile` when policy or tests do not parse.
pub fn run_tests(
    bundle: &Bundle,
    beside: &BTreeMap<String, String>,
) -> Result<Vec<(String, Option<String>)>, GateError> {
    let wrong = |error: &dyn std::fmt::Display| GateError::Compile(error.to_string().trim().to_owned());
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(true);
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    // Display name, and name of the rule to evaluate.
    let mut asked: Vec<(String, String)> = Vec::new();
    for (path, text) in bundle.files().iter().chain(beside) {
        let package = Engine::new().add_policy(path.clone(), text.clone()).map_err(|error| wrong(&error))?;
        let mut renamed = text.clone();
        // From the end, so that earlier positions stay valid.
        let mut changes = Vec::new();
        for test in tests(text) {
            let shown = format!("{package}.{}", test.name);
            let count = met.entry(shown.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                asked.push((shown.clone(), shown));
            } else {
                let own = format!("{}_definition_{count}", test.name);
                asked.push((format!("{shown}#{count}"), format!("{package}.{own}")));
                changes.push((test.at..test.at + test.name.len(), own));
            }
        }
        for (range, own) in changes.into_iter().rev() {
            renamed.replace_range(range, &own);
        }
        engine.add_policy(path.clone(), renamed).map_err(|error| wrong(&error))?;
    }
    asked.sort();
    let mut results = Vec::new();
    for (shown, rule) in asked {
        let mut engine = engine.clone();
        engine.set_input(Value::new_object());
        let why = match engine.eval_rule(rule) {
            Ok(value) if value == Value::from(true) => None,
            Ok(_) => Some("is not true".to_owned()),
            Err(error) => Some(error.to_string().trim().to_owned()),
        };
        results.push((shown, why));
    }
    Ok(results)
}

/// Names of the tests in these files, without running them: those of a file in order.
#[must_use]
pub fn test_names(files: &BTreeMap<String, String>) -> Vec<String> {
    files.values().flat_map(|text| tests(text)).map(|test| test.name).collect()
}

#[cfg(test)]
mod cases {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn a_failing_definition_does_not_hide_behind_one_that_holds() {
        let gate =
            "package countersign.gate\nchecks contains \"x\"\ndeny contains 1 if false\ntest_here if true\n";
        let bundle = Bundle::new(BTreeMap::from([("gate.rego".to_owned(), gate.to_owned())])).unwrap();
        let more = "package more_test\n\n  test_twice if true\ntest_twice if 1 == 2\n\ttest_indented if 1 == 3\ntest_once if true\n";
        let again = "package more_test\ntest_once if {\n  1 == 4\n}\n";
        let beside = [("a_test.rego", more), ("b_test.rego", again)];
        let beside = beside.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let beside: BTreeMap<String, String> = beside.into();
        let beside_names = BTreeMap::clone(&beside);
        let results = run_tests(&bundle, &beside).unwrap();
        let failed: Vec<_> =
            results.iter().filter(|(_, why)| why.is_some()).map(|(name, _)| name.as_str()).collect();
        let package = "data.more_test";
        assert_eq!(
            failed,
            [
                format!("{package}.test_indented"),
                format!("{package}.test_once#2"),
                format!("{package}.test_twice#2")
            ]
        );
        assert!(results.contains(&("data.countersign.gate.test_here".to_owned(), None)));
        assert_eq!(results.len(), 6);
        let names = ["test_twice", "test_twice", "test_indented", "test_once", "test_once"];
        assert_eq!(test_names(&beside_names), names);
    }
}
