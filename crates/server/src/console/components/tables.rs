//! Tables of components: everything, the hits of a search, and the places of one package.

use std::collections::BTreeMap;

use review::contents::Used;
use web::model::{Badge, SheetCell, SheetTable, State};

use super::usage::{Usage, is_listed};
use crate::console::exposure::Exposure;
use crate::console::fields::encoded;
use crate::console::sheets::cell;
use crate::console::words::{badge, list as names, release_href};

/// Without a search: the components with open findings, and what each place is made of.
pub fn of_everything(all: &[Exposure], found: &[Usage<'_>]) -> Vec<SheetTable> {
    let vulnerable: Vec<Usage<'_>> =
        found.iter().filter(|usage| !usage.findings.is_empty()).cloned().collect();
    let mut first = components(&vulnerable, "Components with open findings");
    let nothing = if found.iter().any(|usage| usage.is_unjudged) {
        "No open finding is known, but no scanner looked at some of what runs or waits."
    } else {
        "No open finding is about a component that runs or waits."
    };
    nothing.clone_into(&mut first.empty);
    vec![first, places(all)]
}

/// A row for each component.
pub fn components(found: &[Usage<'_>], title: &str) -> SheetTable {
    let columns = ["Component", "Runs in", "Waits at", "Use", "Licence", "Open findings"];
    SheetTable {
        title: title.to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: found.iter().take(ROWS_MAX).map(component).collect(),
        more: found.len().saturating_sub(ROWS_MAX),
        empty: "Nothing that runs or waits at a place that you may read has such a component.".to_owned(),
        fill: None,
    }
}

fn component(usage: &Usage<'_>) -> Vec<SheetCell> {
    let used = usage.used;
    let places = |waits: bool| {
        let of = usage.at.iter().filter(|(exposure, _)| exposure.waits == waits);
        let of: Vec<String> =
            of.map(|(exposure, _)| format!("{} {}", exposure.place_words(), exposure.release)).collect();
        cell(names(&of, PLACES_MAX))
    };
    vec![
        SheetCell {
            text: format!(
                "{} {}",
                shown::brief(&used.name, NAME_CHARS),
                shown::brief(&used.version, NAME_CHARS)
            ),
            href: Some(href(used.package())),
            notes: vec![used.ecosystem().to_owned()],
            ..SheetCell::default()
        },
        places(false),
        places(true),
        cell(used.how()),
        licence(used),
        findings(usage),
    ]
}

/// A row for each place of one package.
pub fn places_of(found: &[Usage<'_>]) -> SheetTable {
    let mut all: Vec<(&Exposure, &Used, &Usage<'_>)> =
        found.iter().flat_map(|usage| usage.at.iter().map(move |(at, used)| (*at, *used, usage))).collect();
    all.sort_by_key(|(exposure, used, _)| (exposure.waits, &exposure.place, &used.version));
    let columns = ["Place", "Version", "Release", "Use", "Licence", "Open findings"];
    let row = |(exposure, used, usage): &(&Exposure, &Used, &Usage<'_>)| {
        let state = if exposure.waits { badge(State::Wait, "waits") } else { badge(State::Pass, "runs") };
        vec![
            SheetCell { notes: vec![exposure.place.project.to_string()], ..cell(exposure.place_words()) },
            SheetCell {
                notes: vec![shown::brief(&used.purl, PURL_CHARS)],
                ..cell(shown::brief(&used.version, NAME_CHARS))
            },
            SheetCell {
                badge: Some(state),
                text: format!("release {}", exposure.release),
                href: Some(release_href(&exposure.place, exposure.release)),
                ..SheetCell::default()
            },
            SheetCell { notes: through(used), ..cell(used.how()) },
            licence(used),
            findings(usage),
        ]
    };
    SheetTable {
        title: "Where it is".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: all.iter().take(ROWS_MAX).map(row).collect(),
        more: all.len().saturating_sub(ROWS_MAX),
        empty: "Nothing runs it.".to_owned(),
        fill: None,
    }
}

/// A row for each place that runs something: the number of its components.
fn places(all: &[Exposure]) -> SheetTable {
    let running: Vec<&Exposure> = all.iter().filter(|exposure| !exposure.waits).collect();
    let columns = ["Place", "Components", "Named by the project", "Without a known licence"];
    let row = |exposure: &&Exposure| {
        let place = SheetCell {
            text: exposure.place_words(),
            href: Some(release_href(&exposure.place, exposure.release)),
            notes: vec![format!("release {}", exposure.release), exposure.place.project.to_string()],
            ..SheetCell::default()
        };
        let contents = exposure.contents.as_ref().as_ref().filter(|_| is_listed(exposure));
        let Some(contents) = contents else {
            let word = if exposure.unread { "not read" } else { "no list" };
            let none = SheetCell { badge: Some(badge(State::Quiet, word)), ..SheetCell::default() };
            return vec![place, none, SheetCell::default(), SheetCell::default()];
        };
        let count = |is: &dyn Fn(&&Used) -> bool| contents.used().iter().filter(is).count().to_string();
        let by_ecosystem = contents.used().iter().fold(BTreeMap::<&str, usize>::new(), |mut counts, used| {
            *counts.entry(used.ecosystem()).or_default() += 1;
            counts
        });
        let notes = by_ecosystem.iter().take(ECOSYSTEMS_MAX).map(|(name, count)| format!("{count} {name}"));
        vec![
            place,
            SheetCell { notes: notes.collect(), ..cell(count(&|_| true)) },
            cell(count(&|used| used.direct == Some(true))),
            cell(count(&|used| used.licence.is_none())),
        ]
    };
    SheetTable {
        title: "Places".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: running.iter().take(ROWS_MAX).map(row).collect(),
        more: running.len().saturating_sub(ROWS_MAX),
        empty: "Nothing runs yet at a place that you may read.".to_owned(),
        fill: None,
    }
}

/// The page about a package.
pub fn href(package: &str) -> String {
    format!("/components?q={}", encoded(package))
}

/// The components that need it.
fn through(used: &Used) -> Vec<String> {
    if used.through.is_empty() {
        return Vec::new();
    }
    let all: Vec<String> = used.through.iter().map(|one| shown::brief(one, NAME_CHARS)).collect();
    vec![format!("needed by {}", names(&all, PLACES_MAX))]
}

fn licence(used: &Used) -> SheetCell {
    cell(used.licence.as_ref().map_or_else(|| "not known".to_owned(), |text| shown::brief(text, NAME_CHARS)))
}

fn findings(usage: &Usage<'_>) -> SheetCell {
    let count = usage.findings.len();
    let badge: Option<Badge> = match (count, usage.is_grave) {
        (0, _) if usage.is_unjudged => Some(badge(State::Wait, "not scanned")),
        (0, _) => None,
        (count, true) => Some(badge(State::Stop, shown::many(count, "finding"))),
        (count, false) => Some(badge(State::Wait, shown::many(count, "finding"))),
    };
    let rules: Vec<String> = usage.findings.iter().map(|rule| shown::brief(rule, NAME_CHARS)).collect();
    let notes = if rules.is_empty() { Vec::new() } else { vec![names(&rules, PLACES_MAX)] };
    SheetCell { badge, notes, ..SheetCell::default() }
}

/// Most rows of a table.
const ROWS_MAX: usize = 50;
/// Most places or rules that a cell names.
const PLACES_MAX: usize = 4;
/// Most ecosystems that a cell names.
const ECOSYSTEMS_MAX: usize = 4;
const NAME_CHARS: usize = 60;
const PURL_CHARS: usize = 120;
