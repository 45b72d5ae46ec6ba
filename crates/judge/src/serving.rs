//! Whether the runners of a build are those that its signed request and the trust root choose.
//!
//! Invariant: the request names the version of the root, so that a server cannot try one root after the other. That root
//! has to follow from the pinned one. A runner that the newest root puts into another pool counts no longer, whichever root
//! chose it.

use std::collections::BTreeSet;

use evidence::Name;
use evidence::pool::Pool;
use evidence::serving::RunChoice;
use evidence::trust_root::TrustRoot;

use crate::reasons::{Reasons, one_reason};
use crate::requests::RunRequests;

/// Checks that these runners are the first ones that are chosen, and finds their pool, if runners have pools. A policy says how
/// many are enough. The steps that are held apart are for the first one alone, which `apart` has to be.
pub fn check(
    asked: &RunRequests,
    ran: &BTreeSet<Name>,
    apart: Option<&Name>,
    roots: &[TrustRoot],
    pinned: u32,
) -> Result<Option<Pool>, Reasons> {
    let root = root(roots, asked.chosen_by, &asked.choice, pinned)?;
    let checked = asked.choice.check(root, ran);
    checked.map_err(|error| one_reason(NOT_SERVING, error.to_string(), RUN_AGAIN))?;
    ran.iter().try_for_each(|runner| still(roots, &asked.choice, runner))?;
    if let Some(runner) = apart.filter(|runner| !asked.choice.leads(root, runner)) {
        return Err(one_reason(NOT_SERVING, not_leading(runner), RUN_AGAIN));
    }
    Ok(asked.choice.pool(root))
}

/// Checks that the newest root has a runner in the pool of the run, too: the holders of the root may trust it less by now.
pub fn still(roots: &[TrustRoot], choice: &RunChoice, runner: &Name) -> Result<(), Reasons> {
    if roots.last().is_some_and(|newest| choice.belongs(newest, runner)) {
        return Ok(());
    }
    let what = format!("the newest trust root does not name {runner} for the pool of the run");
    Err(one_reason(NOT_SERVING, what, RUN_AGAIN))
}

/// Sentence about a runner that did a step that is held apart, and that is for another one.
pub fn not_leading(runner: &Name) -> String {
    format!(
        "steps with secrets, and steps that need them, are for one runner of the run, and that is not {runner}"
    )
}

/// The root that chooses: the one that the request names, or the newest one, if no runner has a pool there.
pub fn root<'a>(
    roots: &'a [TrustRoot],
    named: Option<u32>,
    choice: &RunChoice,
    pinned: u32,
) -> Result<&'a TrustRoot, Reasons> {
    let newest = roots.last();
    let Some(version) = named else {
        return newest.filter(|root| choice.pool(root).is_none()).ok_or_else(|| {
            let what =
                "runners have pools, and the request for the run names no trust root that chooses among them";
            one_reason("root-missing", what, RUN_AGAIN)
        });
    };
    // Nothing proves roots before the pinned one.
    let found = roots.iter().find(|root| root.version == version && version >= pinned);
    let found = found.ok_or_else(|| {
        let what = format!(
            "trust root {version} chose the runners, and only roots from {pinned} on are proven here"
        );
        one_reason("root-unproven", what, RUN_AGAIN)
    })?;
    // A root from before the pools leaves the choice to the server.
    if choice.pool(found).is_none() && newest.is_some_and(|newest| choice.pool(newest).is_some()) {
        let what = format!("runners have pools, and trust root {version}, which the request names, has none");
        return Err(one_reason("root-missing", what, RUN_AGAIN));
    }
    Ok(found)
}

/// Code of a runner that did what is for others.
pub const NOT_SERVING: &str = "runner-not-serving";
const RUN_AGAIN: &str = "run it again: `countersign run --again`";
