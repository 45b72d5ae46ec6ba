//! The frame of every page, filled from the state.
//!
//! Invariant: the number of things that wait counts only what the reader may read.

use evidence::trust_root::Mode;
use tlog::{Checkpoint, Cosignature};
use web::{Counterpart, Frame};

use super::overview;
use super::reading::{Reading, time};
use crate::caller::Caller;
use crate::http::names::named;
use crate::http::problem::Failure;

/// The part of a frame that differs between pages.
#[derive(Clone, Debug)]
pub struct Heading {
    /// Title of the page.
    pub title: String,
    /// Path of the page, with its query.
    pub path: String,
    /// Address of its JSON.
    pub json: Option<String>,
    /// The command beside the page.
    pub counterpart: Counterpart,
}

/// The frame of a page.
///
/// # Errors
/// `Failure` if the state cannot be read.
pub fn frame(at: &Reading<'_>, heading: Heading) -> Result<Frame, Failure> {
    let state = at.shared.intake.state();
    let mode = state.identity.root().map_or("", |root| mode(root.mode));
    Ok(Frame {
        title: heading.title,
        path: heading.path,
        json: heading.json,
        installation: at.shared.origin.clone(),
        mode: mode.to_owned(),
        entries: state.entries,
        witnesses: witnesses(at, state.entries)?,
        waiting: overview::waiting_count(at)?,
        reader: reader(at),
        session_ends: at.session_ends.map(time),
        now: time(at.now),
        counterpart: heading.counterpart,
    })
}

/// A mode in words.
const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Solo => "solo: one person, second-person rules are off",
        Mode::Team => "team",
        Mode::Rehearsal => "rehearsal: team rules, roles share a host",
    }
}

/// The reader in words.
fn reader(at: &Reading<'_>) -> String {
    match at.caller {
        Caller::Owner => "owner of this machine".to_owned(),
        Caller::Anybody => "anybody on this machine".to_owned(),
        Caller::Person(person) => named(at.shared, *person).name.unwrap_or_else(|| person.to_string()),
        Caller::Runner(machine) | Caller::Agent(machine, _) => machine.to_string(),
    }
}

/// The witnesses of the newest checkpoint that a quorum cosigned.
fn witnesses(at: &Reading<'_>, entries: u64) -> Result<String, Failure> {
    let keeper = &at.shared.gatekeeper;
    let keys = keeper.root(&at.shared.intake.state())?.witness_keys().map_err(Failure::failed)?;
    if keys.is_empty() {
        return Ok("no witness is named".to_owned());
    }
    let note = keeper.readers().with(|reader| reader.witnessed())?;
    let size = note.as_ref().and_then(|note| note.text().parse::<Checkpoint>().ok()).map_or(0, |at| at.size);
    let found = note.map_or(0, |note| Cosignature::all(&note, &keys).map_or(0, |found| found.len()));
    Ok(witnessed(found, keys.len(), size, entries))
}

/// The number of witnesses in words, and of the entries that they have seen where these are not all.
fn witnessed(found: usize, all: usize, size: u64, entries: u64) -> String {
    match found {
        0 => "not witnessed yet".to_owned(),
        found if size >= entries => format!("witnessed by {found} of {all}"),
        found => format!("the first {size} witnessed by {found} of {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::witnessed;

    #[test]
    fn attack_entries_that_no_witness_has_seen_are_not_called_witnessed() {
        for (found, size, entries, words) in [
            (0, 0, 9, "not witnessed yet"),
            (2, 9, 9, "witnessed by 2 of 3"),
            (2, 12, 9, "witnessed by 2 of 3"),
            (3, 8, 9, "the first 8 witnessed by 3 of 3"),
        ] {
            assert_eq!(witnessed(found, 3, size, entries), words);
        }
    }
}
