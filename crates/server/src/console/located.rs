//! Where something runs: the places that run, await or ran a package, a problem or an artifact.
//!
//! Input: a question, or none. Invariant: what is counted is what the reader may read. A document that could not be read, or is not in
//! the index yet, is told apart, so that nobody takes silence for absence.

use web::model::{Badge, Sheet, SheetCell, SheetField, SheetForm, SheetTable, State};
use wire::{SpotState, SpotView, WhereView};

use super::fields::fields;
use super::reading::{Reading, malformed, time};
use super::sheets::cell;
use super::words::{badge, page_of_place, release_href, run_href};
use crate::http::problem::Failure;
use crate::inventory;
use crate::views::inventory::Question;

/// The page for a query.
///
/// # Errors
/// `Failure` if the question cannot be read, or the views cannot.
pub fn located(at: &Reading<'_>, query: &str) -> Result<Sheet, Failure> {
    let what = fields(query).into_iter().find(|(name, _)| name == "what").map(|(_, value)| value);
    let what = what.map(|what| what.trim().to_owned()).filter(|what| !what.is_empty());
    let Some(what) = what else { return Ok(unasked()) };
    let question: Question = what.parse().map_err(malformed)?;
    let answer = inventory::answer(at.shared, &what, &question, &|project| at.may_read(project))?;
    Ok(page(&answer))
}

fn unasked() -> Sheet {
    Sheet {
        headline: "Ask where something runs".to_owned(),
        sub: vec!["a package, a vulnerability, an artifact, or a name with a version or a range".to_owned()],
        form: Some(form("")),
        ..Sheet::default()
    }
}

fn page(answer: &WhereView) -> Sheet {
    let WhereView { asked, running, waiting, past, more, behind, unread, .. } = answer;
    let what = shown::brief(asked, ASKED_CHARS);
    let mut sub = vec![format!("waits at {waiting}, ran in {}", many(*past, "release"))];
    sub.extend(more.then(|| "the list is not complete: name a version or a range".to_owned()));
    sub.extend((*behind > 0).then(|| format!("{} not in the index yet", many(*behind, "document"))));
    sub.extend((*unread > 0).then(|| format!("{} could not be read", many(*unread, "document"))));
    Sheet {
        headline: match running {
            // Silence is no absence while something was not read.
            0 if behind + unread > 0 => format!("No release that runs {what} was found yet"),
            0 => format!("{what} runs nowhere that you may read about"),
            count => format!("{what} runs at {}", many(*count, "place")),
        },
        badge: Some(shape(answer)),
        sub,
        form: Some(form(asked)),
        tables: vec![SheetTable {
            title: "Releases".to_owned(),
            columns: ["Place", "State", "Found", "Since", "Until", "Evidence"].map(str::to_owned).to_vec(),
            rows: answer.spots.iter().take(ROWS_MAX).map(row).collect(),
            more: answer.spots.len().saturating_sub(ROWS_MAX),
            empty: "No list of a build names it.".to_owned(),
            fill: None,
        }],
        ..Sheet::default()
    }
}

fn many(count: u64, noun: &str) -> String {
    shown::many(usize::try_from(count).unwrap_or(usize::MAX), noun)
}

fn shape(answer: &WhereView) -> Badge {
    match (answer.running, answer.waiting) {
        (0, 0) if answer.behind + answer.unread > 0 => badge(State::Wait, "not all read"),
        (0, 0) => badge(State::Quiet, "nowhere"),
        (0, _) => badge(State::Wait, "waits"),
        _ => badge(State::Wait, "runs"),
    }
}

fn form(asked: &str) -> SheetForm {
    let what = SheetField {
        parameter: "what".to_owned(),
        title: "Package, id, digest or name".to_owned(),
        words: shown::brief(asked, ASKED_CHARS),
        example: "pkg:npm/left-pad, CVE-2026-1188, or serde<1.0.1".to_owned(),
        choices: Vec::new(),
    };
    SheetForm {
        path: "/where".to_owned(),
        fields: vec![what],
        button: "Search".to_owned(),
        narrowed: !asked.is_empty(),
    }
}

fn row(spot: &SpotView) -> Vec<SheetCell> {
    let mut at = cell(spot.place.to_string());
    at.href = Some(match spot.release {
        Some(release) => release_href(&spot.place, release),
        None => page_of_place(&spot.place),
    });
    at.notes.extend(spot.release.map(|release| format!("release {release}")));
    let state = match spot.state {
        SpotState::Runs => badge(State::Pass, "runs"),
        SpotState::Waits => badge(State::Wait, "waits"),
        SpotState::Ran => badge(State::Quiet, "ran"),
    };
    let mut found = cell(spot.found.first().map(|name| shown::brief(name, ASKED_CHARS)).unwrap_or_default());
    found.notes = spot.found.iter().skip(1).map(|name| shown::brief(name, ASKED_CHARS)).collect();
    found.notes.extend(spot.direct.map(|direct| {
        if direct { "named by the project itself".to_owned() } else { "through others".to_owned() }
    }));
    let moment =
        |moment: Option<evidence::Moment>| SheetCell { time: moment.map(time), ..SheetCell::default() };
    let mut evidence = cell(match &spot.document {
        Some(document) => format!("document {}", review::ids::short(&document.hex())),
        None => format!("artifact {}", review::ids::short(&spot.artifact.hex())),
    });
    evidence.href = spot.run.map(|run| run_href(run.into()));
    let state = SheetCell { badge: Some(state), ..SheetCell::default() };
    vec![at, state, found, moment(spot.since), moment(spot.until), evidence]
}

const ROWS_MAX: usize = 200;
const ASKED_CHARS: usize = 100;
