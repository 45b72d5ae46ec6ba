//! The history of a service: its newest releases of all places, each with the comparison with the one before it.

use review::ids::short;
use review::named_release::NamedRelease;
use web::model::{SheetCell, SheetTable};
use wire::{PlaceView, ReleaseKind, ReleaseView};

use crate::console::commits;
use crate::console::compare::address;
use crate::console::reading::{Reading, time};
use crate::console::release::settled_badge;
use crate::console::words::{command, release_href};
use crate::http::problem::Failure;
use crate::views::releases;

/// The newest releases and rollbacks of all places, the newest first.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn table(at: &Reading<'_>, places: &[PlaceView]) -> Result<SheetTable, Failure> {
    let mut all: Vec<(&PlaceView, usize)> =
        places.iter().flat_map(|view| (0..view.releases.len()).map(move |nth| (view, nth))).collect();
    let began = |(view, nth): &(&PlaceView, usize)| view.releases.get(*nth).map(|release| release.began);
    all.sort_by_key(|one| std::cmp::Reverse(began(one)));
    let mut total = 0;
    for view in places {
        total += at.shared.views.ask(|rows| releases::count(rows, &view.place)).map_err(Failure::failed)?;
    }
    let rows = all.iter().take(ROWS_MAX).filter_map(|(view, nth)| row(at, view, *nth));
    let rows: Vec<Vec<SheetCell>> = rows.collect();
    Ok(SheetTable {
        title: "Releases".to_owned(),
        columns: ["Release", "State", "Changes", "Last change"].map(str::to_owned).to_vec(),
        more: usize::try_from(total).unwrap_or(usize::MAX).saturating_sub(rows.len()),
        rows,
        empty: "No release reached a place of this service yet.".to_owned(),
        fill: Some(command("countersign run")),
    })
}

fn row(at: &Reading<'_>, view: &PlaceView, nth: usize) -> Option<Vec<SheetCell>> {
    let release = view.releases.get(nth)?;
    let running = view.running.as_ref();
    let is_current = running.is_some_and(|running| Some(running.release) == release.release);
    let environment = &view.place.environment;
    let title = match (release.kind, release.release) {
        (ReleaseKind::Rollback, Some(number)) => format!("{environment}: rollback {number} to this commit"),
        (ReleaseKind::Release, Some(number)) => format!("{environment}: release {number}"),
        (_, None) => environment.to_string(),
    };
    let subject = commits::subject(at.shared, release.run, &release.commit);
    let mut codes: Vec<String> = release.reasons.iter().take(CODES_MAX).cloned().collect();
    codes.extend(
        release.reasons.len().checked_sub(CODES_MAX + 1).map(|more| format!("and {} more", more + 1)),
    );
    Some(vec![
        SheetCell {
            text: subject,
            href: Some(release_href(&view.place, release.release.unwrap_or_default())),
            notes: vec![title, short(release.commit.as_str()).to_owned()],
            ..SheetCell::default()
        },
        SheetCell {
            badge: Some(settled_badge(release, is_current, view.frozen)),
            notes: codes,
            ..SheetCell::default()
        },
        compared(view, nth, release),
        SheetCell { time: Some(time(release.time)), ..SheetCell::default() },
    ])
}

/// The link to the comparison with the release before it at its place.
fn compared(view: &PlaceView, nth: usize, release: &ReleaseView) -> SheetCell {
    let older = view.releases.get(nth + 1..).unwrap_or_default();
    let before = older.iter().filter(|older| older.bundle.is_some()).find_map(|older| older.release);
    let named = |number: u64| NamedRelease { place: view.place.clone(), release: number };
    // A rollback has the evidence of what it brought back, and a pending release that of now.
    let is_pending = view.open.as_ref().is_some_and(|open| Some(open.release) == release.release);
    let has_evidence = is_pending || release.bundle.is_some() || release.kind == ReleaseKind::Rollback;
    match (before, release.release.filter(|_| has_evidence)) {
        (Some(before), Some(number)) => SheetCell {
            text: format!("since release {before}"),
            href: Some(address(&named(before), &named(number))),
            ..SheetCell::default()
        },
        _ => SheetCell::default(),
    }
}

/// Most releases that the page lists.
const ROWS_MAX: usize = 50;
/// Most codes of a release.
const CODES_MAX: usize = 2;
