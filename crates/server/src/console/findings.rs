//! Findings: what runs and is vulnerable, what waits because of it, and the statements that settle something until a date.
//!
//! Invariant: what is counted is what the reader may read. A finding of several places is told once, with its places. Findings are
//! those that scanners reported when a release was built, so each row says when that was.

mod filter;
mod headline;
mod listed;
mod places;
mod settled;
#[cfg(test)]
mod tests;
mod trend;

use web::model::{Badge, Sheet, State};
use wire::PlaceView;

use super::budgets::{self, Budgets};
use super::exposure::{self, Exposure};
use super::reading::Reading;
use super::service_choice::services;
use super::situation::Situation;
use super::words::badge;
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use filter::Filter;
use headline::Outlook;

/// The page.
///
/// # Errors
/// `Failure` if the views or stored evidence cannot be read.
pub fn findings(at: &Reading<'_>, query: &str) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state(), query)
}

/// The same with a given state.
pub(super) fn of_state(at: &Reading<'_>, state: &domain::State, query: &str) -> Result<Sheet, Failure> {
    let situation = Situation::read(at, state)?;
    let filter = Filter::read(query);
    filter.service.check(&situation.places)?;
    let covered = |view: &&PlaceView| filter.service.covers(&view.place);
    let places: Vec<&PlaceView> = situation.places.iter().filter(covered).collect();
    let all = exposure::of_places(at, state, &places)?;
    let stated = places.iter().flat_map(|view| &view.statements);
    let statements = settled::all(stated, at.now);
    let budgets = budgets::of_places(at, state, all.iter().map(|found| &found.place));
    let charts = trend::charts(at, &places, &all)?;
    let form = Some(filter.form(&services(&situation.places)));
    Ok(Sheet { charts, form, ..page(&all, &filter, &budgets, &statements, at.now) })
}

fn page(
    all: &[Exposure],
    filter: &Filter,
    budgets: &Budgets,
    statements: &[settled::Settling<'_>],
    now: evidence::Moment,
) -> Sheet {
    let outlook = Outlook::of(all, settled::ending_soon(statements, now));
    let exceeded = places::exceeded(all, budgets);
    let over = shown::many(exceeded, "place");
    let mut sub: Vec<String> = filter
        .service
        .chosen()
        .map(|name| format!("only service {}", shown::brief(name, NAME_CHARS)))
        .into_iter()
        .collect();
    sub.extend(outlook.sub());
    sub.extend((exceeded > 0).then(|| format!("{over} over budget")));
    Sheet {
        headline: outlook.headline(),
        badge: Some(shape(&outlook)),
        sub,
        tables: places::tables(all, budgets, now),
        lists: vec![listed::list(all, filter), settled::list(statements, all)],
        ..Sheet::default()
    }
}

fn shape(outlook: &Outlook) -> Badge {
    match outlook {
        Outlook { grave: 1.., .. } => badge(State::Stop, "exposed"),
        Outlook { blocked: 1.., .. } => badge(State::Stop, "blocked"),
        Outlook { ending: 1.., .. } => badge(State::Wait, "ends soon"),
        Outlook { unread: 1.., .. } => badge(State::Wait, "not read"),
        Outlook { running: 0, .. } => badge(State::Quiet, "nothing runs"),
        Outlook { unscanned, .. } if *unscanned > 0 => badge(State::Wait, "not scanned"),
        _ => badge(State::Pass, "clear"),
    }
}

const NAME_CHARS: usize = 100;
