//! The way of a service's newest run from the commit to production: run, artifact, and for each environment its gate and what
//! runs there.
//!
//! Invariant: a gate speaks about the run's own artifact, an environment about whatever runs there.

use evidence::Digest;
use review::duration;
use review::ids::short;
use review::release_words;
use web::model::{self, Board, Cell, Link};
use wire::{PlaceView, ReleaseKind, ReleaseStage, ReleaseView, RunState};

use crate::console::commits;
use crate::console::reading::Reading;
use crate::console::run::state_badge;
use crate::console::words::{badge, release_href, run_href};
use crate::views::runs::RunRow;

/// The way, in order. `run` is the newest run of the service; without one, the way has environments alone.
pub fn links(at: &Reading<'_>, run: Option<&RunRow>, places: &[PlaceView], board: &Board) -> Vec<Link> {
    let artifact = run.and_then(|run| artifact_of(run, places));
    let mut links = Vec::new();
    if let Some(run) = run {
        links.extend([commit(at, run), self::run(run), self::artifact(run, artifact)]);
    }
    let cells = board.services.iter().flat_map(|row| &row.cells).flatten();
    for (environment, cell) in board.environments.iter().zip(cells) {
        let view = places.iter().find(|view| view.place.environment.as_str() == environment);
        let Some(view) = view else { continue };
        links.extend(run.map(|_| gate(view, cell, artifact)));
        links.push(self::environment(view, cell, artifact));
    }
    links
}

/// The artifact of the run that places of this service got, or will get.
fn artifact_of(run: &RunRow, places: &[PlaceView]) -> Option<Digest> {
    let is_of_service = |release: &&ReleaseView| places.iter().any(|view| view.place == release.place);
    let own = run.view.releases.iter().filter(|release| release.kind == ReleaseKind::Release);
    own.filter(is_of_service).map(|release| release.artifact).next_back()
}

fn commit(at: &Reading<'_>, run: &RunRow) -> Link {
    let view = &run.view;
    let author = commits::of(at.shared, view.run, &view.commit).map(|facts| format!("by {}", facts.author));
    let subject = commits::subject(at.shared, view.run, &view.commit);
    Link {
        title: "commit".to_owned(),
        badge: badge(model::State::Pass, short(view.commit.as_str())),
        lines: std::iter::once(subject).chain(author).collect(),
        href: None,
        current: false,
    }
}

fn run(run: &RunRow) -> Link {
    let id = run.view.run.to_string();
    let took = run.ended.map(|end| duration::words(end.millis().saturating_sub(run.started.millis())));
    Link {
        title: format!("run {}", id.get(..RUN_DIGITS).unwrap_or(&id)),
        badge: state_badge(run.view.state),
        lines: took.into_iter().collect(),
        href: Some(run_href(run.view.run)),
        current: false,
    }
}

fn artifact(run: &RunRow, artifact: Option<Digest>) -> Link {
    let (state, word) = match (artifact, run.view.state) {
        (Some(_), _) => (model::State::Pass, "built"),
        (None, RunState::Running) => (model::State::Busy, "not built yet"),
        (None, RunState::Passed) => (model::State::Quiet, "none for this service"),
        (None, RunState::Cancelled) => (model::State::Quiet, "missing"),
        (None, RunState::Failed | RunState::Differed | RunState::Lost) => (model::State::Stop, "missing"),
    };
    Link {
        title: "artifact".to_owned(),
        badge: badge(state, word),
        lines: artifact.map(|digest| short(&digest.hex()).to_owned()).into_iter().collect(),
        href: None,
        current: false,
    }
}

/// The newest release of an artifact at a place.
fn of_artifact(view: &PlaceView, artifact: Option<Digest>) -> Option<&ReleaseView> {
    let own = view.releases.iter().filter(|release| release.kind == ReleaseKind::Release);
    own.into_iter().find(|release| Some(release.artifact) == artifact)
}

/// The gate of a place, about the run's artifact.
fn gate(view: &PlaceView, cell: &Cell, artifact: Option<Digest>) -> Link {
    let found = of_artifact(view, artifact);
    let number = found.and_then(|release| release.release);
    let waiting = cell.behind.as_ref().filter(|behind| Some(behind.release) == number);
    let badge = match (found, waiting) {
        (_, Some(behind)) => behind.badge.clone(),
        (None, None) => badge(model::State::Quiet, "not asked yet"),
        (Some(release), None) => verdict(release),
    };
    let how = if view.automatic { "automatic" } else { "people promote" };
    Link {
        title: format!("gate of {}", view.place.environment),
        badge,
        lines: vec![number.map_or_else(|| how.to_owned(), |number| format!("release {number}, {how}"))],
        href: number.map(|number| release_href(&view.place, number)),
        current: false,
    }
}

/// The answer of the gate about a release that does not wait for it.
fn verdict(release: &ReleaseView) -> model::Badge {
    match release.stage {
        ReleaseStage::Wanted | ReleaseStage::Proposed | ReleaseStage::Judging => {
            badge(model::State::Busy, release_words::word(release, false))
        }
        ReleaseStage::Held | ReleaseStage::Unplannable => {
            badge(model::State::Stop, release_words::word(release, false))
        }
        _ if release.bundle.is_some() => badge(model::State::Pass, "passed"),
        _ => badge(model::State::Quiet, release_words::word(release, false)),
    }
}

/// An environment: what runs there, and whether it is the run's artifact.
fn environment(view: &PlaceView, cell: &Cell, artifact: Option<Digest>) -> Link {
    let running = view.running.as_ref();
    let is_own = running.is_some_and(|now| Some(now.artifact) == artifact);
    let release = running.map(|now| match is_own {
        true => format!("release {}, this artifact", now.release),
        false => format!("release {}", now.release),
    });
    Link {
        title: view.place.environment.to_string(),
        badge: cell.badge.clone(),
        lines: cell.subject.iter().filter(|_| !is_own).cloned().chain(release).collect(),
        href: Some(cell.href.clone()).filter(|href| href != "/"),
        current: false,
    }
}

/// Digits of a run's id in a title.
const RUN_DIGITS: usize = 4;
