//! Previews that were removed lately, as their agents signed it.

use domain::Event;
use evidence::Place;
use web::model::{EntryRow, SheetCell, SheetTable};

use crate::console::reading::Reading;
use crate::console::sheets::cell;
use crate::console::{ledger, recorded};
use crate::http::problem::Failure;

/// The newest removals that the reader may read about.
pub fn lately(at: &Reading<'_>) -> Result<SheetTable, Failure> {
    let found = ledger::events(at, REMOVALS, LOOKED_MAX)?;
    let rows = found.iter().filter_map(|(event, line)| {
        let Event::Observed(observed) = event else { return None };
        observed.ends?;
        let (summary, _) = recorded::observation(at.shared, &observed.envelope)?;
        Some(row(&observed.place, line, summary))
    });
    Ok(table(rows.take(ROWS_MAX).collect()))
}

/// The table of removals.
pub fn table(rows: Vec<Vec<SheetCell>>) -> SheetTable {
    SheetTable {
        title: "Removed lately".to_owned(),
        columns: ["Preview", "When", "As its agent signed it"].map(str::to_owned).to_vec(),
        rows,
        more: 0,
        empty: "No agent has signed yet that it removed a preview.".to_owned(),
        fill: None,
    }
}

/// The row of a removal.
pub fn row(place: &Place, line: &EntryRow, summary: String) -> Vec<SheetCell> {
    let mut named = cell(place.environment.to_string());
    named.href = Some(line.href.clone());
    named.notes = vec![format!("{}/{}", place.project, place.service)];
    let when = SheetCell { time: Some(line.time.clone()), ..SheetCell::default() };
    vec![named, when, cell(summary)]
}

/// The query of the ledger that finds them.
const REMOVALS: &str = "kind=observation.made&q=preview-removed";
/// Most entries that are looked at: other observations have the same words.
const LOOKED_MAX: usize = 60;
/// Most rows.
const ROWS_MAX: usize = 20;
