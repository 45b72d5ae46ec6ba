//! A release with the entries of the ledger about it, for programs and for the page of its record.
//!
//! Invariant: every entry is of the release's own project, which the caller was asked for before. Entries have a bound.

use std::collections::BTreeSet;

use domain::{Event, PersonId, State};
use evidence::Place;
use evidence::entry::Header;
use judge::Store as _;
use wire::{EntryView, ProblemKind, ReleaseHistory, ReleaseKind, ReleaseStage};

use crate::http::names::named;
use crate::http::problem::Failure;
use crate::shared::Shared;
use crate::views::{moments, releases};

/// The history of a release. Number 0 stands for the newest artifact of the place that has no number.
///
/// # Errors
/// `Failure` if it does not exist, or the ledger cannot be read.
pub fn of(shared: &Shared, state: &State, place: &Place, number: u64) -> Result<ReleaseHistory, Failure> {
    let (release, brought_back, replacement, rows) = shared
        .views
        .ask(|rows| {
            let release = releases::one(rows, place, number)?;
            let before = releases::brought_back(rows, place, number)?;
            let after = releases::replacement(rows, place, number)?;
            Ok((release, before, after, moments::of_release(rows, place, number)?))
        })
        .map_err(Failure::failed)?;
    let release = release.ok_or_else(|| {
        let what =
            format!("there is no release {number} of {place}; `countersign status {place}` shows the newest");
        Failure::new(ProblemKind::NotFound, what)
    })?;
    let (mut entries, mut people) = (Vec::new(), BTreeSet::new());
    let store = shared.gatekeeper.store();
    for row in rows.iter().rev() {
        let entry = store.entry(row.entry).map_err(Failure::failed)?;
        let header = Header::decode(&entry.header).map_err(Failure::failed)?;
        let event = Event::read(&header.kind, &entry.facts).map_err(Failure::failed)?;
        people.extend(person(&event));
        entries.push(EntryView {
            entry: row.entry,
            kind: header.kind,
            time: header.time,
            actor: header.actor,
            auth: header.auth,
            cause: header.cause,
            facts: entry.facts.decode("facts").map_err(Failure::failed)?,
            particulars: None,
        });
    }
    let standing = state.release.at(place);
    let open = standing.and_then(|standing| standing.open.as_ref());
    let running = standing.and_then(|standing| standing.running.as_ref());
    let is = |other: Option<u64>| release.release.is_some() && other == release.release;
    Ok(ReleaseHistory {
        current: is(running.map(|running| running.release)),
        pending: is(open.map(|open| open.facts.release)) && release.stage != ReleaseStage::Due,
        replacement,
        brought_back: brought_back.filter(|_| release.kind == ReleaseKind::Rollback),
        entries,
        people: people.into_iter().map(|person| named(shared, person)).collect(),
        release,
    })
}

/// The person whom an entry about a release names.
const fn person(event: &Event) -> Option<PersonId> {
    match event {
        Event::Given(given) => Some(given.person),
        Event::Promoted(promoted) => Some(promoted.person),
        Event::RollbackRequested(back) => Some(back.person),
        Event::AdvanceRequested(asked) => Some(asked.person),
        _ => None,
    }
}
