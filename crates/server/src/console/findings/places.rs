//! Running and waiting releases: a row for each place with counts of its findings, the worst one, and whom to ask.

use std::cmp::Reverse;

use evidence::Moment;
use policy::Effect;
use review::budget::Spent;
use review::contents::{Contents, Found};
use review::duration;
use review::tally::Tally;
use web::model::{SheetCell, SheetTable, State};

use crate::console::budgets::Budgets;
use crate::console::exposure::Exposure;
use crate::console::fields::encoded;
use crate::console::sheets::cell;
use crate::console::words::{badge, release_href};

/// The tables: what runs, and what waits if anything does.
pub fn tables(all: &[Exposure], budgets: &Budgets, now: Moment) -> Vec<SheetTable> {
    let (waits, runs): (Vec<&Exposure>, Vec<&Exposure>) = all.iter().partition(|found| found.waits);
    let mut tables = vec![table("Running releases", runs, budgets, now)];
    tables.extend((!waits.is_empty()).then(|| table("Waiting releases", waits, budgets, now)));
    tables
}

/// A table of places, the worst first.
fn table(title: &str, all: Vec<&Exposure>, budgets: &Budgets, now: Moment) -> SheetTable {
    let columns = ["Place", "Open", "Budget", "Settled", "The worst open finding", "Ask", "Scanned"];
    let mut tallied: Vec<(&Exposure, Tally)> = all.into_iter().map(|found| (found, found.tally())).collect();
    tallied.sort_by_cached_key(|(found, tally)| {
        let severest = tally.open.keys().next_back().copied();
        (Reverse((found.blocks.len(), tally.grave, severest, tally.open_count())), found.place.clone())
    });
    SheetTable {
        title: title.to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        more: tallied.len().saturating_sub(ROWS_MAX),
        rows: tallied.iter().take(ROWS_MAX).map(|(found, tally)| row(found, tally, budgets, now)).collect(),
        empty: "Nothing runs yet at a place that you may read.".to_owned(),
        fill: None,
    }
}

fn row(found: &Exposure, tally: &Tally, budgets: &Budgets, now: Moment) -> Vec<SheetCell> {
    let place = SheetCell {
        text: found.place_words(),
        href: Some(release_href(&found.place, found.release)),
        notes: vec![found.named.clone(), found.place.project.to_string()],
        ..SheetCell::default()
    };
    let Some(contents) = found.contents.as_ref() else {
        let why =
            if found.unread { "not read yet: load the page again" } else { "its evidence cannot be read" };
        let mut unread = vec![place, cell(why)];
        unread.resize(COLUMNS, SheetCell::default());
        return unread;
    };
    let worst = found.findings().find(|(_, standing)| standing.is_open()).map(|(found, _)| found);
    let owner = worst.and_then(|worst| worst.owner.as_ref()).or(contents.owner.as_ref());
    vec![
        place,
        open(found, tally),
        budget(found, budgets),
        settled(tally),
        worst.map(worst_cell).unwrap_or_default(),
        ask(owner, found.author.as_ref()),
        scanned(contents, now),
    ]
}

/// Whom to ask: the owner that the commit names, else its author.
fn ask(owner: Option<&String>, author: Option<&String>) -> SheetCell {
    match (owner, author) {
        (Some(owner), _) => cell(owner.clone()),
        (None, Some(author)) => {
            SheetCell { notes: vec!["author of the commit".to_owned()], ..cell(author.clone()) }
        }
        (None, None) => cell("nobody owns this"),
    }
}

/// Open findings by severity.
fn open(found: &Exposure, tally: &Tally) -> SheetCell {
    if !found.is_scanned() {
        return SheetCell { badge: Some(badge(State::Wait, "not scanned")), ..SheetCell::default() };
    }
    let blocks = found.blocks.len();
    let badge = match () {
        () if blocks > 0 => badge(State::Stop, format!("{blocks} block")),
        () if tally.grave > 0 => badge(State::Stop, "exposed"),
        () if tally.open_count() > 0 => badge(State::Wait, format!("{} open", tally.open_count())),
        () => badge(State::Pass, "none open"),
    };
    SheetCell { badge: Some(badge), notes: tally.words(), ..SheetCell::default() }
}

/// Number of places where more findings run than the policy in force allows.
pub fn exceeded(all: &[Exposure], budgets: &Budgets) -> usize {
    let running = all.iter().filter(|found| !found.waits);
    running.filter(|found| spent(found, budgets).is_some_and(|spent| spent.is_exceeded())).count()
}

/// The budget of the policy in force, and how much of it is used; `None` without a report or a budget.
fn spent(found: &Exposure, budgets: &Budgets) -> Option<Spent> {
    let budget = budgets.get(&found.place)?.as_ref().as_ref()?;
    let spent = found.is_scanned().then(|| Spent::of(budget, found.findings()))?;
    (!spent.rows.is_empty()).then_some(spent)
}

fn budget(found: &Exposure, budgets: &Budgets) -> SheetCell {
    if !found.is_scanned() {
        return SheetCell::default();
    }
    let Some(spent) = spent(found, budgets) else { return cell("no limit") };
    let badge = match (spent.is_exceeded(), spent.effect) {
        (false, _) => badge(State::Pass, "kept"),
        (true, Effect::Block) => badge(State::Stop, "exceeded, blocks"),
        (true, Effect::Warn) => badge(State::Wait, "exceeded, warns"),
        (true, Effect::Off) => badge(State::Quiet, "exceeded, rule is off"),
    };
    SheetCell { badge: Some(badge), notes: spent.words(), ..SheetCell::default() }
}

fn settled(tally: &Tally) -> SheetCell {
    let all = [(tally.waived, "waived"), (tally.not_affected, "not affected")];
    let words = all.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    cell(words.collect::<Vec<_>>().join(", "))
}

fn worst_cell(worst: &Found) -> SheetCell {
    let mut notes = vec![worst.weight()];
    notes.extend(fixed(worst));
    let href = worst.component().map(|purl| format!("/components?q={}", encoded(purl)));
    SheetCell { text: worst.about(), notes, href, ..SheetCell::default() }
}

/// The version without it.
pub fn fixed(found: &Found) -> Option<String> {
    found.finding.fixed.as_ref().map(|version| format!("fixed in {}", shown::brief(version, VERSION_CHARS)))
}

/// The age of the oldest report of findings.
fn scanned(contents: &Contents, now: Moment) -> SheetCell {
    let Some(made) = contents.scanned else { return SheetCell::default() };
    let age = duration::words(now.millis().saturating_sub(made.millis()));
    cell(format!("{age} ago"))
}

const COLUMNS: usize = 7;
/// Most places of a table; a choice of the service shows the others.
const ROWS_MAX: usize = 20;
const VERSION_CHARS: usize = 60;
