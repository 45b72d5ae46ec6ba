//! Waivers and statements that something does not affect the product, with their ends.

use std::collections::BTreeSet;

use evidence::{Digest, Moment};
use review::ending::{LET_IT_END, SIGN_AGAIN, SOON};
use review::standing::{Standing, settles_by_name};
use web::model::{SheetList, SheetRow, State};
use wire::{StatementState, StatementView};

use crate::console::exposure::Exposure;
use crate::console::idle::is_idle;
use crate::console::reading::time;
use crate::console::words::{badge, command_for, list as names};

/// A statement that settles something, with the moment of the page.
#[derive(Clone, Copy, Debug)]
pub struct Settling<'a> {
    stated: &'a StatementView,
    now: Moment,
}

/// Statements about findings and failed tests that are in force or begin later, each once, the first end first.
pub fn all<'a>(all: impl Iterator<Item = &'a StatementView>, now: Moment) -> Vec<Settling<'a>> {
    let mut seen = BTreeSet::new();
    let about = all.filter(|stated| settles_by_name(&stated.kind));
    let living =
        about.filter(|stated| matches!(stated.state, StatementState::InForce | StatementState::Later));
    let once = living.filter(|stated| seen.insert(stated.statement));
    let mut found: Vec<_> = once.map(|stated| Settling { stated, now }).collect();
    found.sort_by_key(|settling| (settling.stated.until, settling.stated.statement));
    found
}

/// Number of those that end within two weeks.
pub fn ending_soon(all: &[Settling<'_>], now: Moment) -> usize {
    let soon = |settling: &&Settling<'_>| {
        settling.stated.state == StatementState::InForce && settling.stated.until <= now.later_by(SOON)
    };
    all.iter().filter(soon).count()
}

/// The list.
pub fn list(all: &[Settling<'_>], exposures: &[Exposure]) -> SheetList {
    SheetList {
        title: "Waivers and not-affected statements".to_owned(),
        rows: all.iter().take(ROWS_MAX).map(|settling| settling.row(exposures)).collect(),
        more: all.len().saturating_sub(ROWS_MAX),
        empty: "Nobody has accepted a finding: no waiver and no such statement is in force.".to_owned(),
        fill: None,
    }
}

impl Settling<'_> {
    fn row(&self, exposures: &[Exposure]) -> SheetRow {
        let StatementView { statement, kind, by, content, until, state, .. } = self.stated;
        let badge = match state {
            StatementState::Later => badge(State::Wait, "begins later"),
            _ if *until <= self.now.later_by(SOON) => badge(State::Wait, "ends soon"),
            _ => badge(State::Pass, "in force"),
        };
        let summary = content.as_ref().map_or("not readable", |content| &content.summary);
        let mut notes = Vec::new();
        notes.extend(content.as_ref().map(|content| format!("for {}", content.scope)));
        notes.extend(by.name.as_ref().map(|name| format!("by {}", shown::brief(name, NAME_CHARS))));
        notes.extend(content.as_ref().map(|content| shown::brief(&content.reason, REASON_CHARS)));
        notes.extend(self.effect(exposures, statement));
        let line = format!("countersign trust status --withdraw {statement}");
        SheetRow {
            badge: Some(badge),
            title: format!("{kind}: {}", shown::brief(summary, SUMMARY_CHARS)),
            href: None,
            notes,
            time: Some(time(*until)),
            commands: vec![command_for(line, "takes it back before its end; for a signer of the status")],
        }
    }

    /// The places that it settles something at. A statement about a test settles no finding, so nothing is said of it.
    fn effect(&self, exposures: &[Exposure], statement: &Digest) -> Option<String> {
        let is_test =
            self.stated.content.as_ref().is_some_and(|content| content.summary.starts_with("test "));
        if is_test || self.stated.state != StatementState::InForce {
            return None;
        }
        let settles = |exposure: &&Exposure| {
            let mut settled = exposure.standings.iter().filter_map(Standing::settled);
            settled.any(|(_, by)| by == *statement)
        };
        let places: Vec<String> = exposures.iter().filter(settles).map(Exposure::place_words).collect();
        Some(match places.len() {
            0 if is_idle(self.stated, exposures) => LET_IT_END.to_owned(),
            0 => "nobody knows yet what it settles: load the page again".to_owned(),
            _ if self.stated.until <= self.now.later_by(SOON) => {
                format!("settles something at {}: {SIGN_AGAIN}", names(&places, PLACES_MAX))
            }
            _ => format!("settles something at {}", names(&places, PLACES_MAX)),
        })
    }
}

/// Most statements of the list.
const ROWS_MAX: usize = 10;
/// Most places that a row names.
const PLACES_MAX: usize = 4;
const NAME_CHARS: usize = 60;
const REASON_CHARS: usize = 140;
const SUMMARY_CHARS: usize = 160;
