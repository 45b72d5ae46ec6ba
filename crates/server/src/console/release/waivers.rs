//! Waivers that count for a release: beside its verdict, and in its timeline where they came in.
//!
//! Invariant: they come from the evidence of the verdict; a statement that does not count there is not shown as a waiver.

use evidence::entry::Header;
use judge::Store as _;
use review::headline::words;
use review::waivers::Settling;
use web::model::{Moment, Waived};

use crate::console::reading::{Reading, time};
use crate::console::words::clock;
use crate::http::problem::Failure;
use crate::views::statements;

/// The waivers beside a verdict.
pub fn shown(all: &[Settling]) -> Vec<Waived> {
    let waived = |one: &Settling| Waived {
        title: one.title(),
        reason: one.why.reason.clone(),
        until: one.why.until.map(time),
    };
    all.iter().take(WAIVERS_MAX).map(waived).collect()
}

/// The end of a verdict's title: `, with one waiver`.
pub fn counted(all: &[Settling]) -> String {
    let act = all.first().filter(|_| all.iter().all(Settling::is_waiver)).map(|one| one.why.act.as_str());
    let noun = act.unwrap_or("statement");
    match all.len() {
        0 => String::new(),
        1 => format!(", with one {noun}"),
        many => format!(", with {} {noun}s", words(many)),
    }
}

/// The waivers as events.
///
/// # Errors
/// `Failure` if the ledger cannot be read.
pub fn moments(at: &Reading<'_>, all: &[Settling]) -> Result<Vec<Moment>, Failure> {
    let store = at.shared.gatekeeper.store();
    let mut moments = Vec::new();
    for one in all.iter().take(WAIVERS_MAX) {
        let found = at.shared.views.ask(|rows| statements::entry_of(rows, &one.statement));
        let Some(entry) = found.map_err(Failure::failed)? else { continue };
        let header = store.entry(entry).map_err(Failure::failed)?.header;
        let header = Header::decode(&header).map_err(Failure::failed)?;
        let until = one.why.until.map(|until| format!(", until {}", clock(until))).unwrap_or_default();
        let detail = format!("{}{until}", one.why.reason);
        moments.push(Moment { title: one.title(), detail, time: time(header.time), entry });
    }
    Ok(moments)
}

/// Most waivers of a page.
const WAIVERS_MAX: usize = 50;
