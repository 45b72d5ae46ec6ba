//! How far the rollout of a release under way is, as its agent observed it last.
//!
//! Invariant: it is about the very release and plan that are due at the place; an observation of another one is not shown.
//! One that cannot be read is not shown either, and the log says so.

use domain::State;
use domain::release::Open;
use evidence::Digest;
use evidence::observations::Body;
use tracing::warn;
use wire::{OrderView, RolloutView};

use crate::drift_view;
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
    let read = drift_view::read(shared, newest).inspect_err(|why| warn!("{why}")).ok()?;
    let Body::RolloutVerdict(seen) = read.body else { return None };
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
