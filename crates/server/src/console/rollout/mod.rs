//! The rollout of a release: curves of both releases, the arithmetic of the verdict, its steps, and what people ordered.
//!
//! Invariant: the verdicts are those of signed observations. Figures that the agent tells of this moment are shown as such, and only if they are
//! about the very plan of the release. A rollout that has ended is shown by its observations, also after a restart.

mod curves;
mod figures;
mod shown;
mod states;
mod tables;
mod waits;

use domain::Event;
use domain::release::Proposed;
use evidence::Place;
use evidence::plan::Plan;
use judge::Store as _;
use review::differences::rollout_words as plan_words;
use review::rollout_words;
use web::model::Sheet;

use super::reading::{Reading, nothing};
use super::release::Events;
use super::sheets::{list, row};
use super::words::{clock, digest_fact, fact, release_href};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::place_view;
use shown::{Shown, Verdict};
use states::state;
pub use waits::waits;

/// The page.
///
/// # Errors
/// `Failure` if the caller may not read it, the release does not exist, or it has no rollout.
pub fn rollout(at: &Reading<'_>, place: &Place, number: u64) -> Result<Sheet, Failure> {
    at.of_place(place)?;
    up_to_date(at.shared)?;
    let events = Events::read(at, place, number)?;
    let shown = shown(at, place, number, &events)?;
    let (badge, how) = state(&shown);
    let told = shown.now.as_ref();
    let is_under_way = shown.end().is_none() && !shown.is_reported;
    let mut sub = vec![
        shown
            .words
            .iter()
            .find(|(name, _)| name == "replaces by")
            .map(|(_, value)| value.clone())
            .unwrap_or_default(),
        match told {
            Some(now) => format!("measured by the agent at {}; nobody signed that", clock(now.at)),
            None => "from the signed observations of its agent".to_owned(),
        },
    ];
    sub.retain(|one| !one.is_empty());
    let orders = events.moments(at).into_iter().map(|moment| {
        let mut item = row(moment.title);
        item.notes = [moment.detail].into_iter().filter(|detail| !detail.is_empty()).collect();
        item.time = Some(moment.time);
        item.href = Some(format!("/ledger/{}", moment.entry));
        item
    });
    let timeline = list("Timeline", orders.collect(), EVENTS_MAX, "Nothing was observed yet.");
    let waiting = told.filter(|_| is_under_way).and_then(|now| {
        let state = at.shared.intake.state();
        let facts = state.gate.environment(place).map(|set| &set.facts)?;
        let view = place_view::one(at.shared, &state, facts, at.now).ok()?;
        waits(place, now, rollout_words::unheard(&view))
    });
    let facts = shown.words.iter().map(|(name, value)| fact(name, value.clone()));
    let mut release = fact("Release", format!("{number} of {place}"));
    release.href = Some(release_href(place, number));
    Ok(Sheet {
        headline: format!("Rollout of release {number} to {place}: {how}"),
        badge: Some(badge),
        sub,
        curves: match told {
            Some(now) => curves::live(now, &shown),
            None => curves::past(&shown),
        },
        poll_ms: (is_under_way && told.is_some()).then_some(POLL_MS),
        tables: [tables::arithmetic(&shown), tables::steps(&shown)].into_iter().flatten().collect(),
        lists: waiting.into_iter().chain([timeline]).collect(),
        facts: vec![(
            "The plan".to_owned(),
            facts.chain([digest_fact("Plan", &shown.digest), release]).collect(),
        )],
        ..Sheet::default()
    })
}

/// Everything that is known of the rollout of a release.
fn shown(at: &Reading<'_>, place: &Place, number: u64, events: &Events) -> Result<Shown, Failure> {
    let proposed = events.iter().find_map(|(_, _, event)| match event {
        Event::Proposed(Proposed { plan, .. }) => Some(*plan),
        _ => None,
    });
    let digest = proposed.ok_or_else(|| {
        nothing(format!(
            "there is no release {number} of {place}; `countersign status {place}` shows the newest"
        ))
    })?;
    let store = at.shared.gatekeeper.store();
    let plan = Plan::decode(&store.blob(&digest).map_err(Failure::failed)?).map_err(Failure::failed)?;
    let rollout = plan.rollout.clone().ok_or_else(|| {
        nothing(format!("release {number} replaces what runs at {place} at once, so it has no rollout"))
    })?;
    let mut seen: Vec<_> = events
        .iter()
        .filter_map(|(entry, _, event)| match event {
            Event::Observed(observed) => Verdict::read(entry, &store.blob(&observed.envelope).ok()?, digest),
            _ => None,
        })
        .collect();
    seen.reverse();
    let told = at.shared.services.view(place).and_then(|service| service.rollout);
    let now = told.filter(|now| (now.release, now.plan) == (number, digest));
    let is_reported = events.iter().any(|(_, _, event)| matches!(event, Event::AgentReported(_)));
    Ok(Shown { words: plan_words(&plan), digest, rollout, seen, now, is_reported })
}

/// Time between two readings of a page whose figures no entry tells.
const POLL_MS: u32 = 2_000;
const EVENTS_MAX: usize = 40;
