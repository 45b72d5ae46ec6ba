//! The cells of a service's row.

use review::ids::short;
use review::place_state::PlaceState;
use review::posture::{BuildFacts, Posture, Word};
use review::results::counts;
use web::model::{Badge, SheetCell, State};
use wire::RunState;

use super::service::{Build, Service, ServicePlace};
use crate::console::board;
use crate::console::commits;
use crate::console::fields::encoded;
use crate::console::reading::{Reading, time};
use crate::console::words::{badge, list, release_href, run_href};

/// The row of a service.
pub fn of(at: &Reading<'_>, posture: &Posture, service: &Service<'_>) -> Vec<SheetCell> {
    let last = service.last();
    let known = last.and_then(ServicePlace::known);
    vec![
        named(at, service),
        SheetCell {
            badge: Some(badge(shape(posture.word), posture.word.as_str())),
            text: posture.reason.clone(),
            href: None,
            notes: next(posture, service).into_iter().collect(),
            time: None,
        },
        code(service, known),
        findings(service),
        pipeline(last, known),
        runtime(service),
    ]
}

/// The shape of a word.
pub const fn shape(word: Word) -> State {
    match word {
        Word::Down | Word::Exposed | Word::Unproven | Word::Blocked | Word::Broken | Word::RolledBack => {
            State::Stop
        }
        Word::Frozen => State::Frozen,
        Word::Waiting | Word::Unread | Word::Thin | Word::Behind => State::Wait,
        Word::Moving => State::Busy,
        Word::Idle => State::Quiet,
        Word::Good => State::Pass,
    }
}

fn named(at: &Reading<'_>, service: &Service<'_>) -> SheetCell {
    let name = service.name();
    let running = service.last().and_then(|last| last.view.running.as_ref().map(|now| (last, now)));
    let owner = running.and_then(|(last, now)| {
        let facts = commits::of(at.shared, now.run, &now.commit)?;
        facts.owners.get(&last.view.place.service).cloned()
    });
    SheetCell {
        href: Some(format!("/services/{name}")),
        notes: owner.map(|owner| format!("ask {owner}")).into_iter().collect(),
        text: name,
        badge: None,
        time: None,
    }
}

/// The command that comes next.
fn next(posture: &Posture, service: &Service<'_>) -> Option<String> {
    let place = posture.at.and_then(|at| service.places.get(at));
    let view = place.map(|place| place.view);
    let running = view.and_then(|view| view.running.as_ref()).map(|now| now.release);
    let open = view.and_then(|view| view.open.as_ref()).map(|open| open.release);
    let name = view.map(|view| view.place.to_string());
    match (posture.word, name, running, open) {
        (Word::Down, Some(name), _, _) => Some(format!("countersign logs {name}")),
        (Word::Exposed, Some(name), Some(release), _) => Some(format!("countersign status {name} {release}")),
        (Word::Unproven, Some(name), Some(release), _) => {
            Some(format!("countersign record {name} {release}"))
        }
        (Word::Blocked, Some(name), _, Some(release)) => {
            Some(format!("countersign policy explain {name} {release}"))
        }
        (Word::Waiting, Some(name), _, _) => Some(format!("countersign approve {name} --show")),
        (Word::RolledBack, Some(name), _, _) => Some(format!("countersign status {name}")),
        (Word::Frozen, _, _, _) => Some("countersign status".to_owned()),
        (Word::Broken, ..) => service.run.as_ref().map(|run| format!("countersign logs {}", run.run)),
        _ => None,
    }
}

fn code(service: &Service<'_>, known: Option<&BuildFacts>) -> SheetCell {
    let mut notes = Vec::new();
    if let Some(facts) = known {
        notes.push(
            facts.signer.as_ref().map_or("running commit signed by nobody enrolled".to_owned(), |name| {
                format!("running commit signed by {name}")
            }),
        );
        notes.push(match facts.reviewers.as_slice() {
            [] => "approved by nobody else".to_owned(),
            names => format!("approved by {}", list(names, NAMES_MAX)),
        });
        notes.push(
            facts
                .tests
                .as_ref()
                .map_or("no tests are read".to_owned(), |tests| format!("tests: {}", counts(tests))),
        );
        notes.extend(
            facts
                .coverage
                .filter(|(_, all)| *all > 0)
                .map(|(covered, all)| format!("coverage {} %", covered.saturating_mul(100) / all)),
        );
    }
    match &service.run {
        None => SheetCell { text: "no run yet".to_owned(), notes, ..SheetCell::default() },
        Some(run) => SheetCell {
            badge: Some(of_run(run.state)),
            text: format!("newest run, of commit {}", short(run.commit.as_str())),
            href: Some(run_href(run.run)),
            notes,
            time: None,
        },
    }
}

