//! Addresses of the logs of a run's work.

use domain::RunId;
use web::model::{self, LogLink};
use wire::WorkView;

use super::names::shown_name;
use crate::console::reading::Reading;
use crate::console::words::{badge, run_href};
use crate::http::problem::Failure;
use crate::run_view;

/// Address of the log of a piece of work; `None` if it has no log.
pub fn log_href(run: RunId, work: &WorkView) -> Option<String> {
    let runner = work.runner.as_ref()?;
    let has_log = work.log.is_some() || work.running;
    has_log.then(|| format!("{}/logs/{}/{}/{runner}", run_href(run), work.kind, work.name))
}

/// The log of a piece of work with its state.
pub fn log_link(run: RunId, work: &WorkView) -> Option<LogLink> {
    let badge = match work.log {
        Some(_) => badge(model::State::Quiet, "complete"),
        None => badge(model::State::Busy, "live"),
    };
    Some(LogLink {
        work: shown_name(work.kind, &work.name),
        runner: work.runner.as_ref()?.to_string(),
        href: log_href(run, work)?,
        badge,
    })
}

/// The logs of one piece of work, of every runner.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn logs_of(at: &Reading<'_>, run: RunId, (kind, label): (&str, &str)) -> Result<Vec<LogLink>, Failure> {
    let row = run_view::one(at.shared, run)?;
    let works = row.iter().flat_map(|row| &row.view.works);
    let same = works.filter(|work| work.kind.name() == kind && work.name == label);
    Ok(same.filter_map(|work| log_link(run, work)).collect())
}
