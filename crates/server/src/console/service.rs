//! One service: what runs where, the history of its releases, and statements about it.

use evidence::Name;
use review::headline::{PlaceFacts, of_service};
use review::place_state::PlaceState;
use web::model::{Board, Link, Sheet, SheetList, SheetRow};
use wire::{PlaceView, ReleaseView, StatementState};

use super::reading::{Reading, nothing, time};
use super::release::settled_badge;
use super::situation::Situation;
use super::words::{badge, command, fact, release_href};
use super::{board, commits};
use crate::http::problem::Failure;

/// The page.
///
/// # Errors
/// `Failure` if the reader may not read the project, no place has such a service, or views cannot be read.
pub fn service(at: &Reading<'_>, project: &Name, service: &Name) -> Result<Sheet, Failure> {
    crate::http::right::of_project(at.shared, at.caller, project)?;
    let state = at.shared.intake.state();
    let mut situation = Situation::clone(&*Situation::read(at, &state)?);
    situation.places.retain(|view| view.place.project == *project && view.place.service == *service);
    if situation.places.is_empty() {
        return Err(nothing(format!(
            "no place has a service `{project}/{service}`; `countersign status` shows the places"
        )));
    }
    let board = board::board(at, &state, &situation)?;
    let cells = board.services.iter().flat_map(|row| &row.cells).flatten();
    let way: Vec<Link> = board
        .environments
        .iter()
        .zip(cells)
        .map(|(environment, cell)| {
            let release = cell.release.map(|release| format!("release {release}"));
            Link {
                title: environment.clone(),
                badge: cell.badge.clone(),
                lines: cell.subject.iter().cloned().chain(release).collect(),
                href: Some(cell.href.clone()).filter(|href| href != "/"),
                current: false,
            }
        })
        .collect();
    let headline = headline(service, &situation.places, &board);
    Ok(Sheet {
        headline,
        badge: None,
        sub: vec![format!("project {project}")],
        way,
        lists: vec![
            SheetList {
                title: "Releases".to_owned(),
                rows: releases(at, &situation.places),
                more: 0,
                empty: "No release reached a place of this service yet.".to_owned(),
                fill: Some(command("countersign run")),
            },
            SheetList {
                title: "Statements".to_owned(),
                rows: statements(&situation.places),
                more: 0,
                empty: "Nobody made a statement about this service.".to_owned(),
                fill: None,
            },
        ],
        facts: vec![(
            "Places".to_owned(),
            situation
                .places
                .iter()
                .map(|view| {
                    let how = if view.automatic { "automatic" } else { "people promote" };
                    fact(view.place.environment.as_str(), how)
                })
                .collect(),
        )],
        ..Sheet::default()
    })
}

/// How the service does at all its places, in the order of the board.
fn headline(service: &Name, places: &[PlaceView], board: &Board) -> String {
    let cells = board.services.iter().flat_map(|row| &row.cells).flatten();
    let facts = board.environments.iter().zip(cells).filter_map(|(environment, cell)| {
        let view = places.iter().find(|view| view.place.environment.as_str() == environment)?;
        let pending = cell.behind.as_ref().map(|behind| (behind.release, behind.badge.word.as_str()));
        Some(PlaceFacts { environment, state: PlaceState::of(view), frozen: view.frozen, pending })
    });
    of_service(service.as_str(), &facts.collect::<Vec<_>>())
}

/// Releases and rollbacks of all places, the newest first.
fn releases(at: &Reading<'_>, places: &[PlaceView]) -> Vec<SheetRow> {
    let mut all: Vec<(&PlaceView, &ReleaseView)> =
        places.iter().flat_map(|view| view.releases.iter().map(move |release| (view, release))).collect();
    all.sort_by_key(|(_, release)| std::cmp::Reverse(release.entry));
    all.iter().map(|(view, release)| row(at, view, release)).collect()
}

fn row(at: &Reading<'_>, view: &PlaceView, release: &ReleaseView) -> SheetRow {
    let is_current = view.running.as_ref().is_some_and(|running| Some(running.release) == release.release);
    let number = release.release.map(|number| format!("release {number}"));
    let mut notes = vec![view.place.environment.to_string()];
    notes.extend(number);
    notes.extend((!release.reasons.is_empty()).then(|| release.reasons.join(", ")));
    SheetRow {
        badge: Some(settled_badge(release, is_current)),
        title: commits::subject(at.shared, release.run, &release.commit),
        href: release.release.map(|number| release_href(&release.place, number)),
        notes,
        time: Some(time(release.time)),
        commands: Vec::new(),
    }
}

/// Statements of people, each once.
fn statements(places: &[PlaceView]) -> Vec<SheetRow> {
    let mut seen = std::collections::BTreeSet::new();
    let all = places.iter().flat_map(|view| &view.statements);
    let once = all.filter(|stated| seen.insert(stated.statement));
    let shown = |stated: &wire::StatementView| {
        let (state, word) = match stated.state {
            StatementState::InForce => (web::model::State::Pass, "in force"),
            StatementState::Later => (web::model::State::Wait, "begins later"),
            StatementState::Ended => (web::model::State::Quiet, "ended"),
            StatementState::Withdrawn => (web::model::State::Stop, "withdrawn"),
        };
        let content = stated.content.as_ref();
        let mut notes = Vec::new();
        notes.extend(content.map(|content| format!("for {}", content.scope)));
        notes.extend(stated.by.name.clone().map(|name| format!("by {name}")));
        notes.extend(content.map(|content| content.reason.clone()));
        SheetRow {
            badge: Some(badge(state, word)),
            title: format!("{}: {}", stated.kind, content.map_or("not readable", |content| &content.summary)),
            href: None,
            notes,
            time: Some(time(stated.until)),
            commands: Vec::new(),
        }
    };
    once.map(shown).collect()
}