fn of_run(state: RunState) -> Badge {
    match state {
        RunState::Running => badge(State::Busy, "running"),
        RunState::Passed => badge(State::Pass, "passed"),
        RunState::Failed => badge(State::Stop, "failed"),
        RunState::Differed => badge(State::Stop, "runners differ"),
        RunState::Cancelled => badge(State::Quiet, "cancelled"),
        RunState::Lost => badge(State::Stop, "lost"),
    }
}

/// The findings of the place with the gravest ones.
fn findings(service: &Service<'_>) -> SheetCell {
    let exposures = service.places.iter().filter_map(|place| place.exposure);
    let tallied = exposures.map(|exposure| (exposure.tally(), exposure));
    // Of equal places the last one is shown, which is the nearest to people.
    let Some((tally, exposure)) = tallied.max_by_key(|(tally, _)| (tally.grave, tally.open_count())) else {
        return SheetCell { text: "nothing runs".to_owned(), ..SheetCell::default() };
    };
    let (state, word) = match (exposure.is_scanned(), tally.grave, tally.open_count()) {
        (false, _, _) if exposure.unread => (State::Wait, "not read"),
        (false, _, _) => (State::Wait, "not scanned"),
        (true, 0, 0) => (State::Pass, "none open"),
        (true, 0, _) => (State::Wait, "open"),
        (true, _, _) => (State::Stop, "grave"),
    };
    let words = tally.words().join(", ");
    SheetCell {
        badge: Some(badge(state, word)),
        text: if words.is_empty() { "its findings".to_owned() } else { words },
        href: Some(format!("/findings?service={}", encoded(&service.name()))),
        notes: vec![exposure.place_words()],
        time: exposure.contents.as_ref().as_ref().and_then(|known| known.scanned).map(time),
    }
}

fn pipeline(last: Option<&ServicePlace<'_>>, known: Option<&BuildFacts>) -> SheetCell {
    let place = last.map(|last| &last.view.place);
    let number = last.and_then(|last| last.view.running.as_ref()).map(|now| now.release);
    let record = place.zip(number).map(|(place, number)| format!("{}/record", release_href(place, number)));
    let Some(facts) = known else {
        let (state, word) = match last.map(|last| &last.build) {
            None | Some(Build::Nothing) => (State::Quiet, "nothing runs"),
            Some(Build::Unread) => (State::Wait, "not read"),
            Some(Build::Missing | Build::Holds(_)) => (State::Stop, "no evidence"),
        };
        let text = record.as_ref().map(|_| "its record".to_owned()).unwrap_or_default();
        return SheetCell { badge: Some(badge(state, word)), text, href: record, ..SheetCell::default() };
    };
    let agree = match facts.runners.len() {
        0 | 1 => badge(State::Wait, "one runner"),
        _ => badge(State::Pass, "runners agree"),
    };
    SheetCell {
        badge: Some(agree),
        text: list(&facts.runners, NAMES_MAX),
        href: record,
        notes: vec![
            match facts.reached.as_slice() {
                [] => "sealed: no step reached the network".to_owned(),
                hosts => format!("steps reached {}", list(hosts, NAMES_MAX)),
            },
            "provenance and receipts verified".to_owned(),
            format!("policy {}, by statement {}", short(&facts.policy.hex()), facts.statement),
            shown::counted(facts.witnesses, "witness", "witnesses"),
        ],
        time: None,
    }
}

fn runtime(service: &Service<'_>) -> SheetCell {
    let line = |place: &ServicePlace<'_>| {
        let view = place.view;
        let state = PlaceState::of(view).word();
        let environment = &view.place.environment;
        match &view.running {
            None => format!("{environment}: {state}"),
            Some(now) => {
                let since = now.since.map(|since| since.to_string());
                let since =
                    since.as_ref().and_then(|since| since.get(..10)).map(|day| format!(" since {day}"));
                let checks = view.checks.len();
                let checks = (checks > 0).then(|| format!(", {}", shown::many(checks, "check")));
                let (since, checks) = (since.unwrap_or_default(), checks.unwrap_or_default());
                let commit = short(now.commit.as_str());
                format!("{environment}: {state}, release {} ({commit}){since}{checks}", now.release)
            }
        }
    };
    let states: Vec<PlaceState> = service.places.iter().map(|place| PlaceState::of(place.view)).collect();
    let runs = states.iter().filter(|state| **state != PlaceState::Nothing).count();
    let worst = states.into_iter().find(|state| state.is_unhealthy());
    let shown = worst.unwrap_or(match service.last() {
        Some(last) => PlaceState::of(last.view),
        None => PlaceState::Nothing,
    });
    let last = service.last().and_then(|last| Some((&last.view.place, last.view.running.as_ref()?.release)));
    SheetCell {
        badge: Some(badge(board::shape(shown), shown.word())),
        text: format!("runs at {} of {}", runs, shown::many(service.places.len(), "place")),
        href: last.map(|(place, release)| release_href(place, release)),
        notes: service.places.iter().map(line).collect(),
        time: None,
    }
}

const NAMES_MAX: usize = 3;
