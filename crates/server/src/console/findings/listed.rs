//! Findings across everything that runs and waits, the worst first, each once.

use std::collections::{BTreeMap, BTreeSet};

use evidence::{Digest, Moment};
use review::contents::Found;
use review::standing::Standing;
use review::tally::{is_grave, rank};
use review::waivers;
use web::model::{Badge, Command, SheetList, SheetRow, State};

use super::filter::{Filter, Stand};
use super::places::fixed;
use crate::console::acting::{MEND, acts};
use crate::console::exposure::Exposure;
use crate::console::reading::time;
use crate::console::words::{badge, command_for, list as names, release_href};

/// A finding with everywhere that it is.
struct Spread<'a> {
    /// The finding, as the place shows it where it is worst.
    found: &'a Found,
    /// Everywhere that it is, what runs first.
    all: Vec<(&'a Exposure, &'a Found, &'a Standing)>,
}

/// The list.
pub fn list(all: &[Exposure], filter: &Filter) -> SheetList {
    let mut spread: Vec<Spread<'_>> = spread(all);
    spread.retain(|finding| filter.finds(finding.found, finding.stand()));
    spread.sort_by_cached_key(|finding| (finding.urgency(), rank(&finding.found.finding), finding.found.id));
    SheetList {
        title: if filter.is_narrowed() { "Findings that match" } else { TITLE }.to_owned(),
        more: spread.len().saturating_sub(ROWS_MAX),
        rows: rows(&spread),
        empty: if filter.is_narrowed() { "No finding of what runs or waits matches." } else { NONE }
            .to_owned(),
        fill: None,
    }
}

/// The rows; each command stands at the first finding that it is about, since a commit mends several.
fn rows(spread: &[Spread<'_>]) -> Vec<SheetRow> {
    let mut shown = BTreeSet::new();
    let mut rows: Vec<SheetRow> = spread.iter().take(ROWS_MAX).map(Spread::row).collect();
    for row in &mut rows {
        row.commands.retain(|command| shown.insert(command.line.clone()));
    }
    rows
}

fn spread(all: &[Exposure]) -> Vec<Spread<'_>> {
    let mut by_id: BTreeMap<Digest, Spread<'_>> = BTreeMap::new();
    for exposure in all {
        for (found, standing) in exposure.findings() {
            let spread = by_id.entry(found.id).or_insert_with(|| Spread { found, all: Vec::new() });
            if rank(&found.finding) < rank(&spread.found.finding) {
                spread.found = found;
            }
            spread.all.push((exposure, found, standing));
        }
    }
    by_id.into_values().collect()
}

impl<'a> Spread<'a> {
    /// Findings that block come first, then open ones that run, then open ones that wait; settled ones come last.
    fn urgency(&self) -> u8 {
        match () {
            () if self.blocked().next().is_some() => 0,
            () if self.open().any(|(exposure, ..)| !exposure.waits) => 1,
            () if self.open().next().is_some() => 2,
            () => 3,
        }
    }

    fn stand(&self) -> Stand {
        match self.urgency() {
            0 => Stand::Blocks,
            3 => Stand::Settled,
            _ => Stand::Open,
        }
    }

    fn open(&self) -> impl Iterator<Item = (&'a Exposure, &'a Found, &'a Standing)> {
        self.all.iter().copied().filter(|(.., standing)| standing.is_open())
    }

    /// The releases that it blocks, with the codes.
    fn blocked(&self) -> impl Iterator<Item = (&'a Exposure, &'a Found, String)> {
        self.open().filter_map(|(exposure, found, _)| {
            let codes = exposure.blocks.get(&found.id)?;
            Some((exposure, found, codes.iter().cloned().collect::<Vec<_>>().join(", ")))
        })
    }

    /// The first end of what settles it somewhere.
    fn end(&self) -> Option<Moment> {
        self.all.iter().filter_map(|(.., standing)| standing.settled()).map(|(until, _)| until).min()
    }

    fn badge(&self) -> Badge {
        let finding = &self.found.finding;
        let settled = self.all.iter().map(|(.., standing)| standing).find(|standing| !standing.is_open());
        match (self.urgency(), settled) {
            (3, Some(Standing::Harmless(..))) => badge(State::Quiet, "not affected"),
            (3, _) => badge(State::Quiet, "waived"),
            (0, _) => badge(State::Stop, "blocks"),
            _ if finding.unconfirmed => badge(State::Quiet, "suspected"),
            _ if is_grave(finding) => badge(State::Stop, finding.severity.as_str()),
            _ => badge(State::Wait, finding.severity.as_str()),
        }
    }

    fn row(&self) -> SheetRow {
        let place = self.open().next().or_else(|| self.all.first().copied());
        SheetRow {
            badge: Some(self.badge()),
            title: self.found.about(),
            href: place.map(|(exposure, ..)| release_href(&exposure.place, exposure.release)),
            notes: self.notes(),
            time: self.end().map(time),
            commands: self.commands(),
        }
    }

