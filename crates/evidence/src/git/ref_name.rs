//! Names of git refs, in full (<https://git-scm.com/docs/git-check-ref-format>).
//!
//! Invariant: a name is one that git accepts, so that it is safe as an argument after `--` and in a path below `refs`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A ref in full, for instance `refs/heads/main`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RefName(String);

/// The text is not a ref in full.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a ref in full: expected for instance `refs/heads/main`")]
pub struct RefNameError(String);

impl RefName {
    /// The ref as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RefName {
    type Err = RefNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        let below_refs = parts.next() == Some("refs") && parts.clone().count() >= 2;
        let sound = below_refs && text.len() <= BYTES_MAX && parts.all(is_part) && !text.ends_with('.');
        let free = !text.contains("..") && !text.contains("@{");
        if sound && free {
            Ok(Self(text.to_owned()))
        } else {
            Err(RefNameError(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for RefName {
    type Error = RefNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RefName> for String {
    fn from(name: RefName) -> Self {
        name.0
    }
}

fn is_part(part: &str) -> bool {
    let allowed = |byte: u8| byte > b' ' && byte != 0x7f && !b"~^:?*[\\".contains(&byte);
    let is_lock = part.as_bytes().ends_with(b".lock");
    !part.is_empty() && part.bytes().all(allowed) && !part.starts_with('.') && !is_lock
}

/// Longest ref in bytes: what file systems allow for one name.
const BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_is_one_that_git_accepts() {
        for good in ["refs/heads/main", "refs/tags/v1.0", "refs/pull/7/head", "refs/heads/é-ü/@"] {
            assert_eq!(good.parse::<RefName>().unwrap().to_string(), good);
        }
        let long = format!("refs/heads/{}", "a".repeat(245));
        for bad in [
            "",
            "main",
            "heads/main",
            "refs/heads",
            "refs/",
            "refs//main",
            "/refs/heads/main",
            "refs/heads/",
            "refs/heads/a..b",
            "refs/heads/.a",
            "refs/heads/a.lock",
            "refs/heads/a.lock/b",
            "refs/heads/a.",
            "refs/heads/a b",
            "refs/heads/a\tb",
            "refs/heads/a\u{7f}",
            "refs/heads/a@{1}",
            "refs/heads/a~1",
            "refs/heads/a^",
            "refs/heads/a:b",
            "refs/heads/a?",
            "refs/heads/a*",
            "refs/heads/[a",
            "refs/heads/a\\b",
            &long,
        ] {
            assert!(bad.parse::<RefName>().is_err(), "{bad}");
        }
    }
}
