//! One run: its graph, its runners side by side, its tests, artifacts, logs and releases.
//!
//! Invariant: facts of receipts are shown as their runners signed them; they were verified when they were recorded.

mod columns;
mod graph;
mod logs;
mod names;
mod next;
mod releases;
mod seen;
mod tests_of;
mod why;

use domain::{RunId, State};
use web::model::{self, Run};
use wire::RunState;

use super::commits;
use super::pending::waits_for;
use super::reading::{Reading, nothing};
use super::words::{badge, digest_fact};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::run_view;
use seen::Seen;

pub use logs::logs_of;

/// A run.
///
/// # Errors
/// `Failure` if the caller may not read it, or it does not exist.
pub fn run(at: &Reading<'_>, run: RunId) -> Result<Run, Failure> {
    at.of_run(run)?;
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state(), run)
}

/// The same with a given state.
pub(super) fn of_state(at: &Reading<'_>, state: &State, run: RunId) -> Result<Run, Failure> {
    let row = run_view::one(at.shared, run)?;
    let row =
        row.ok_or_else(|| nothing(format!("there is no run {run}; `countersign status` shows the runs")))?;
    let seen = Seen::of(at, state, row)?;
    let view = &seen.row.view;
    let graph = graph::of(&seen);
    Ok(Run {
        id: run.to_string(),
        project: view.project.to_string(),
        subject: commits::subject(at.shared, run, &view.commit),
        badge: badge_of(view.state, why::open_nodes(&seen).iter().map(|node| node.missing).sum()),
        sub: seen.sub(),
        commit: view.commit.to_string(),
        why: why::of(&seen),
        next: next::commands(&seen),
        runners: columns::of(&seen, &graph),
        graph: graph.model,
        tests: tests_of::lines(&seen),
        artifacts: view.artifacts.iter().map(|(name, digest)| digest_fact(name, digest)).collect(),
        logs: seen.works().filter_map(|(work, _)| logs::log_link(run, work)).collect(),
        releases: releases::links(&seen),
    })
}

/// The state of a run for which so many people are missing at approval nodes.
pub(super) fn badge_of(state: RunState, missing: usize) -> model::Badge {
    match (state, missing) {
        (RunState::Running, 1..) => badge(model::State::Wait, waits_for(missing)),
        _ => state_badge(state),
    }
}

/// The state of a run.
pub(super) fn state_badge(state: RunState) -> model::Badge {
    match state {
        RunState::Running => badge(model::State::Busy, "running"),
        RunState::Passed => badge(model::State::Pass, "passed"),
        RunState::Failed => badge(model::State::Stop, "failed"),
        RunState::Differed => badge(model::State::Stop, "runners differ"),
        RunState::Cancelled => badge(model::State::Quiet, "cancelled"),
        RunState::Lost => badge(model::State::Stop, "lost"),
    }
}
