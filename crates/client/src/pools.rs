//! Pools of runners and protected refs, as a person amends them in the trust root.
//!
//! Invariant: a name that the root does not have is an error, so that a mistyped one changes nothing unnoticed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use evidence::Name;
use evidence::git::RefPattern;
use evidence::pool::Pool;
use evidence::trust_root::TrustRoot;

use crate::error::Error;

/// A runner with its pool: `NAME=POOL`, or `NAME=any` for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLine {
    name: Name,
    pool: Option<Pool>,
}

impl FromStr for PoolLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, pool) =
            text.split_once('=').ok_or("expected NAME=POOL, for instance runner-1=protected")?;
        let name = name.parse().map_err(|error: evidence::NameError| error.to_string())?;
        if pool == ANY {
            return Ok(Self { name, pool: None });
        }
        let pool = pool.parse::<Pool>().map_err(|error| format!("{error}, or `{ANY}` for no pool"))?;
        Ok(Self { name, pool: Some(pool) })
    }
}

impl fmt::Display for PoolLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.pool.map_or(ANY, Pool::as_str))
    }
}

/// Amends pools and protected refs.
///
/// # Errors
/// `Error` names the line about a runner or ref that the root does not have.
pub fn amend(
    root: &mut TrustRoot,
    pools: &[PoolLine],
    protect: &[RefPattern],
    unprotect: &[RefPattern],
) -> Result<(), Error> {
    for line in pools {
        let known = root.runners.iter_mut().find(|runner| runner.name == line.name);
        let unknown =
            || Error::unusable(format!("`{line}`: the root names no runner `{}`; {SHOW}", line.name));
        known.ok_or_else(unknown)?.pool = line.pool;
    }
    let mut refs: BTreeSet<RefPattern> = root.protected.drain(..).collect();
    if let Some(unknown) = unprotect.iter().find(|pattern| !refs.remove(*pattern)) {
        return Err(Error::unusable(format!("the root does not protect `{unknown}`; {SHOW}")));
    }
    refs.extend(protect.iter().cloned());
    root.protected = refs.into_iter().collect();
    root.runners.sort();
    Ok(())
}

/// One line for each pool that no runner serves, if runners have pools: its runs would be refused.
#[must_use]
pub fn empty(root: &TrustRoot) -> Vec<String> {
    let serves = |pool| root.runners.iter().any(|runner| runner.pool.is_none_or(|own| own == pool));
    let pooled = root.runners.iter().any(|runner| runner.pool.is_some());
    let left = Pool::ALL.into_iter().filter(|pool| pooled && !serves(*pool));
    left.map(|pool| format!("no runner serves the pool `{pool}`, so {}", refused(pool))).collect()
}

const fn refused(pool: Pool) -> &'static str {
    match pool {
        Pool::Fork => "commits that no ref is named for cannot be run",
        Pool::Branch => "commits of refs that are not protected cannot be run",
        Pool::Protected => "commits of protected refs cannot be run",
        Pool::Deploy => "releases with checks do not go on to the next environment",
    }
}

const ANY: &str = "any";
const SHOW: &str = "`countersign trust root` shows the root in force";

#[cfg(test)]
mod tests {
    use super::*;

    fn amended(pools: &[&str], protect: &[&str], unprotect: &[&str]) -> Result<TrustRoot, String> {
        let pools: Vec<PoolLine> = pools.iter().map(|text| text.parse().unwrap()).collect();
        let refs = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let mut root = lab::Lab::default().root();
        root.protected = refs(&["refs/heads/main"]);
        amend(&mut root, &pools, &refs(protect), &refs(unprotect)).map_err(|error| error.to_string())?;
        root.envelope().unwrap();
        Ok(root)
    }

    #[test]
    fn pools_and_refs_are_amended() {
        let root = amended(&["runner-2=deploy"], &["refs/tags/v*"], &["refs/heads/main"]).unwrap();
        let pools: Vec<_> = root.runners.iter().map(|runner| runner.pool).collect();
        assert_eq!(pools, [None, Some(Pool::Deploy)]);
        assert_eq!(root.protected, ["refs/tags/v*".parse().unwrap()]);
        assert_eq!(empty(&root), Vec::<String>::new(), "a runner without a pool serves each");
        let root = amended(&["runner-1=protected", "runner-2=fork"], &[], &[]).unwrap();
        assert_eq!(
            empty(&root),
            [
                "no runner serves the pool `branch`, so commits of refs that are not protected cannot be run",
                "no runner serves the pool `deploy`, so releases with checks do not go on to the next environment",
            ]
        );
        let mut again = root;
        amend(&mut again, &["runner-1=any".parse().unwrap(), "runner-2=any".parse().unwrap()], &[], &[])
            .unwrap();
        assert!(again.runners.iter().all(|runner| runner.pool.is_none()) && empty(&again).is_empty());
    }

    #[test]
    fn a_mistyped_line_is_an_error() {
        let unknown = amended(&["runner-9=fork"], &[], &[]).unwrap_err();
        assert_eq!(
            unknown,
            "`runner-9=fork`: the root names no runner `runner-9`; `countersign trust root` shows the root in force"
        );
        let unknown = amended(&[], &[], &["refs/heads/x"]).unwrap_err();
        assert_eq!(
            unknown,
            "the root does not protect `refs/heads/x`; `countersign trust root` shows the root in force"
        );
        let error = "runner-1".parse::<PoolLine>().unwrap_err();
        assert_eq!(error, "expected NAME=POOL, for instance runner-1=protected");
        let error = "runner-1=prod".parse::<PoolLine>().unwrap_err();
        assert_eq!(
            error,
            "`prod` is not a pool: expected `fork`, `branch`, `protected` or `deploy`, or `any` for no pool"
        );
    }
}
