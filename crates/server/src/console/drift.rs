//! Drift: how places differ from what was declared for them, and whether their hosts are in the state that they have to be in.
//!
//! Invariant: only places of projects that the reader may read are shown. Everything is what agents signed last: a place whose agent
//! observed nothing is counted apart, and never said to be equal.

use domain::State as Ledger;
use evidence::Place;
use evidence::observations::{Difference, DriftDone, DriftFinding};
use web::model::{Badge, Sheet, SheetCell, SheetTable, State};
use wire::{AgentBaselineView, AgentDriftView};

use super::reading::{Reading, time};
use super::sheets::cell;
use super::words::{badge, command};
use crate::drift_view;
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;

/// The newest observations at a place.
struct Observed {
    place: Place,
    drift: Vec<AgentDriftView>,
    baseline: Vec<AgentBaselineView>,
}

/// The page.
///
/// # Errors
/// `Failure` if the views are behind.
pub fn drift(at: &Reading<'_>) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    let all = observed(at, &state);
    let drifting = all.iter().filter(|one| one.drift.iter().any(has_drifted)).count();
    let differs = all.iter().filter(|one| one.baseline.iter().any(|seen| !seen.equal)).count();
    let silent = all.iter().filter(|one| one.drift.is_empty() && one.baseline.is_empty()).count();
    Ok(Sheet {
        headline: headline(all.len(), drifting, differs),
        badge: Some(match drifting + differs {
            0 if silent == all.len() => badge(State::Quiet, "not observed"),
            0 => badge(State::Pass, "no drift"),
            _ => badge(State::Stop, "drifts"),
        }),
        sub: vec![
            "from the newest signed observations of agents".to_owned(),
            format!("{} without an observation", shown::many(silent, "place")),
        ],
        tables: vec![findings(&all), baselines(&all)],
        ..Sheet::default()
    })
}

/// Drift and measured baselines of one place.
pub(super) fn of_place(at: &Reading<'_>, state: &Ledger, place: &Place) -> [SheetTable; 2] {
    let (drift, baseline) = drift_view::of(at.shared, state, place);
    let own = [Observed { place: place.clone(), drift, baseline }];
    [findings(&own), baselines(&own)]
}

fn observed(at: &Reading<'_>, state: &Ledger) -> Vec<Observed> {
    let facts = state.gate.environments().map(|set| &set.facts);
    let readable = facts.filter(|facts| at.may_read(&facts.place.project));
    let of = |place: &Place| {
        let (drift, baseline) = drift_view::of(at.shared, state, place);
        Observed { place: place.clone(), drift, baseline }
    };
    readable.map(|facts| of(&facts.place)).collect()
}

const fn has_drifted(seen: &AgentDriftView) -> bool {
    !seen.findings.is_empty() || seen.more > 0
}

fn headline(places: usize, drifting: usize, differs: usize) -> String {
    let verb = |count: usize, one: &str, many: &str| {
        let word = if count == 1 { one } else { many };
        format!("{} {word}", shown::many(count, "place"))
    };
    match (places, drifting, differs) {
        (0, ..) => "There is no place that you may read about".to_owned(),
        (_, 0, 0) => "No agent has signed that its place drifts".to_owned(),
        (_, 0, differs) => verb(differs, "differs from its baseline", "differ from their baselines"),
        (_, drifting, 0) => verb(drifting, "is drifting", "are drifting"),
        (_, drifting, differs) => format!(
            "{}, {}",
            verb(drifting, "is drifting", "are drifting"),
            verb(differs, "differs from its baseline", "differ from their baselines")
        ),
    }
}

fn findings(all: &[Observed]) -> SheetTable {
    let of_agent = |place: &Place, seen: &AgentDriftView| {
        seen.findings.iter().map(|finding| row(place, seen, finding)).collect::<Vec<_>>()
    };
    let of_place =
        |one: &Observed| -> Vec<_> { one.drift.iter().flat_map(|seen| of_agent(&one.place, seen)).collect() };
    let beyond: u64 = all.iter().flat_map(|one| &one.drift).map(|seen| seen.more).sum();
    let mut rows: Vec<_> = all.iter().flat_map(of_place).collect();
    let more = rows.len().saturating_sub(ROWS_MAX) + usize::try_from(beyond).unwrap_or(usize::MAX);
    rows.truncate(ROWS_MAX);
    SheetTable {
        title: "Drift".to_owned(),
        columns: ["Place", "Sort", "Answer", "Declared", "Found", "Since", "By"].map(str::to_owned).to_vec(),
        rows,
        more,
        empty: "Nothing differs from what was declared, as far as agents have observed.".to_owned(),
        fill: None,
    }
}

