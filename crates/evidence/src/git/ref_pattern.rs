//! Sets of git refs: one ref, or all refs with a common beginning.
//!
//! Invariant: a pattern names refs in full, and `*` stands at its end alone. So nobody has to know how a program matches.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ref_name::RefName;

/// A ref in full such as `refs/heads/main`, or a beginning with `*` such as `refs/heads/release/*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RefPattern(String);

/// The text is no set of refs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` names no refs: expected for instance `refs/heads/main` or `refs/heads/release/*`")]
pub struct RefPatternError(String);

impl RefPattern {
    /// Whether a ref belongs to the set.
    #[must_use]
    pub fn has(&self, name: &RefName) -> bool {
        let name = name.as_str();
        self.0.strip_suffix('*').map_or(self.0 == name, |beginning| name.starts_with(beginning))
    }
}

impl fmt::Display for RefPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RefPattern {
    type Err = RefPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Any ref with this beginning shows whether the beginning is one of refs.
        let example =
            text.strip_suffix('*').map_or_else(|| text.to_owned(), |beginning| format!("{beginning}x"));
        match example.parse::<RefName>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(RefPatternError(text.chars().take(80).collect())),
        }
    }
}

impl TryFrom<String> for RefPattern {
    type Error = RefPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RefPattern> for String {
    fn from(pattern: RefPattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_its_refs_and_no_others() {
        let has =
            |pattern: &str, name: &str| pattern.parse::<RefPattern>().unwrap().has(&name.parse().unwrap());
        assert!(has("refs/heads/main", "refs/heads/main"));
        assert!(!has("refs/heads/main", "refs/heads/main2"));
        assert!(!has("refs/heads/main", "refs/heads/main/x"));
        assert!(has("refs/heads/release/*", "refs/heads/release/1"));
        assert!(has("refs/heads/release/*", "refs/heads/release/1/2"));
        assert!(!has("refs/heads/release/*", "refs/heads/released"));
        assert!(has("refs/tags/v*", "refs/tags/v1"));
        assert!(!has("refs/tags/v*", "refs/heads/v1"));
    }

    #[test]
    fn attack_a_pattern_that_is_none_is_refused() {
        for text in
            ["", "*", "refs/*", "main", "heads/*", "refs/heads/*/x", "refs/heads/a**", "refs/heads/../*"]
        {
            let error = text.parse::<RefPattern>().unwrap_err().to_string();
            let expected = format!(
                "`{text}` names no refs: expected for instance `refs/heads/main` or `refs/heads/release/*`"
            );
            assert_eq!(error, expected);
        }
    }
}
