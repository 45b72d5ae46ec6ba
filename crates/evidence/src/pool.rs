//! Pools of runners, by the trust that a run deserves. The trust root names the pool of each runner; see
//! `docs/formats/trust-root.md`.
//!
//! Invariant: the four names and their order are part of the format. The file does not say which runs a pool serves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A pool of runners, from the least trusted runs to the most trusted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// For commits that no verified ref contains, such as uploaded ones. Runs in it get no secrets.
    Fork,
    /// For commits on a verified ref.
    Branch,
    /// For commits on a ref that the project protects.
    Protected,
    /// For checks of releases that agents have brought up.
    Deploy,
}

/// The text is not the name of a pool.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a pool: expected `fork`, `branch`, `protected` or `deploy`")]
pub struct PoolError(String);

impl Pool {
    /// All pools, in order.
    pub const ALL: [Self; 4] = [Self::Fork, Self::Branch, Self::Protected, Self::Deploy];

    /// Name of the pool.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Branch => "branch",
            Self::Protected => "protected",
            Self::Deploy => "deploy",
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Pool {
    type Err = PoolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pool = Self::ALL.into_iter().find(|pool| pool.as_str() == text);
        pool.ok_or_else(|| PoolError(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_one_name() {
        for pool in Pool::ALL {
            assert_eq!(pool.to_string().parse(), Ok(pool));
            assert_eq!(serde_json::to_string(&pool).unwrap(), format!("\"{pool}\""));
        }
        assert!(Pool::ALL.is_sorted());
        let error = "Deploy".parse::<Pool>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`Deploy` is not a pool: expected `fork`, `branch`, `protected` or `deploy`"
        );
    }
}
