//! The current view of runs: rows of the views, with names and running work, which no view holds.

use domain::RunId;
use evidence::Name;
use wire::{RunView, WorkState};

use crate::http::names::named;
use crate::http::problem::Failure;
use crate::shared::Shared;
use crate::views::runs::{self, RunRow, RunSelection};

/// One run.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn one(shared: &Shared, run: RunId) -> Result<Option<RunRow>, Failure> {
    let mut found = shared.views.ask(|rows| runs::one(rows, run)).map_err(Failure::failed)?;
    found.iter_mut().for_each(|row| complete(shared, &mut row.view));
    Ok(found)
}

/// The newest runs of readable projects, the latest first.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn newest(
    shared: &Shared,
    selection: &RunSelection,
    may: &dyn Fn(&Name) -> bool,
) -> Result<Vec<RunRow>, Failure> {
    let found = shared.views.ask(|rows| runs::newest(rows, selection, may));
    let mut found = found.map_err(Failure::failed)?;
    found.iter_mut().for_each(|row| complete(shared, &mut row.view));
    Ok(found)
}

/// Adds names and running work, which no view holds.
fn complete(shared: &Shared, view: &mut RunView) {
    if let Some(by) = &mut view.cancelled_by {
        *by = named(shared, by.person);
    }
    let state = shared.intake.state();
    for work in view.works.iter_mut().filter(|work| work.state == WorkState::Due) {
        let Some(runner) = &work.runner else { continue };
        let mut due = state.outstanding(runner).filter(|due| due.run == view.run);
        let is_it =
            |due: &&domain::build::Due| due.work.kind() == work.kind.name() && due.work.label() == work.name;
        work.running = due.find(is_it).is_some_and(|due| shared.attendance.is_at(runner, &due.nonce));
    }
}
