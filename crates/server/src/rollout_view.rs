//! How far the rollout of a release under way is, as its agent observed it last.
//!
//! Invariant: it is about the very release and plan that are due at the place; an observation of another one is not shown.

use domain::State;
use domain::release::Open;
use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::observations::{Body, Observation};
use judge::Store as _;
use wire::{OrderView, RolloutView};

use crate::http::names::named;
use crate::shared::Shared;

/// The rollout of a pending release; absent if nothing was observed of it.
pub fn of(shared: &Shared, state: &State, open: &Open) -> Option<RolloutView> {
    let facts = &open.facts;
    let is_it = |release: u64, plan: Digest| (release, plan) == (facts.release, facts.plan);
    let observed = state.observation.at(&facts.place);
    let observed =
        observed.filter(|one| one.facts.about.is_some_and(|about| is_it(about.release, about.plan)));
    let newest = observed.max_by_key(|one| one.entry)?;
    let bytes = shared.gatekeeper.store().blob(&newest.facts.envelope).ok()?;
    let Body::RolloutVerdict(seen) = Observation::read(&Envelope::decode(&bytes).ok()?).ok()?.body else {
        return None;
    };
    Some(RolloutView {
        step: seen.step.saturating_add(1),
        percent: seen.percent,
        began: seen.began,
        verdict: seen.verdict,
        reasons: seen.reasons,
        entry: newest.entry,
    })
}

/// The newest order of a person about the rollout of a pending release.
pub fn order(shared: &Shared, open: &Open) -> Option<OrderView> {
    let (asked, entry) = open.advance.as_ref()?;
    Some(OrderView {
        entry: *entry,
        request: asked.request,
        step: asked.step,
        order: asked.order,
        by: named(shared, asked.person),
    })
}
