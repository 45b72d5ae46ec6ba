//! One service: what runs where, the history of its releases, and statements about it.

mod history;
mod way;

use evidence::{Name, Place};
use review::headline::{self, PlaceFacts};
use review::place_state::PlaceState;
use web::model::{Badge, Board, Fact, Sheet, SheetRow, State, Waiting};
use wire::{FreezeView, PlaceView, StatementState};

use super::reading::{Reading, nothing, time};
use super::situation::Situation;
use super::words::{badge, fact, page_of_place};
use super::{board, compare, sheets, waiting};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::run_view;
use crate::views::runs::{self, RunRow};

/// The page.
///
/// # Errors
/// `Failure` if the reader may not read the project, no place has such a service, or views cannot be read.
pub fn service(at: &Reading<'_>, project: &Name, service: &Name) -> Result<Sheet, Failure> {
    crate::http::right::of_project(at.shared, at.caller, project)?;
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state(), project, service)
}

/// The same with a given state.
pub(super) fn of_state(
    at: &Reading<'_>,
    state: &domain::State,
    project: &Name,
    service: &Name,
) -> Result<Sheet, Failure> {
    let all = Situation::read(at, state)?;
    let is_own = |place: &Place| place.project == *project && place.service == *service;
    let places: Vec<PlaceView> = all.places.iter().filter(|view| is_own(&view.place)).cloned().collect();
    if places.is_empty() {
        return Err(nothing(format!(
            "no place has a service `{project}/{service}`; `countersign status` shows the places"
        )));
    }
    let run = newest_run(at, project, service)?;
    let own = of_service(&all, places, run.as_ref());
    let board = board::board(at, state, &own)?;
    let owner = board.services.first().and_then(|row| row.note.clone());
    let sub = std::iter::once(format!("project {project}")).chain(owner.map(|owner| format!("ask {owner}")));
    Ok(Sheet {
        headline: headline(service, &own.places, &board),
        badge: worst(&board),
        sub: sub.collect(),
        way: way::links(at, run.as_ref(), &own.places, &board),
        form: Some(compare::form(at, Some((project, service)), None, None)?),
        tables: vec![history::table(at, &own.places)?],
        lists: vec![
            sheets::list(
                "Waiting",
                waiting::all(at, state, &own)?.into_iter().map(waits).collect(),
                ROWS_MAX,
                "Nothing of this service waits for a person.",
            ),
            sheets::list(
                "Statements",
                statements(&own.places),
                ROWS_MAX,
                "Nobody made a statement about this service.",
            ),
        ],
        facts: vec![("Places".to_owned(), own.places.iter().map(of_place).collect())],
        ..Sheet::default()
    })
}

/// The part of the situation that is about a service.
fn of_service(all: &Situation, places: Vec<PlaceView>, run: Option<&RunRow>) -> Situation {
    let covers = |freeze: &&FreezeView| {
        let covers = |at: &Place| freeze.freeze.covers(&at.project, &at.service, &at.environment);
        places.iter().any(|view| covers(&view.place))
    };
    let nodes = all.nodes.iter().filter(|node| run.is_some_and(|run| run.view.run == node.run));
    Situation {
        freezes: all.freezes.iter().filter(covers).cloned().collect(),
        nodes: nodes.cloned().collect(),
        places,
        templates: Vec::new(),
        previews: Vec::new(),
        runners: Vec::new(),
        witnesses: all.witnesses,
        status: None,
        root_expires: None,
        status_signers: all.status_signers.clone(),
        root_signers: all.root_signers.clone(),
    }
}

/// The newest run that builds an artifact of the service.
fn newest_run(at: &Reading<'_>, project: &Name, service: &Name) -> Result<Option<RunRow>, Failure> {
    let newest = at.shared.views.ask(|rows| runs::newest_of_service(rows, project, service));
    match newest.map_err(Failure::failed)? {
        Some(newest) => run_view::one(at.shared, newest.run),
        None => Ok(None),
    }
}

/// The worst badge of the board's cells; none where every place is well.
fn worst(board: &Board) -> Option<Badge> {
    let cells = || board.services.iter().flat_map(|row| &row.cells).flatten();
    let all = cells().map(|cell| &cell.badge);
    let behind = cells().filter_map(|cell| cell.behind.as_ref()).map(|behind| &behind.badge);
    let all: Vec<&Badge> = behind.chain(all).collect();
    let of = |state: State| all.iter().find(|badge| badge.state == state).map(|badge| (*badge).clone());
    of(State::Stop).or_else(|| of(State::Wait)).or_else(|| of(State::Frozen))
}

fn of_place(view: &PlaceView) -> Fact {
    let how = if view.automatic { "automatic" } else { "people promote" };
    Fact { href: Some(page_of_place(&view.place)), ..fact(view.place.environment.as_str(), how) }
}

fn waits(waiting: Waiting) -> SheetRow {
    SheetRow {
        badge: Some(waiting.badge),
        title: waiting.title,
        href: Some(waiting.href).filter(|href| href != "/"),
        notes: Some(waiting.detail).filter(|detail| !detail.is_empty()).into_iter().collect(),
        time: waiting.since,
        commands: waiting.command.into_iter().collect(),
    }
}

/// How the service does at all its places, in the order of the board.
fn headline(service: &Name, places: &[PlaceView], board: &Board) -> String {
    let cells = board.services.iter().flat_map(|row| &row.cells).flatten();
    let facts = board.environments.iter().zip(cells).filter_map(|(environment, cell)| {
        let view = places.iter().find(|view| view.place.environment.as_str() == environment)?;
        let pending = cell.behind.as_ref().map(|behind| (behind.release, behind.badge.word.as_str()));
        Some(PlaceFacts { environment, state: PlaceState::of(view), frozen: view.frozen, pending })
    });
    headline::of_service(service.as_str(), &facts.collect::<Vec<_>>())
}

/// Statements of people, each once.
fn statements(places: &[PlaceView]) -> Vec<SheetRow> {
    let mut seen = std::collections::BTreeSet::new();
    let all = places.iter().flat_map(|view| &view.statements);
    let once = all.filter(|stated| seen.insert(stated.statement));
    let shown = |stated: &wire::StatementView| {
        let (state, word) = match stated.state {
            StatementState::InForce => (State::Pass, "in force"),
            StatementState::Later => (State::Wait, "begins later"),
            StatementState::Ended => (State::Quiet, "ended"),
            StatementState::Withdrawn => (State::Stop, "withdrawn"),
        };
        let content = stated.content.as_ref();
        let mut notes = Vec::new();
        notes.extend(content.map(|content| format!("for {}", content.scope)));
        notes.extend(stated.by.name.clone().map(|name| format!("by {name}")));
        notes.extend(content.map(|content| content.reason.clone()));
        SheetRow {
            badge: Some(badge(state, word)),
            title: format!("{}: {}", stated.kind, content.map_or("not readable", |content| &content.summary)),
            notes,
            time: Some(time(stated.until)),
            ..SheetRow::default()
        }
    };
    once.map(shown).collect()
}

/// Most things that wait, and most statements.
const ROWS_MAX: usize = 50;
