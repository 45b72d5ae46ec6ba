//! Paths in a store: mounts, roles, keys and secrets.
//!
//! Invariant: a path is one or more segments of letters, digits, `.`, `_` and `-`, and none is `.` or `..`. So a path from a
//! file leads nowhere but below the mount, and no character of it means anything in a URL.

use std::fmt;
use std::str::FromStr;

/// A path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(String);

/// The text is no path.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a path in a store: expected 1 to {SEGMENTS_MAX} names of letters, digits, `.`, `_` and `-` with `/` between, none of them `.` or `..`"
)]
pub struct StorePathError(String);

impl StorePath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StorePath {
    type Err = StorePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_name =
            |name: &str| !name.is_empty() && name != "." && name != ".." && name.chars().all(is_plain);
        let sound = text.len() <= BYTES_MAX
            && text.split('/').count() <= SEGMENTS_MAX
            && text.split('/').all(is_name);
        if sound { Ok(Self(text.to_owned())) } else { Err(StorePathError(text.chars().take(80).collect())) }
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const SEGMENTS_MAX: usize = 16;
const BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_their_mount() {
        for good in ["secret", "team/api/token", "a.b/c_d-e", "0"] {
            assert_eq!(good.parse::<StorePath>().map(|path| path.to_string()), Ok(good.to_owned()));
        }
        let long = "a/".repeat(16) + "a";
        for bad in [
            "", "/", "a/", "/a", "a//b", "..", "a/../b", ".", "a b", "a?b", "a%2f", "a#b", "ä", "a\nb", &long,
        ] {
            assert!(bad.parse::<StorePath>().is_err(), "{bad}");
        }
    }
}
