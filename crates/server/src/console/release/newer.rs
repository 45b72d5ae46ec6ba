//! The newer release of a place, to which the page of a release that was rolled back points first.
//!
//! Invariant: a pending release is judged as its own page judges it, so both pages name the same command.

use review::headline::capital;
use web::model::{Command, Fact};
use wire::{ReleaseKind, ReleaseStage};

use super::seen::Seen;
use crate::console::pending::words_of;
use crate::console::words::{command, fact, release_href};
use crate::console::{commits, judged};
use crate::http::problem::Failure;
use crate::views::releases;

/// A newer release that waits or runs.
#[derive(Clone, Debug)]
pub struct Newer {
    /// Its number and its state, with its page.
    pub fact: Fact,
    /// The command that takes it further.
    pub command: Command,
}

impl Newer {
    /// The newest release of the place after this one, if it waits, moves or runs.
    ///
    /// # Errors
    /// `Failure` if the server's own files fail.
    pub fn of(seen: &Seen<'_>) -> Result<Option<Self>, Failure> {
        let (place, own) = (&seen.view.place, seen.view.release.unwrap_or_default());
        let standing = seen.state.release.at(place);
        let open = standing.and_then(|standing| standing.open.as_ref()).map(|open| open.facts.release);
        let running = standing.and_then(|standing| standing.running.as_ref()).map(|running| running.release);
        let later = |number: Option<u64>| number.filter(|number| *number > own);
        let Some(number) = later(open).or_else(|| later(running)) else { return Ok(None) };
        let row = seen.at.shared.views.ask(|rows| releases::one(rows, place, number));
        let row = row.map_err(Failure::failed)?.filter(|row| row.kind == ReleaseKind::Release);
        let Some(row) = row else { return Ok(None) };
        let status = command(format!("countersign status {place} {number}"));
        let (state, command) = match row.stage {
            ReleaseStage::Proposed | ReleaseStage::Held => {
                let words =
                    words_of(place, &*judged::pending(seen.at.shared, seen.state, place, seen.at.now)?);
                (words.what, words.command)
            }
            ReleaseStage::Running => ("runs".to_owned(), status),
            _ => ("is on its way".to_owned(), status),
        };
        let subject = commits::subject(seen.at.shared, row.run, &row.commit);
        let value = format!("release {number} {state}: {}", capital(&subject));
        let fact = Fact { href: Some(release_href(place, number)), ..fact("Newer", value) };
        Ok(Some(Self { fact, command }))
    }
}
