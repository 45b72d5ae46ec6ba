//! The runners of a pool that serve a run. They follow from the run's nonce and the trust root alone, so that nobody can
//! draw other runners until a test passes. Format: `docs/formats/trust-root.md`.
//!
//! Invariant: the order of the root's list, and runners that are not chosen, change nothing. Two runners on one host count
//! once. The file does not say how many runners a run needs, nor whether a person may leave one out.

use std::collections::BTreeSet;

use crate::pool::Pool;
use crate::trust_root::{Machine, TrustRoot};
use crate::{Digest, Id, Name};

/// Too few hosts have a runner for the run.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the pool `{pool}` has runners on {found} hosts, {needed} are needed")]
pub struct TooFewHosts {
    /// The pool.
    pub pool: Pool,
    /// Number of hosts with a runner that may serve.
    pub found: usize,
    /// Number of hosts needed.
    pub needed: usize,
}

/// The runners that serve a run, on `count` different hosts, in the order in which they are chosen. A runner without a
/// pool belongs to each. A person's signed request may leave some out.
///
/// # Errors
/// `TooFewHosts` when there are too few.
pub fn serving<'a>(
    root: &'a TrustRoot,
    pool: Pool,
    nonce: Id,
    count: usize,
    without: &BTreeSet<Name>,
) -> Result<Vec<&'a Machine>, TooFewHosts> {
    let may =
        |runner: &&Machine| runner.pool.is_none_or(|own| own == pool) && !without.contains(&runner.name);
    let mut runners: Vec<_> = root.runners.iter().filter(may).collect();
    runners.sort_by_cached_key(|runner| rank(root.installation, nonce, runner));
    let mut hosts = BTreeSet::new();
    runners.retain(|runner| hosts.insert(runner.place.host.to_ascii_lowercase()));
    if runners.len() < count {
        return Err(TooFewHosts { pool, found: runners.len(), needed: count });
    }
    runners.truncate(count);
    Ok(runners)
}

/// Digest of three lines after the name of this rule: installation, nonce and the runner's key.
fn rank(installation: Id, nonce: Id, runner: &Machine) -> Digest {
    Digest::of(format!("{RULE}\n{installation}\n{nonce}\n{}\n", runner.key).as_bytes())
}

const RULE: &str = "countersign-pool@v1";
