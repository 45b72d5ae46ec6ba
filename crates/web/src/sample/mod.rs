//! Invented values of every model: what the page of components shows, and what tests of pages start from.
//!
//! Commands are real ones, and codes are codes of the program.

mod invented;
mod ledger;
mod overview;
mod release;
mod rollout;
mod run;
mod sheet;

pub use ledger::{entry, ledger};
pub use overview::{overview, quiet_overview};
pub use release::{held_release, release, returned_release, rollback, running_release, young_release};
pub use rollout::rollout_sheet;
pub use run::{live_log, log, opening, problem, run, searched_log};
pub use sheet::{calendar_sheet, compared_sheet, figures_sheet, sheet};

use crate::frame::{Counterpart, Frame};
use invented::{HOUR, ahead, command};

/// A frame around a page.
#[must_use]
pub fn frame(title: &str, path: &str) -> Frame {
    Frame {
        title: title.to_owned(),
        path: path.to_owned(),
        json: Some(format!("{path}?as=json")),
        installation: "acme-pay".to_owned(),
        mode: "team mode".to_owned(),
        entries: 48_201,
        witnesses: "witnessed by 2 of 3".to_owned(),
        waiting: 3,
        reader: "Dave".to_owned(),
        session_ends: Some(ahead(6 * HOUR)),
        now: ahead(0),
        counterpart: Counterpart::Unchecked(command("countersign status", None)),
    }
}
