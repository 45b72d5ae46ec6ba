//! Posture: one row for each service, with its code, its findings, its pipeline and its runtime, and one word for all of it.
//!
//! Invariant: places come from the situation, which holds those that the reader may read. The word of a row follows from facts by a
//! pure function; evidence that was not read for the page is said to be so.

mod cells;
mod service;

use domain::State;
use review::posture::{Posture, headline};
use web::model::{Sheet, SheetTable};

use super::exposure;
use super::reading::Reading;
use super::situation::Situation;
use super::words::{badge, command};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use service::{Service, services};

/// The page.
///
/// # Errors
/// `Failure` if the views or stored evidence cannot be read.
pub fn posture(at: &Reading<'_>) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state())
}

/// The same with a given state.
pub(super) fn of_state(at: &Reading<'_>, state: &State) -> Result<Sheet, Failure> {
    let situation = Situation::read(at, state)?;
    let exposures = exposure::all(at, state, &situation)?;
    let mut rows: Vec<(Posture, Service<'_>)> = services(at, &situation, &exposures)?
        .into_iter()
        .map(|service| (Posture::of(&service.facts()), service))
        .collect();
    rows.sort_by_key(|(posture, service)| (posture.word, service.name()));
    let named: Vec<(String, Posture)> =
        rows.iter().map(|(posture, service)| (service.name(), posture.clone())).collect();
    let worst = rows.first().map(|(posture, _)| posture.word);
    let more = rows.len().saturating_sub(ROWS_MAX);
    let cells = rows.iter().take(ROWS_MAX).map(|(posture, service)| cells::of(at, posture, service));
    Ok(Sheet {
        headline: headline(&named),
        badge: worst.map(|word| badge(cells::shape(word), word.as_str())),
        sub: vec!["sorted by what needs attention; evidence is that of what runs".to_owned()],
        tables: vec![SheetTable {
            title: "Services".to_owned(),
            columns: ["Service", "State", "Code", "Findings", "Pipeline", "Runtime"]
                .map(str::to_owned)
                .into(),
            rows: cells.collect::<Result<_, Failure>>()?,
            more,
            empty: "No place has a service that you may read.".to_owned(),
            fill: Some(command("countersign project add")),
        }],
        ..Sheet::default()
    })
}

/// Most rows of the page.
const ROWS_MAX: usize = 200;
