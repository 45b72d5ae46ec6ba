//! Whether the runners of a build are those that its signed request and the trust root choose.
//!
//! Invariant: the request names the version of the root, so that a server cannot try one root after the other. That root
//! has to follow from the pinned one.

use std::collections::BTreeSet;

use evidence::Name;
use evidence::pool::Pool;
use evidence::serving::RunChoice;
use evidence::trust_root::TrustRoot;

use crate::reasons::{Reasons, one_reason};
use crate::requests::RunRequests;

/// Checks that these runners are the first ones that are chosen, and finds their pool, if runners have pools. A policy says how
/// many are enough.
pub fn check(
    asked: &RunRequests,
    ran: &BTreeSet<Name>,
    roots: &[TrustRoot],
    pinned: u32,
) -> Result<Option<Pool>, Reasons> {
    let root = root(roots, asked.chosen_by, &asked.choice, pinned)?;
    let checked = asked.choice.check(root, ran);
    checked.map_err(|error| one_reason("runner-not-serving", error.to_string(), RUN_AGAIN))?;
    Ok(asked.choice.pool(root))
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
    found.ok_or_else(|| {
        let what = format!(
            "trust root {version} chose the runners, and only roots from {pinned} on are proven here"
        );
        one_reason("root-unproven", what, RUN_AGAIN)
    })
}

const RUN_AGAIN: &str = "run it again: `countersign run --again`";
