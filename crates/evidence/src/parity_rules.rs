//! Differences between an environment and the one before it that are meant: part of the configuration of the later one.
//!
//! Invariant: a name is matched as a whole, or by its beginning where it ends with `*`; a bare `*` is refused, so that nobody
//! turns the comparison off in one sign. The file compares nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Highest number of names.
pub const NAMES_MAX: usize = 256;
/// Longest name in bytes.
pub const NAME_BYTES_MAX: usize = 200;

/// The differences that are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParityRules {
    /// Names of values that may differ, as `countersign parity` shows them: `port`, `variable PUBLIC_URL`, `variable DATABASE_*`.
    pub ignore: BTreeSet<String>,
}

/// A file of such rules cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParityRulesError {
    /// It is not YAML of this shape; the text names line and column.
    #[error("parity: {0}")]
    Yaml(String),
    /// A rule is broken.
    #[error("parity: {0}")]
    Rule(&'static str),
}

impl ParityRules {
    /// Reads rules from YAML, as people write them.
    ///
    /// # Errors
    /// `ParityRulesError` names the fault.
    pub fn parse(text: &str) -> Result<Self, ParityRulesError> {
        let rules: Self = serde_saphyr::from_str(text)
            .map_err(|error| ParityRulesError::Yaml(error.to_string().replace("<input>", "line")))?;
        rules.fault().map_or(Ok(rules), |fault| Err(ParityRulesError::Rule(fault)))
    }

    /// Whether a value of this name may differ.
    #[must_use]
    pub fn expects(&self, name: &str) -> bool {
        self.ignore.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => known == name,
        })
    }

    /// Why the rules are unsound.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let is_name = |name: &String| {
            let beginning = name.strip_suffix('*').unwrap_or(name);
            (1..=NAME_BYTES_MAX).contains(&beginning.len())
                && !beginning.contains('*')
                && !name.contains(char::is_control)
        };
        let faults = [
            (self.ignore.len() <= NAMES_MAX, "`ignore` has more than 256 names"),
            (
                self.ignore.iter().all(is_name),
                "a name of `ignore` is empty, longer than 200 bytes, or has a `*` that is not its end",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_a_whole_or_by_their_beginning() {
        let rules = ParityRules::parse("ignore: [port, \"variable DATABASE_*\"]").unwrap();
        let found = ["port", "ports", "variable DATABASE_HOST", "variable DATABASE", "secret port"]
            .map(|name| rules.expects(name));
        assert_eq!(found, [true, false, true, false, false]);
        assert!(!ParityRules::default().expects(""));
    }

    #[test]
    fn rules_that_would_hide_everything_or_cannot_be_read_are_refused() {
        for (text, said) in [
            ("ignore: [\"*\"]", "parity: a name of `ignore` is empty"),
            ("ignore: [\"\"]", "parity: a name of `ignore` is empty"),
            ("ignore: [\"a*b\"]", "parity: a name of `ignore` is empty"),
            ("ignore: [\"a\\nb\"]", "parity: a name of `ignore` is empty"),
            ("ignored: [port]", "parity: "),
            ("ignore: 7", "parity: "),
        ] {
            let error = ParityRules::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{text}: {error}");
        }
        let many = (0..=NAMES_MAX).map(|number| format!("port {number}")).collect();
        assert!(ParityRules { ignore: many }.fault().is_some());
    }
}
