//! Uses of secrets: what steps hold now, every read, and alerts.
//!
//! Invariant: lines of the record alone. A step holds what it was lent until its report is here; whether its process still has the
//! value, the server cannot know.

use domain::RunId;
use evidence::entry::Actor;
use evidence::receipt::Work;
use web::model::{SheetCell, SheetRow, SheetTable, State};

use super::super::reading::{Reading, time};
use super::super::sheets::cell;
use super::super::words::{badge, person, release_href, run_href};
use crate::views::records::RecordRow;

/// Values that steps were lent and whose reports are still to come.
pub fn leases(at: &Reading<'_>, state: &domain::State, reads: &[&RecordRow]) -> SheetTable {
    let held: Vec<_> = reads.iter().filter(|row| is_held(state, row)).collect();
    let rows: Vec<_> = held
        .iter()
        .take(ROWS_MAX)
        .map(|row| vec![secret(row), cell(who(at, &row.who)), purpose(row), when(row)])
        .collect();
    SheetTable {
        title: "Held by steps now".to_owned(),
        columns: ["Secret", "Runner", "For", "Since"].map(str::to_owned).to_vec(),
        more: held.len().saturating_sub(rows.len()),
        rows,
        empty: "No step that is under way was lent a secret.".to_owned(),
        fill: None,
    }
}

fn is_held(state: &domain::State, row: &RecordRow) -> bool {
    let (Some(run), Some(step), Actor::Machine(runner)) = (row.run, &row.step, &row.who) else {
        return false;
    };
    let run = state.build.run(RunId::from(run));
    let reported = |run: &domain::build::Progress| run.report(&Work::Step(step.clone()), runner).is_some();
    row.allowed == Some(true) && run.is_some_and(|run| !reported(run))
}

/// Reads and uses, the newest first.
pub fn table(at: &Reading<'_>, reads: &[&RecordRow]) -> SheetTable {
    let rows: Vec<_> = reads.iter().take(ROWS_MAX).map(|row| read(at, row)).collect();
    SheetTable {
        title: "Uses".to_owned(),
        columns: ["Time", "Secret", "By", "For", "Outcome"].map(str::to_owned).to_vec(),
        more: reads.len().saturating_sub(rows.len()),
        rows,
        empty: "Nobody has asked for a secret.".to_owned(),
        fill: None,
    }
}

fn read(at: &Reading<'_>, row: &RecordRow) -> Vec<SheetCell> {
    let mut outcome = cell(row.summary.clone());
    outcome.badge = row.allowed.map(|allowed| match (allowed, &row.place) {
        (true, Some(_)) => badge(State::Pass, "used"),
        (true, None) => badge(State::Pass, "lent"),
        (false, _) => badge(State::Stop, "refused"),
    });
    vec![when(row), secret(row), cell(who(at, &row.who)), purpose(row), outcome]
}

fn when(row: &RecordRow) -> SheetCell {
    SheetCell {
        time: Some(time(row.time)),
        href: Some(format!("/ledger/{}", row.entry)),
        ..SheetCell::default()
    }
}

fn secret(row: &RecordRow) -> SheetCell {
    let number = row.number.map(|number| format!(" {number}")).unwrap_or_default();
    cell(row.secret.as_ref().map_or_else(String::new, |secret| format!("{secret}{number}")))
}

fn purpose(row: &RecordRow) -> SheetCell {
    match (&row.step, &row.place, row.release) {
        (Some(step), _, _) => {
            SheetCell { href: row.run.map(|run| run_href(run.into())), ..cell(format!("step {step}")) }
        }
        (None, Some(place), Some(release)) => SheetCell {
            href: Some(release_href(place, release)),
            notes: vec![format!("release {release}")],
            ..cell(place.to_string())
        },
        (None, Some(place), None) => cell(place.to_string()),
        (None, None, _) => cell("a person"),
    }
}

fn who(at: &Reading<'_>, who: &Actor) -> String {
    match who {
        Actor::Person(id) => person(at.shared, (*id).into()),
        Actor::Machine(machine) => machine.to_string(),
        Actor::System => "the server".to_owned(),
    }
}

/// An alert as an item.
pub fn alert(at: &Reading<'_>, row: &RecordRow) -> SheetRow {
    let work = row.step.as_ref().map(|step| format!("step {step}"));
    let place = row.place.as_ref().map(ToString::to_string);
    SheetRow {
        badge: Some(badge(State::Stop, "unusual")),
        title: row.summary.clone(),
        href: Some(format!("/ledger/{}", row.entry)),
        notes: [Some(who(at, &row.who)), work, place].into_iter().flatten().collect(),
        time: Some(time(row.time)),
        commands: Vec::new(),
    }
}

/// Most rows of a table.
const ROWS_MAX: usize = 100;
