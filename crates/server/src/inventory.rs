//! The index over documents, kept up with the ledger, and answers from it.

use evidence::{Digest, Name, Place};
use judge::Store as _;
use review::inventory::{Listing, rank};
use rusqlite::Connection;
use wire::{
    KnownProblemView, PackageView, ProblemKind, SPOTS_MAX, SpotState, SpotView, WatchedView, WhereView,
};

use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::shared::Shared;
use crate::views::inventory::{self, Question, Spot, Watched};

/// Adds documents that are not in the index yet, at most so many.
///
/// # Errors
/// `Failure` if the views cannot be read or written, or the server ends.
pub fn catch_up(shared: &Shared, most: usize) -> Result<(), Failure> {
    up_to_date(shared)?;
    let mut left = most;
    while left > 0 {
        if *shared.stopping.borrow() {
            return Err(Failure::new(ProblemKind::Busy, "the server ends"));
        }
        let next = shared.views.ask(|rows| inventory::unlisted(rows, left.min(BATCH)));
        let next = next.map_err(Failure::failed)?;
        if next.is_empty() {
            return Ok(());
        }
        left = left.saturating_sub(next.len());
        let listings: Vec<(i64, Listing)> =
            next.into_iter().map(|(number, digest)| (number, listing(shared, &digest))).collect();
        shared.views.put_listings(&listings).map_err(Failure::failed)?;
    }
    Ok(())
}

/// A document that is missing is as unreadable as one that is damaged.
fn listing(shared: &Shared, digest: &Digest) -> Listing {
    let bytes = shared.gatekeeper.store().blob(digest);
    bytes.map_or(Listing::Unreadable, |bytes| Listing::of(&bytes))
}

/// The answer to a question where something runs, for a reader of these projects.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn answer(
    shared: &Shared,
    asked: &str,
    question: &Question,
    may_read: &dyn Fn(&Name) -> bool,
) -> Result<WhereView, Failure> {
    catch_up(shared, CATCH_UP_MAX)?;
    // A question may read many rows, and nobody else waits for it.
    let rows = shared.views.beside().map_err(Failure::failed)?;
    let (mut spots, more) = inventory::locate(&rows, question).map_err(Failure::failed)?;
    let (behind, unread) = inventory::gaps(&rows, may_read).map_err(Failure::failed)?;
    spots.retain(|spot| may_read(spot.project()));
    let count = |state: SpotState| spots.iter().filter(|spot| state_of(spot) == state).count() as u64;
    Ok(WhereView {
        asked: asked.to_owned(),
        running: count(SpotState::Runs),
        waiting: count(SpotState::Waits),
        past: count(SpotState::Ran),
        more: more || spots.len() > SPOTS_MAX,
        behind,
        unread,
        spots: spots.into_iter().take(SPOTS_MAX).map(view).collect(),
    })
}

/// The releases that run or wait at a place, with their packages and the problems that were known of them.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn watched(shared: &Shared, place: &Place) -> Result<Vec<WatchedView>, Failure> {
    catch_up(shared, usize::MAX)?;
    let rows = shared.views.beside().map_err(Failure::failed)?;
    let all = inventory::live(&rows).map_err(Failure::failed)?.into_iter().filter(|one| one.place == *place);
    all.map(|one| of_release(&rows, one).map_err(Failure::failed)).collect()
}

fn of_release(rows: &Connection, one: Watched) -> rusqlite::Result<WatchedView> {
    let Watched { place, release, artifact, run, waits, .. } = one;
    let (mut packages, mut problems) = (Vec::new(), Vec::new());
    if let Some(run) = run {
        for number in inventory::packages(rows, run)? {
            packages.extend(inventory::package(rows, number)?.map(|package| PackageView {
                purl: package.purl,
                name: package.name,
                version: package.version,
            }));
        }
        let known = inventory::known(rows, run)?.into_iter();
        problems.extend(known.map(|(finding, (severity, exploited))| KnownProblemView {
            finding,
            rank: rank(severity),
            exploited,
        }));
    }
    Ok(WatchedView { place, release, artifact, waits, packages, known: problems })
}

const fn state_of(spot: &Spot) -> SpotState {
    match (spot.since, spot.until) {
        (Some(_), None) => SpotState::Runs,
        (None, _) => SpotState::Waits,
        (Some(_), Some(_)) => SpotState::Ran,
    }
}

fn view(spot: Spot) -> SpotView {
    let state = state_of(&spot);
    let Spot { place, release, artifact, run, since, until, found, direct, document } = spot;
    SpotView { state, place, release, artifact, run, since, until, found, direct, document }
}

const BATCH: usize = 64;
/// Most documents that one question adds to the index. The task of the server adds the others.
const CATCH_UP_MAX: usize = 512;
