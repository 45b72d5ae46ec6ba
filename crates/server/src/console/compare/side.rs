//! One of two releases to compare: its row, and the evidence that it is compared by.

use domain::State;
use evidence::Moment;
use review::headline::capital;
use review::named_release::NamedRelease;
use review::release_words;
use web::model::Badge;
use wire::{ReleaseKind, ReleaseStage, ReleaseView};

use crate::console::judged::pending_key;
use crate::console::judgement::JudgementKey;
use crate::console::reading::{Reading, nothing};
use crate::console::release::{Events, settled_badge};
use crate::http::problem::Failure;
use crate::views::releases;

/// A release that was asked for.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// It has evidence.
    Found(Box<Found>),
    /// It has none: the sentence says why.
    Nothing(String),
}

/// A release with evidence.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its row; of a rollback, its own one.
    pub view: ReleaseView,
    /// Its state.
    pub badge: Badge,
    /// The key of its evidence.
    pub key: JudgementKey,
    /// The moment as of which the evidence is judged.
    pub moment: Moment,
    /// More about it.
    pub note: Option<String>,
}

/// A release with its evidence.
///
/// # Errors
/// `Failure` if it does not exist, or the views cannot be read.
pub fn resolved(at: &Reading<'_>, state: &State, named: &NamedRelease) -> Result<Resolved, Failure> {
    let NamedRelease { place, release } = named;
    let ask = |number: u64| at.shared.views.ask(|rows| releases::one(rows, place, number));
    let view = ask(*release).map_err(Failure::failed)?.filter(|view| view.release.is_some());
    let view = view.ok_or_else(|| {
        nothing(format!("there is no release {release} of {place}; `countersign status` shows the newest"))
    })?;
    let standing = state.release.at(place);
    let running = standing.and_then(|standing| standing.running.as_ref());
    let is_current = running.map(|running| running.release) == Some(*release);
    let mut freezes = state.identity.freezes().iter();
    let is_frozen = freezes.any(|freeze| freeze.covers(&place.project, &place.service, &place.environment));
    let badge = settled_badge(&view, is_current, is_frozen);
    let found = |view, key, moment, note| {
        Ok(Resolved::Found(Box::new(Found { view, badge: badge.clone(), key, moment, note })))
    };
    let open = standing.and_then(|standing| standing.open.as_ref());
    let is_pending =
        open.is_some_and(|open| open.facts.release == *release) && view.stage != ReleaseStage::Due;
    if is_pending && let Some(key) = pending_key(at.shared, state, place, at.now)? {
        return found(view, key, at.now, Some("judged now".to_owned()));
    }
    let settled = match view.kind {
        ReleaseKind::Release => Some(view.clone()),
        ReleaseKind::Rollback => {
            let back = at.shared.views.ask(|rows| releases::brought_back(rows, place, *release));
            back.map_err(Failure::failed)?
        }
    };
    let Some((own, bundle)) = settled.and_then(|own| Some((own.release?, own.bundle?))) else {
        let word = release_words::word(&view, is_current);
        return Ok(Resolved::Nothing(format!(
            "{} {release} of {place} has no evidence to compare: no gate let it pass, and it is not pending; its state is: {word}",
            capital(&view.kind.to_string())
        )));
    };
    let moment = Events::read(at, place, own)?.judged_at().unwrap_or(at.now);
    let note = (view.kind == ReleaseKind::Rollback).then(|| format!("rollback to release {own}"));
    found(view, JudgementKey::Settled(bundle), moment, note)
}
