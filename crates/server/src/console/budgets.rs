//! Budgets of places: how many findings the policy in force allows there.
//!
//! Invariant: a policy never changes, and a budget follows from policy, mode and place alone, so what is known stays known.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::State;
use evidence::policy_files::PolicyFiles;
use evidence::{Digest, Place};
use judge::{Store as _, budgets_of};
use policy::Budget;

use super::reading::Reading;

/// Budgets by place; `None` under a policy without one.
pub type Budgets = BTreeMap<Place, Arc<Option<Budget>>>;

/// The budgets of places; none for a place whose policy has none, or cannot be read. Each policy is compiled at most once.
pub fn of_places<'a>(at: &Reading<'_>, state: &State, places: impl Iterator<Item = &'a Place>) -> Budgets {
    let Some(mode) = state.identity.root().map(|root| root.mode) else { return BTreeMap::new() };
    let cache = &at.shared.pages.exposure.budgets;
    let (mut known, mut missing) = (BTreeMap::new(), BTreeMap::<Digest, Vec<&Place>>::new());
    for place in places {
        let Some(set) = state.gate.environment(place) else { continue };
        let policy = set.facts.policy;
        match cache.get(&(policy, mode, place.clone())) {
            Some(budget) => drop(known.insert(place.clone(), budget)),
            None => missing.entry(policy).or_default().push(place),
        }
    }
    for (policy, places) in missing {
        let bytes = at.shared.gatekeeper.store().blob(&policy).ok();
        let Some(files) = bytes.and_then(|bytes| PolicyFiles::decode(&bytes).ok()) else { continue };
        for (place, budget) in places.iter().zip(budgets_of(&files, mode, &places)) {
            let kept = cache.or_make::<()>((policy, mode, (*place).clone()), || Ok(budget));
            known.extend(kept.ok().map(|budget| ((*place).clone(), budget)));
        }
    }
    known
}
