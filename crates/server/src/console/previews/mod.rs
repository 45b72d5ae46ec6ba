//! Previews: what runs in each, whose it is and when it is removed; the templates that allow them; and what was removed lately.
//!
//! Invariant: only previews of projects that the reader may read are shown. A preview is shown until its agent has signed that it
//! removed everything, also when its time is over.

mod entry;
mod removed;
mod stand;
mod why;

use evidence::preview::Previews;
use review::duration;
use web::model::{Badge, Sheet, SheetCell, SheetTable, State};
use wire::PlaceView;

use super::machines;
use super::reading::Reading;
use super::sheets::cell;
use super::situation::Situation;
use super::words::{badge, command, command_for};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use entry::Entry;
use stand::Stand;

/// The page.
///
/// # Errors
/// `Failure` if the views are behind, or the ledger cannot be read.
pub fn previews(at: &Reading<'_>) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    let situation = Situation::read(at, &state)?;
    let shown = situation.previews.iter().take(ROWS_MAX);
    let entries: Vec<_> = shown.map(|view| Entry::read(at, &state, view)).collect::<Result<_, Failure>>()?;
    let more = situation.previews.len() - entries.len();
    Ok(page(&situation.templates, (&entries, more), removed::lately(at)?))
}

/// The page of these previews, of which so many more are not shown.
fn page(templates: &[PlaceView], (entries, more): (&[Entry<'_>], usize), removed: SheetTable) -> Sheet {
    let stands: Vec<Badge> = entries.iter().map(|one| Stand::of(one).badge).collect();
    let count = |state| stands.iter().filter(|badge| badge.state == state).count();
    let room = templates.iter().filter_map(|view| view.previews.as_ref()).map(|rules| rules.count).sum();
    Sheet {
        headline: headline(stands.len() + more, room, count(State::Stop)),
        badge: Some(match (stands.len(), count(State::Stop), count(State::Wait)) {
            (0, ..) => badge(State::Quiet, "none"),
            (_, 0, 0) => badge(State::Pass, "as they should be"),
            (_, 0, waits) => badge(State::Wait, format!("{waits} waits")),
            (_, stopped, _) => badge(State::Stop, format!("{stopped} to look at")),
        }),
        sub: vec![
            "each is removed at its end, with everything that it left".to_owned(),
            "nothing there is evidence for another place".to_owned(),
        ],
        tables: vec![table(entries, more), of_templates(templates, entries), removed],
        ..Sheet::default()
    }
}

fn headline(previews: usize, room: u32, stopped: usize) -> String {
    match (previews, room, stopped) {
        (0, 0, _) => "No template allows previews".to_owned(),
        (0, room, _) => format!("No preview is there, and there is room for {room}"),
        (all, room, 0) => {
            format!("{} of {room} that the templates allow", shown::many(all, "preview"))
        }
        (all, _, stopped) => format!("{stopped} of {} did not work as asked", shown::many(all, "preview")),
    }
}

fn table(entries: &[Entry<'_>], more: usize) -> SheetTable {
    let is_one = |one: &Entry<'_>| {
        let name = &one.view.place.environment;
        more == 0 && entries.iter().filter(|other| other.view.place.environment == *name).count() == 1
    };
    SheetTable {
        title: "Previews".to_owned(),
        columns: ["Preview", "State", "Change", "Owner", "Address", "Removed", "Disk"]
            .map(str::to_owned)
            .to_vec(),
        rows: entries.iter().map(|one| one.row(is_one(one), Stand::of(one).cell())).collect(),
        more,
        empty: "A developer makes a preview of any branch; it is removed on time.".to_owned(),
        fill: Some(command_for("countersign run BRANCH --preview NAME", "a developer")),
    }
}

fn of_templates(templates: &[PlaceView], entries: &[Entry<'_>]) -> SheetTable {
    let row = |view: &PlaceView| {
        let rules = view.previews.as_ref()?;
        let taken = entries.iter().filter(|one| one.is_of(&view.place)).count();
        Some(template(view, rules, taken))
    };
    SheetTable {
        title: "Templates".to_owned(),
        columns: ["Template", "Names", "Slots", "Life", "Agent"].map(str::to_owned).to_vec(),
        rows: templates.iter().take(ROWS_MAX).filter_map(row).collect(),
        more: templates.len().saturating_sub(ROWS_MAX),
        empty: "Policy signers say in a template which previews people may make, and which agents keep them."
            .to_owned(),
        fill: Some(command_for(
            "countersign trust environment PROJECT/SERVICE/preview --previews 'pr-*' --agent LINE",
            "policy signers",
        )),
    }
}

fn template(view: &PlaceView, rules: &Previews, taken: usize) -> Vec<SheetCell> {
    let mut named = cell(view.place.to_string());
    named.href = view.entry.map(|entry| format!("/ledger/{entry}"));
    named.notes = vec![format!("statement {}", view.statement)];
    let mut slots = cell(format!("{taken} of {} taken", rules.count));
    let is_full = u32::try_from(taken).is_ok_and(|taken| taken >= rules.count);
    slots.badge = is_full.then(|| badge(State::Wait, "full"));
    slots.commands = is_full.then(|| command("countersign preview list")).into_iter().collect();
    let mut life = cell(duration::words(rules.ttl_ms));
    life.notes = vec!["after the last request".to_owned()];
    let mut agent = SheetCell::default();
    if let Some(first) = view.agents.first() {
        agent.badge = Some(machines::presence(first));
        agent.notes = vec![first.name.to_string(), machines::heard(first)];
    }
    vec![named, cell(rules.pattern.to_string()), slots, life, agent]
}

/// Most previews, and most templates, of the page.
const ROWS_MAX: usize = 200;

#[cfg(test)]
mod tests;
