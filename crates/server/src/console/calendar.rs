//! The calendar: when releases of each place may begin in the next two weeks, what stops them, and which ones wait.
//!
//! Invariant: only places of projects that the reader may read are shown. Times are those of UTC, because the server knows no
//! zones: `countersign calendar show --zone` shows those of a person's zone.

use std::time::Duration;

use domain::State as Ledger;
use evidence::windows::{Interval, WindowState, Windows};
use evidence::{Moment, Place};
use web::model::{Sheet, SheetCell, SheetTable, State};

use super::reading::{Reading, time};
use super::sheets::cell;
use super::words::{badge, command, page_of_place};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::openings;

/// A place whose statement names windows. `None`: they cannot be read, so nothing begins there.
type Known<'a> = (&'a Place, Option<Windows>);

/// The page.
///
/// # Errors
/// `Failure` if the views are behind.
pub fn calendar(at: &Reading<'_>) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    let facts = state.gate.environments().map(|environment| &environment.facts);
    let readable: Vec<_> = facts.filter(|facts| at.may_read(&facts.place.project)).collect();
    let store = at.shared.gatekeeper.store();
    let named = readable.iter().filter(|facts| facts.windows.is_some());
    let known: Vec<Known<'_>> =
        named.map(|facts| (&facts.place, openings::windows_of(&state, &store, &facts.place))).collect();
    let days = known
        .iter()
        .take(PLACES_MAX)
        .filter_map(|(place, windows)| Some(table(place, windows.as_ref()?, at.now)));
    Ok(Sheet {
        headline: headline(known.len(), readable.len()),
        sub: vec![
            "times are those of UTC".to_owned(),
            "a return to what ran before needs no window".to_owned(),
        ],
        tables: std::iter::once(places(at, &state, &known)).chain(days).collect(),
        ..Sheet::default()
    })
}

fn headline(with: usize, all: usize) -> String {
    match (with, all) {
        (0, 0) => "There is no place that you may read about".to_owned(),
        (0, _) => "No place has windows, so releases begin at any time".to_owned(),
        (with, all) => format!("{with} of {} have windows", shown::many(all, "place")),
    }
}

fn places(at: &Reading<'_>, state: &Ledger, known: &[Known<'_>]) -> SheetTable {
    let rows: Vec<_> = known.iter().take(PLACES_MAX).map(|known| row(at, state, known)).collect();
    SheetTable {
        title: "Places with windows".to_owned(),
        columns: ["Place", "Releases", "Until", "Waiting", "The windows end"].map(str::to_owned).to_vec(),
        more: known.len() - rows.len(),
        rows,
        empty: "Releases begin at any time.".to_owned(),
        fill: Some(command("countersign calendar compile windows.yaml")),
    }
}

fn row(at: &Reading<'_>, state: &Ledger, (place, windows): &Known<'_>) -> Vec<SheetCell> {
    let mut named = cell(place.to_string());
    named.href = Some(page_of_place(place));
    named.commands = vec![command(format!("countersign calendar show {place}"))];
    let found = windows.as_ref().map(|windows| windows.state_at(at.now));
    let (state_badge, words, changes) = match (state.identity.is_frozen(place), found) {
        (true, _) => (badge(State::Frozen, "frozen"), "none begins before the freeze is lifted", None),
        (false, Some(WindowState::Open { until })) => (badge(State::Pass, "open"), "may begin", Some(until)),
        (false, Some(WindowState::Closed { opens: Some(opens) })) => {
            (badge(State::Wait, "closed"), "are held until it opens", Some(opens))
        }
        (false, Some(WindowState::Closed { opens: None })) => {
            (badge(State::Stop, "closed"), "are held until newer windows are signed", None)
        }
        (false, None) => (badge(State::Stop, "unreadable"), "are held: the windows cannot be read", None),
    };
    let mut releases = cell(words);
    releases.badge = Some(state_badge);
    let mut until = cell("");
    until.time = changes.map(time);
    let open = state.release.at(place).and_then(|standing| standing.open.as_ref());
    let held = open.filter(|open| open.untimely.is_some() || open.frozen);
    let mut waiting =
        cell(held.map_or_else(|| "none".to_owned(), |open| format!("release {}", open.facts.release)));
    waiting.href = held.map(|open| format!("/releases/{place}/{}", open.facts.release));
    let mut ends = cell("");
    ends.time = windows.as_ref().map(|windows| time(windows.until));
    vec![named, releases, until, waiting, ends]
}

/// The open times of a place in the next two weeks, by day.
pub(super) fn table(place: &Place, windows: &Windows, now: Moment) -> SheetTable {
    let today = now.millis() / DAY_MILLIS * DAY_MILLIS;
    let days = (0..DAYS).filter_map(|day| {
        let start = Moment::from_millis(today + day * DAY_MILLIS).ok()?;
        Some(vec![cell(start.to_string().get(..10)?), cell(open_times(windows, start))])
    });
    SheetTable {
        title: format!("Open times of {place}"),
        columns: ["Day", "Open"].map(str::to_owned).to_vec(),
        rows: days.collect(),
        more: 0,
        empty: String::new(),
        fill: None,
    }
}

/// The open times of a day: `09:00-12:00, 13:00-24:00`.
fn open_times(windows: &Windows, start: Moment) -> String {
    let end = start.later_by(Duration::from_millis(DAY_MILLIS));
    let clock = |moment: Moment| match moment == end {
        true => "24:00".to_owned(),
        false => moment.to_string().get(11..16).unwrap_or_default().to_owned(),
    };
    let span = |it: &Interval| format!("{}-{}", clock(it.start), clock(it.end));
    let spans: Vec<_> = windows.between(start, end).iter().map(span).collect();
    if spans.is_empty() { "closed".to_owned() } else { spans.join(", ") }
}

const DAY_MILLIS: u64 = 24 * 3_600_000;
const DAYS: u64 = 14;
/// Most places that the page shows.
const PLACES_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_part_of_an_interval() {
        let at = |text: &str| text.parse::<Moment>().unwrap();
        let open = [
            ("2026-11-23T09:00:00.000Z", "2026-11-23T12:00:00.000Z"),
            ("2026-11-23T22:00:00.000Z", "2026-11-25T02:00:00.000Z"),
        ];
        let windows = Windows {
            v: 1,
            from: at("2026-11-21T00:00:00.000Z"),
            until: at("2026-12-21T00:00:00.000Z"),
            open: open.map(|(start, end)| Interval { start: at(start), end: at(end) }).to_vec(),
            sources: Vec::new(),
            compiled_by: "a test".into(),
        };
        let place: Place = "shop/api/production".parse().unwrap();
        let shown = table(&place, &windows, at("2026-11-23T15:30:00.000Z"));
        let rows: Vec<_> = shown
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>())
            .collect();
        assert_eq!(rows[0], ["2026-11-23", "09:00-12:00, 22:00-24:00"]);
        assert_eq!(rows[1], ["2026-11-24", "00:00-24:00"]);
        assert_eq!(rows[2], ["2026-11-25", "00:00-02:00"]);
        assert_eq!(rows[3], ["2026-11-26", "closed"]);
        assert_eq!(rows.len(), 14);
        assert_eq!(headline(0, 3), "No place has windows, so releases begin at any time");
        assert_eq!(headline(1, 3), "1 of 3 places have windows");
    }
}
