//! The rollback that a page of a release is about: the rollback itself, or the one that took the release back.
//!
//! Invariant: person, reason and time come from the entry by which the person asked for it.

use domain::State;
use domain::release::RollbackRequested;
use evidence::{Moment, Place};
use review::named_release::NamedRelease;
use review::rollback_words::RollbackFacts;
use web::model::{self, Fact, Notice};
use wire::{ReleaseKind, ReleaseStage, ReleaseView};

use super::timeline::Events;
use crate::console::compare;
use crate::console::reading::{Reading, time};
use crate::console::recorded::request_reason;
use crate::console::words::{fact, person, release_href};
use crate::http::problem::Failure;
use crate::views::releases;

/// A rollback with everything that a page tells of it.
#[derive(Debug)]
pub struct Rollback {
    /// Its number.
    pub number: u64,
    /// The release that it brings back, if its evidence is stored.
    pub brought_back: Option<ReleaseView>,
    place: Place,
    taken_back: Option<u64>,
    stage: ReleaseStage,
    is_current: bool,
    by: String,
    reason: String,
    asked: Moment,
    events: Events,
}

impl Rollback {
    /// A rollback by its number; `None` if there is no such rollback.
    pub fn of(at: &Reading<'_>, state: &State, place: &Place, number: u64) -> Result<Option<Self>, Failure> {
        let (view, brought_back, replaced) = at
            .shared
            .views
            .ask(|rows| {
                let view = releases::one(rows, place, number)?;
                let back = releases::brought_back(rows, place, number)?;
                Ok((view, back, releases::replaced_by(rows, place, number)?))
            })
            .map_err(Failure::failed)?;
        let Some(view) = view.filter(|view| view.kind == ReleaseKind::Rollback) else { return Ok(None) };
        let events = Events::read(at, place, number)?;
        let Some((asked, request)) = events.rollback() else { return Ok(None) };
        let running = state.release.at(place).and_then(|standing| standing.running.as_ref());
        Ok(Some(Self {
            number,
            brought_back,
            place: place.clone(),
            taken_back: taken_back(request).or_else(|| replaced.and_then(|before| before.release)),
            stage: view.stage,
            is_current: running.is_some_and(|running| running.release == number),
            by: person(at.shared, request.person),
            reason: request_reason(at.shared, &request.request)
                .filter(|reason| !reason.is_empty())
                .unwrap_or_else(|| "no reason was given".to_owned()),
            asked,
            events,
        }))
    }

    /// The rollback that took a release back, ended it before it ran, or is about to take it back.
    pub fn of_release(at: &Reading<'_>, state: &State, view: &ReleaseView) -> Result<Option<Self>, Failure> {
        let (place, Some(number)) = (&view.place, view.release) else { return Ok(None) };
        let standing = state.release.at(place);
        let bar = standing
            .and_then(|standing| standing.rolled_back.iter().find(|bar| bar.release == number))
            .map(|bar| bar.by);
        let due = standing.and_then(|standing| standing.returning.as_ref()).map(|(request, _)| request);
        let due = due.filter(|request| taken_back(request) == Some(number)).map(|request| request.release);
        if let Some(by) = bar.or(view.by_rollback).or(due) {
            return Self::of(at, state, place, by);
        }
        // The bar of an artifact goes away once the artifact is wanted again; the release was rolled back all the same.
        let next = at.shared.views.ask(|rows| releases::replacement(rows, place, number));
        let next = next.map_err(Failure::failed)?.filter(|next| next.kind == ReleaseKind::Rollback);
        let Some(next) = next else { return Ok(None) };
        let back = Self::of(at, state, place, next.release)?;
        // A rollback of a later release, which never ran, starts the same artifact again.
        let is_other =
            |back: &Self| back.brought_back.as_ref().is_none_or(|brought| brought.artifact != view.artifact);
        Ok(back.filter(is_other))
    }

    /// Whether it is done.
    pub fn is_done(&self) -> bool {
        self.stage == ReleaseStage::Running
    }

    /// The notice on its own page.
    pub fn notice(&self) -> Notice {
        let state = match self.stage {
            ReleaseStage::Running if self.is_current => model::State::Pass,
            ReleaseStage::Running => model::State::Quiet,
            ReleaseStage::Due => model::State::Busy,
            _ => model::State::Stop,
        };
        let evidence = self.brought_back.as_ref().and_then(|brought| brought.release);
        let evidence = evidence.map(|number| {
            let value = format!("that of release {number}; no gate judges a rollback");
            Fact { href: Some(release_href(&self.place, number)), ..fact("Evidence", value) }
        });
        let releases = self.releases().into_iter().chain(evidence);
        self.told(state, self.words().title(), releases.chain(self.compared()).collect())
    }

    /// The notice on the page of the release that it took back, or ended.
    pub fn notice_of_release(&self, view: &ReleaseView) -> Notice {
        let (state, title) = match view.by_rollback {
            Some(_) => (model::State::Quiet, self.words().of_ended()),
            None if self.stage == ReleaseStage::Due => (model::State::Busy, self.words().of_release()),
            None => (model::State::Stop, self.words().of_release()),
        };
        let href = Some(release_href(&self.place, self.number));
        let own = Fact { href, ..fact("Rollback", format!("rollback {}", self.number)) };
        let back = self.releases().into_iter().filter(|fact| fact.name == BROUGHT_BACK);
        self.told(state, title, std::iter::once(own).chain(back).collect())
    }

    /// Its events for the timeline of the release that it took back, the newest first.
    pub fn moments(&self, at: &Reading<'_>) -> Vec<model::Moment> {
        let own = self.events.moments(at).into_iter();
        let prefix = format!("Rollback {}", self.number);
        own.map(|moment| model::Moment { title: format!("{prefix}: {}", moment.title), ..moment }).collect()
    }

    fn told(&self, state: model::State, title: String, facts: Vec<Fact>) -> Notice {
        Notice { state, title, detail: self.reason.clone(), time: Some(time(self.asked)), facts }
    }

    fn words(&self) -> RollbackFacts<'_> {
        RollbackFacts {
            number: self.number,
            by: &self.by,
            brought_back: self.brought_back.as_ref().and_then(|brought| brought.release),
            taken_back: self.taken_back,
            stage: self.stage,
            is_current: self.is_current,
        }
    }

    fn releases(&self) -> Vec<Fact> {
        let link = |name: &str, number: u64| Fact {
            href: Some(release_href(&self.place, number)),
            ..fact(name, format!("release {number}"))
        };
        let brought = self.brought_back.as_ref().and_then(|brought| brought.release);
        let brought = brought.map(|number| link(BROUGHT_BACK, number));
        brought.into_iter().chain(self.taken_back.map(|number| link("Took back", number))).collect()
    }

    fn compared(&self) -> Option<Fact> {
        let named = |release| NamedRelease { place: self.place.clone(), release };
        let (from, to) = (self.taken_back?, self.brought_back.as_ref()?.release?);
        let href = Some(compare::address(&named(from), &named(to)));
        Some(Fact { href, ..fact("Differences", format!("release {from} compared with release {to}")) })
    }
}

/// The release that a rollback takes back; absent in rollbacks of older programs.
fn taken_back(request: &RollbackRequested) -> Option<u64> {
    request.course.as_ref().map(|course| course.from_release)
}

const BROUGHT_BACK: &str = "Brought back";
