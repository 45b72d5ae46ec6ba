//! Findings: what runs and is vulnerable, what waits because of it, and the statements that settle something until a date.
//!
//! Invariant: what is counted is what the reader may read. A finding of several places is told once, with its places. Findings are
//! those that scanners reported when a release was built, so each row says when that was.

mod headline;
mod listed;
mod places;
mod settled;
#[cfg(test)]
mod tests;
mod trend;

use web::model::{Badge, Sheet, State};

use super::budgets::{self, Budgets};
use super::exposure::{self, Exposure};
use super::reading::Reading;
use super::situation::Situation;
use super::words::badge;
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use headline::Outlook;

/// The page.
///
/// # Errors
/// `Failure` if the views or stored evidence cannot be read.
pub fn findings(at: &Reading<'_>) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state())
}

/// The same with a given state.
pub(super) fn of_state(at: &Reading<'_>, state: &domain::State) -> Result<Sheet, Failure> {
    let situation = Situation::read(at, state)?;
    let all = exposure::all(at, state, &situation)?;
    let stated = situation.places.iter().flat_map(|view| &view.statements);
    let statements = settled::all(stated, at.now);
    let budgets = budgets::of_places(at, state, all.iter().map(|found| &found.place));
    let charts = trend::charts(at, &situation.places, &all)?;
    Ok(Sheet { charts, ..page(&all, &budgets, &statements, at.now) })
}

fn page(
    all: &[Exposure],
    budgets: &Budgets,
    statements: &[settled::Settling<'_>],
    now: evidence::Moment,
) -> Sheet {
    let outlook = Outlook::of(all, settled::ending_soon(statements, now));
    let exceeded = places::exceeded(all, budgets);
    let over = shown::many(exceeded, "place");
    let mut sub = outlook.sub();
    sub.extend((exceeded > 0).then(|| format!("{over} over budget")));
    Sheet {
        headline: outlook.headline(),
        badge: Some(shape(&outlook)),
        sub,
        tables: places::tables(all, budgets, now),
        lists: vec![listed::list(all), settled::list(statements, all)],
        ..Sheet::default()
    }
}

fn shape(outlook: &Outlook) -> Badge {
    match outlook {
        Outlook { grave: 1.., .. } => badge(State::Stop, "vulnerable"),
        Outlook { blocked: 1.., .. } => badge(State::Stop, "blocked"),
        Outlook { ending: 1.., .. } => badge(State::Wait, "ends soon"),
        Outlook { running: 0, .. } => badge(State::Quiet, "nothing runs"),
        Outlook { unscanned, .. } if *unscanned > 0 => badge(State::Wait, "not scanned"),
        _ => badge(State::Pass, "clear"),
    }
}
