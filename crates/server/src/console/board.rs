//! The board: services by environment, with the release that runs and the one behind it.

use std::collections::BTreeMap;

use domain::State;
use evidence::{Name, Place};
use review::ids::short;
use review::place_state::PlaceState;
use web::model::{self, Behind, Board, Cell, ServiceRow};
use wire::{PlaceView, ReleaseStage};

use super::environments::environments;
use super::pending::words_of;
use super::reading::{Reading, time};
use super::situation::Situation;
use super::waiting::place_href;
use super::words::{badge, person, release_href};
use super::{commits, judged, running};
use crate::http::problem::Failure;
use crate::views::moments::{self, ConsentKind};

/// The board.
///
/// # Errors
/// `Failure` if the server's own files fail.
pub fn board(at: &Reading<'_>, state: &State, situation: &Situation) -> Result<Board, Failure> {
    let environments = environments(&situation.places);
    let mut services: BTreeMap<(&Name, &Name), BTreeMap<&Name, &PlaceView>> = BTreeMap::new();
    for view in &situation.places {
        let Place { project, service, environment } = &view.place;
        services.entry((project, service)).or_default().insert(environment, view);
    }
    let row = |((project, service), places): (&(&Name, &Name), &BTreeMap<&Name, &PlaceView>)| {
        let cells = environments
            .iter()
            .map(|environment| places.get(environment).map(|view| cell(at, state, view)).transpose());
        let mut last = environments.iter().rev().filter_map(|environment| places.get(environment));
        let now = last.find_map(|view| view.running.as_ref());
        let facts = now.and_then(|now| commits::of(at.shared, now.run, &now.commit));
        Ok(ServiceRow {
            project: project.to_string(),
            service: service.to_string(),
            note: facts.and_then(|facts| facts.owners.get(*service).cloned()),
            href: format!("/services/{project}/{service}"),
            cells: cells.collect::<Result<_, Failure>>()?,
        })
    };
    let services = services.iter().map(row).collect::<Result<_, Failure>>()?;
    Ok(Board { environments: environments.iter().map(ToString::to_string).collect(), services })
}

/// Each place with its state, for a headline: `api in production`.
pub fn states(places: &[PlaceView]) -> Vec<(String, PlaceState)> {
    let named = |view: &PlaceView| format!("{} in {}", view.place.service, view.place.environment);
    places.iter().map(|view| (named(view), PlaceState::of(view))).collect()
}

fn cell(at: &Reading<'_>, state: &State, view: &PlaceView) -> Result<Cell, Failure> {
    let found = PlaceState::of(view);
    let running = view.running.as_ref();
    let subject = running.map(|now| commits::subject(at.shared, now.run, &now.commit));
    let by = match running {
        Some(now) => approvers(at, &view.place, now.release)?,
        None => Vec::new(),
    };
    Ok(Cell {
        badge: badge(shape(found), found.word()),
        subject,
        release: running.map(|now| now.release),
        named: running.map(|now| running::words(at, view, now)).transpose()?,
        commit: running.map(|now| short(now.commit.as_str()).to_owned()),
        since: running.and_then(|now| now.since).map(time),
        by,
        href: place_href(view),
        behind: behind(at, state, view)?,
    })
}

/// The shape of a state.
pub const fn shape(state: PlaceState) -> model::State {
    match state {
        PlaceState::Healthy => model::State::Pass,
        PlaceState::Silent | PlaceState::ChecksLost => model::State::Wait,
        PlaceState::Frozen => model::State::Frozen,
        PlaceState::RollingOut | PlaceState::RollingBack | PlaceState::Checking => model::State::Busy,
        PlaceState::Nothing => model::State::Quiet,
        PlaceState::Failed | PlaceState::Down | PlaceState::ChecksFailed | PlaceState::RolledBack => {
            model::State::Stop
        }
    }
}

/// Names of the people who approved a release, without those who rejected it later.
fn approvers(at: &Reading<'_>, place: &Place, release: u64) -> Result<Vec<String>, Failure> {
    let found = at.shared.views.ask(|rows| moments::consents(rows, place, release));
    let mut last = BTreeMap::new();
    for consent in found.map_err(Failure::failed)? {
        if consent.kind != ConsentKind::Promoted {
            last.insert(consent.person, consent.kind);
        }
    }
    let approved = last.into_iter().filter(|(_, kind)| *kind == ConsentKind::Approved);
    Ok(approved.map(|(of, _)| person(at.shared, of)).collect())
}

fn behind(at: &Reading<'_>, state: &State, view: &PlaceView) -> Result<Option<Behind>, Failure> {
    let Some(open) = &view.open else { return Ok(None) };
    let badge = match open.stage {
        ReleaseStage::Due => badge(model::State::Busy, "rolling out"),
        ReleaseStage::Judging => badge(model::State::Busy, "being judged"),
        ReleaseStage::Proposed if view.automatic => badge(model::State::Busy, "being judged"),
        _ => {
            let judged = judged::pending(at.shared, state, &view.place, at.now)?;
            words_of(&view.place, &judged).badge
        }
    };
    Ok(Some(Behind { release: open.release, badge, href: release_href(&view.place, open.release) }))
}
