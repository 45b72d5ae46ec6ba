//! Previews that were removed lately, as their agents signed it.

use domain::Event;
use evidence::observations::{Body, Observation, ObservationKind, PreviewRemoved, RemovedBecause};
use evidence::{Place, dsse::Envelope};
use judge::Store as _;
use review::disk_size;
use web::model::{EntryRow, SheetCell, SheetTable};

use crate::console::ledger;
use crate::console::reading::Reading;
use crate::console::sheets::cell;
use crate::http::problem::Failure;

/// The newest removals that the reader may read about.
pub fn lately(at: &Reading<'_>) -> Result<SheetTable, Failure> {
    let kind = ObservationKind::PreviewRemoved;
    let found = ledger::events(at, &format!("kind=observation.made&q={}", kind.as_str()), LOOKED_MAX)?;
    let mut rows = Vec::new();
    for (event, line) in &found {
        let Event::Observed(observed) = event else { continue };
        if observed.kind != kind {
            continue;
        }
        let bytes = at.shared.gatekeeper.store().blob(&observed.envelope).map_err(Failure::failed)?;
        let read = Envelope::decode(&bytes).ok().and_then(|envelope| Observation::read(&envelope).ok());
        if let Some(Body::PreviewRemoved(removed)) = read.map(|observation| observation.body) {
            rows.push(row(&observed.place, line, &removed));
        }
    }
    rows.truncate(ROWS_MAX);
    Ok(table(rows))
}

/// The table of removals.
pub fn table(rows: Vec<Vec<SheetCell>>) -> SheetTable {
    SheetTable {
        title: "Removed lately".to_owned(),
        columns: ["Preview", "Removed", "Why", "With it went"].map(str::to_owned).to_vec(),
        rows,
        more: 0,
        empty: "No agent has signed yet that it removed a preview.".to_owned(),
        fill: None,
    }
}

/// The row of a removal.
pub fn row(place: &Place, line: &EntryRow, removed: &PreviewRemoved) -> Vec<SheetCell> {
    let mut named = cell(place.environment.to_string());
    named.href = Some(line.href.clone());
    named.notes = vec![format!("{}/{}", place.project, place.service)];
    let when = SheetCell { time: Some(line.time.clone()), ..SheetCell::default() };
    let why = match removed.because {
        RemovedBecause::Expired => "its time was over",
        RemovedBecause::Asked => "somebody asked for that",
        RemovedBecause::Withdrawn => "its template no longer allowed it",
    };
    let files = shown::many(usize::try_from(removed.files).unwrap_or(usize::MAX), "file");
    let mut went = cell(files);
    went.notes = vec![disk_size::words(removed.bytes)];
    vec![named, when, cell(why), went]
}

/// Most entries that are looked at: other observations have the same words.
const LOOKED_MAX: usize = 60;
/// Most rows.
const ROWS_MAX: usize = 20;