    fn notes(&self) -> Vec<String> {
        let finding = &self.found.finding;
        let mut notes = vec![shown::brief(&finding.message, MESSAGE_CHARS), self.found.weight()];
        notes.extend(fixed(self.found));
        let place = |exposure: &Exposure| exposure.place_words();
        let of = |waits: bool| -> Vec<String> {
            self.open().filter(|(exposure, ..)| exposure.waits == waits).map(|(at, ..)| place(at)).collect()
        };
        let (runs, waits) = (of(false), of(true));
        notes.extend((!runs.is_empty()).then(|| format!("open in what runs: {}", names(&runs, PLACES_MAX))));
        notes.extend(
            (!waits.is_empty()).then(|| format!("open in what waits: {}", names(&waits, PLACES_MAX))),
        );
        notes.extend(self.settled("waived at", |standing| matches!(standing, Standing::Waived(..))));
        notes.extend(self.settled("not affected at", |standing| matches!(standing, Standing::Harmless(..))));
        notes.extend(self.all.iter().find_map(|(.., standing)| match standing {
            Standing::Outgrown(why) => Some(why.clone()),
            _ => None,
        }));
        let codes = self.blocked().take(PLACES_MAX);
        notes.extend(codes.map(|(at, _, codes)| format!("blocks {} of {}: {codes}", at.named, place(at))));
        notes.extend(
            self.found.before.as_ref().map(|environment| format!("found by a check in {environment}")),
        );
        notes.extend(self.next());
        notes.extend(self.uncovered().cloned());
        notes.push(self.ask());
        notes.push(format!("finding {}", self.found.shown));
        notes
    }

    /// Why a waiver with the same rule does not cover it, at the first place where there is one: those that it blocks come first.
    fn uncovered(&self) -> Option<&'a String> {
        let of = |exposure: &'a Exposure, found: &Found| exposure.uncovered.get(&found.id);
        let blocked = self.blocked().find_map(|(exposure, found, _)| of(exposure, found));
        blocked.or_else(|| self.open().find_map(|(exposure, found, _)| of(exposure, found)))
    }

    /// Whom to ask: the owner of its place, else the author of a commit that has it.
    fn ask(&self) -> String {
        let author = || self.all.iter().find_map(|(exposure, ..)| exposure.author.as_ref());
        match (&self.found.owner, author()) {
            (Some(owner), _) => format!("ask {}", shown::brief(owner, OWNER_CHARS)),
            (None, Some(author)) => {
                format!("ask {}, the author of the commit", shown::brief(author, OWNER_CHARS))
            }
            (None, None) => "nobody owns this".to_owned(),
        }
    }

    /// The people who act on it at a place.
    fn who(&self, exposure: &Exposure, found: &Found) -> String {
        let mends = found.owner.as_ref().or(exposure.author.as_ref());
        acts(mends.map(|name| shown::brief(name, OWNER_CHARS)).as_deref(), exposure.may_waive.as_deref())
    }

    /// The places where a statement settles it.
    fn settled(&self, word: &str, is: impl Fn(&Standing) -> bool) -> Option<String> {
        let places = self.all.iter().filter(|(.., standing)| is(standing));
        let places: Vec<String> = places.map(|(exposure, ..)| exposure.place_words()).collect();
        (!places.is_empty()).then(|| format!("{word} {}", names(&places, PLACES_MAX)))
    }

    /// The step that removes it; nothing where it is settled everywhere.
    fn next(&self) -> Option<String> {
        self.open().next()?;
        Some(match &self.found.finding.fixed {
            Some(version) => {
                format!("next: upgrade to {} or later, and run again", shown::brief(version, OWNER_CHARS))
            }
            None => "next: mend it, and run again".to_owned(),
        })
    }

    /// A waiver is for a release that waits: the command for the first place where it blocks, or where it waits with the release.
    fn commands(&self) -> Vec<Command> {
        let blocked = self.blocked().map(|(exposure, found, _)| (exposure, found));
        let waits = self.open().filter(|(exposure, ..)| exposure.waits).map(|(at, found, _)| (at, found));
        let commands = |(exposure, found): (&Exposure, &Found)| {
            let waive = command_for(waivers::command(&found.shown, &exposure.place), WAIVE);
            vec![command_for(MEND, self.who(exposure, found)), waive]
        };
        blocked.chain(waits).next().map(commands).unwrap_or_default()
    }
}

const TITLE: &str = "Findings of everything that runs or waits";
const NONE: &str = "No finding is in what runs or waits at a place that you may read.";
const WAIVE: &str = "accepts it until a date; for a person who may and is no change author";
/// Most findings of the list.
const ROWS_MAX: usize = 16;
/// Most places that a row names.
const PLACES_MAX: usize = 3;
const MESSAGE_CHARS: usize = 140;
const OWNER_CHARS: usize = 60;