fn row(place: &Place, seen: &AgentDriftView, finding: &DriftFinding) -> Vec<SheetCell> {
    let mut at = cell(place.to_string());
    at.notes = vec![seen.agent.to_string()];
    at.href = Some(format!("/ledger/{}", seen.entry));
    let mut what = cell(finding.name.clone());
    what.notes = vec![finding.what.as_str().to_owned()];
    let answer = SheetCell { badge: Some(answer(finding.done)), ..SheetCell::default() };
    let since = SheetCell { time: Some(time(finding.since)), ..SheetCell::default() };
    vec![at, what, answer, brief(&finding.declared), brief(&finding.found), since, cell(finding.by.clone())]
}

fn answer(done: DriftDone) -> Badge {
    match done {
        DriftDone::Corrected => badge(State::Pass, "corrected"),
        DriftDone::Alerted => badge(State::Wait, "alerted"),
        DriftDone::GivenUp => badge(State::Stop, "came again"),
        DriftDone::Failed => badge(State::Stop, "not corrected"),
        DriftDone::Frozen => badge(State::Frozen, "frozen"),
    }
}

/// A value, as long as it fits a cell. A digest is told by its beginning.
fn brief(value: &str) -> SheetCell {
    cell(match value.strip_prefix("sha256:") {
        Some(digest) => review::ids::short(digest).to_owned(),
        None => shown::brief(value, VALUE_CHARS),
    })
}

fn baselines(all: &[Observed]) -> SheetTable {
    let of_place =
        |one: &Observed| -> Vec<_> { one.baseline.iter().map(|seen| baseline(&one.place, seen)).collect() };
    let mut rows: Vec<_> = all.iter().flat_map(of_place).collect();
    let more = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    SheetTable {
        title: "Measured baselines".to_owned(),
        columns: ["Place", "State", "Measured", "Differs in"].map(str::to_owned).to_vec(),
        rows,
        more,
        empty: "No place has a baseline that was measured.".to_owned(),
        fill: Some(command("countersign status")),
    }
}

fn baseline(place: &Place, seen: &AgentBaselineView) -> Vec<SheetCell> {
    let mut at = cell(place.to_string());
    at.notes = vec![seen.agent.to_string(), format!("baseline {}", review::ids::short(&seen.baseline.hex()))];
    at.href = Some(format!("/ledger/{}", seen.entry));
    let state = match seen.equal {
        true => badge(State::Pass, "measured, equal"),
        false => badge(State::Stop, "differs"),
    };
    let state = SheetCell { badge: Some(state), ..SheetCell::default() };
    let measured = SheetCell { time: Some(time(seen.time)), ..SheetCell::default() };
    let named =
        |one: &Difference| format!("{} {}: {} to {}", one.what.as_str(), one.name, one.declared, one.found);
    let mut differs = cell(if seen.differences.is_empty() { "nothing" } else { "" });
    differs.notes = seen.differences.iter().take(NAMES_MAX).map(named).collect();
    let more = seen.differences.len().saturating_sub(NAMES_MAX) as u64 + seen.more;
    differs.notes.extend((more > 0).then(|| format!("and {more} more")));
    vec![at, state, measured, differs]
}

const ROWS_MAX: usize = 200;
const VALUE_CHARS: usize = 60;
const NAMES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::headline;

    #[test]
    fn a_headline_claims_no_more_than_what_was_signed() {
        assert_eq!(headline(0, 0, 0), "There is no place that you may read about");
        assert_eq!(headline(3, 0, 0), "No agent has signed that its place drifts");
        assert_eq!(headline(3, 1, 0), "1 place is drifting");
        assert_eq!(headline(3, 0, 2), "2 places differ from their baselines");
        assert_eq!(headline(3, 2, 1), "2 places are drifting, 1 place differs from its baseline");
    }
}
