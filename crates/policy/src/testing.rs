//! Tests of policies: every rule whose name begins with `test_` must be true, as with other people's tools.

use std::collections::BTreeMap;

use regorus::{Engine, Value};

use crate::bundle::Bundle;
use crate::gate::GateError;

/// Runs tests beside a policy: name of each, and why it failed, where it did.
///
/// # Errors
/// `GateError::Compile` when policy or tests do not parse.
pub fn run_tests(
    bundle: &Bundle,
    tests: &BTreeMap<String, String>,
) -> Result<Vec<(String, Option<String>)>, GateError> {
    let wrong = |error: &dyn std::fmt::Display| GateError::Compile(error.to_string().trim().to_owned());
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(true);
    let mut names = Vec::new();
    for (path, text) in bundle.files() {
        engine.add_policy(path.clone(), text.clone()).map_err(|error| wrong(&error))?;
    }
    for (path, text) in tests {
        let package = engine.add_policy(path.clone(), text.clone()).map_err(|error| wrong(&error))?;
        names.extend(rules(text).map(|rule| format!("{package}.{rule}")));
    }
    names.sort();
    names.dedup();
    let mut results = Vec::new();
    for name in names {
        let mut engine = engine.clone();
        engine.set_input(Value::new_object());
        let why = match engine.eval_rule(name.clone()) {
            Ok(value) if value == Value::from(true) => None,
            Ok(_) => Some("is not true".to_owned()),
            Err(error) => Some(error.to_string().trim().to_owned()),
        };
        results.push((name, why));
    }
    Ok(results)
}

/// Names of rules at the beginning of a line.
fn rules(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| line.starts_with("test_"))
        .map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default())
}
