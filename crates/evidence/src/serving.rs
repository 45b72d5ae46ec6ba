//! The runners that serve a run. They follow from the run's signed request and the trust root alone, so that nobody can draw
//! other runners until a test passes. Format: `docs/formats/trust-root.md`.
//!
//! Invariant: the order of the root's list, and runners that are not chosen, change nothing. Two runners on one host count
//! once. The file does not say how many runners a run needs: policies do.

use std::collections::BTreeSet;

use crate::git::RefName;
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

/// A runner took part that the run's request and the root did not choose.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{ran} ran it, but the request and the trust root choose {chosen}")]
pub struct NotServing {
    /// Runners that ran it, with commas.
    ran: String,
    /// The runners that were to run it, as many as ran it, with commas.
    chosen: String,
}

/// The part of a run's signed request that the choice of runners rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunChoice {
    /// Nonce of the request.
    pub nonce: Id,
    /// The ref that contains the commit, if the request names one.
    pub at_ref: Option<RefName>,
    /// Runners that the run does without.
    pub without: BTreeSet<Name>,
}

impl RunChoice {
    /// The pool whose runners serve the run. `None` if no runner of the root has a pool: then each serves every run.
    #[must_use]
    pub fn pool(&self, root: &TrustRoot) -> Option<Pool> {
        let has_pools = root.runners.iter().any(|runner| runner.pool.is_some());
        has_pools.then(|| self.trust(root))
    }

    /// The pool that the ref of the run leads to, whether or not runners have pools. Grants of secrets name it.
    #[must_use]
    pub fn trust(&self, root: &TrustRoot) -> Pool {
        match &self.at_ref {
            None => Pool::Fork,
            Some(name) if root.protected.iter().any(|pattern| pattern.has(name)) => Pool::Protected,
            Some(_) => Pool::Branch,
        }
    }

    /// Whether a runner does the steps of the run that are held apart: it is the first one that the root chooses. If no runner has a
    /// pool, nothing chooses, and each that serves the run may do them.
    #[must_use]
    pub fn leads(&self, root: &TrustRoot, runner: &Name) -> bool {
        self.pool(root).map_or_else(
            || self.may_serve(root, runner),
            |pool| {
                let ranked = ranked(root, pool, self.nonce, &self.without);
                ranked.first().is_some_and(|first| first.name == *runner)
            },
        )
    }

    /// Whether a runner belongs to the pool of the run, whichever runner is the first one of its host.
    #[must_use]
    pub fn belongs(&self, root: &TrustRoot, runner: &Name) -> bool {
        let pool = self.pool(root);
        let is_of = |own: Option<Pool>| pool.is_none() || own.is_none() || own == pool;
        root.runners.iter().any(|known| known.name == *runner && is_of(known.pool))
    }

    /// Whether a runner may serve the run at all.
    #[must_use]
    pub fn may_serve(&self, root: &TrustRoot, runner: &Name) -> bool {
        match self.pool(root) {
            Some(pool) => {
                ranked(root, pool, self.nonce, &self.without).iter().any(|chosen| chosen.name == *runner)
            }
            None => !self.without.contains(runner) && root.runners.iter().any(|known| known.name == *runner),
        }
    }

    /// Checks that these runners are the first ones that the root chooses. If no runner has a pool, they have to be runners
    /// that the request does not leave out. How many are enough is for a policy to say.
    ///
    /// # Errors
    /// `NotServing` names both.
    pub fn check<'a>(&self, root: &'a TrustRoot, ran: &'a BTreeSet<Name>) -> Result<(), NotServing> {
        let chosen: BTreeSet<&Name> = match self.pool(root) {
            Some(pool) => {
                let ranked = ranked(root, pool, self.nonce, &self.without);
                ranked.into_iter().take(ran.len()).map(|runner| &runner.name).collect()
            }
            None => ran.iter().filter(|name| self.may_serve(root, name)).collect(),
        };
        let ran: BTreeSet<&Name> = ran.iter().collect();
        if ran == chosen { Ok(()) } else { Err(NotServing { ran: listed(&ran), chosen: listed(&chosen) }) }
    }
}

/// Runners that check releases after their deployment: those of the pool `deploy` and those without a pool.
pub fn checkers<'a>(root: &'a TrustRoot, without: &'a BTreeSet<Name>) -> impl Iterator<Item = &'a Machine> {
    let has_pools = root.runners.iter().any(|runner| runner.pool.is_some());
    let may = move |runner: &&Machine| !has_pools || runner.pool.is_none_or(|own| own == Pool::Deploy);
    root.runners.iter().filter(may).filter(|runner| !without.contains(&runner.name))
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
    let mut runners = ranked(root, pool, nonce, without);
    if runners.len() < count {
        return Err(TooFewHosts { pool, found: runners.len(), needed: count });
    }
    runners.truncate(count);
    Ok(runners)
}

/// All runners that may serve, one of each host, in the order in which they are chosen.
#[must_use]
pub fn ranked<'a>(root: &'a TrustRoot, pool: Pool, nonce: Id, without: &BTreeSet<Name>) -> Vec<&'a Machine> {
    let may =
        |runner: &&Machine| runner.pool.is_none_or(|own| own == pool) && !without.contains(&runner.name);
    let mut runners: Vec<_> = root.runners.iter().filter(may).collect();
    runners.sort_by_cached_key(|runner| rank(root.installation, nonce, runner));
    let mut hosts = BTreeSet::new();
    runners.retain(|runner| hosts.insert(runner.place.host.to_ascii_lowercase()));
    runners
}

fn listed(names: &BTreeSet<&Name>) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Digest of three lines after the name of this rule: installation, nonce and the runner's key.
fn rank(installation: Id, nonce: Id, runner: &Machine) -> Digest {
    Digest::of(format!("{RULE}\n{installation}\n{nonce}\n{}\n", runner.key).as_bytes())
}

const RULE: &str = "countersign-pool@v1";
