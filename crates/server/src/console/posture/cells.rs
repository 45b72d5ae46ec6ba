//! The cells of a service's row.

use review::ids::short;
use review::place_state::PlaceState;
use review::posture::{BuildFacts, Posture, Word};
use review::results::counts;
use web::model::{Badge, SheetCell, State};
use wire::{PlaceView, ReleaseStage, RunState};

use super::service::{Build, Service, ServicePlace};
use crate::console::board;
use crate::console::commits;
use crate::console::fields::encoded;
use crate::console::reading::{Reading, time};
use crate::console::running;
use crate::console::words::{badge, command, list, minute, release_href, run_href};
use crate::http::problem::Failure;

/// The row of a service.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn of(at: &Reading<'_>, posture: &Posture, service: &Service<'_>) -> Result<Vec<SheetCell>, Failure> {
    let last = service.last();
    let known = last.and_then(ServicePlace::known);
    Ok(vec![
        named(at, service),
        SheetCell {
            badge: Some(badge(shape(posture.word), posture.word.as_str())),
            text: posture.reason.clone(),
            commands: next(posture, service).map(command).into_iter().collect(),
            ..SheetCell::default()
        },
        code(service, known),
        findings(service),
        pipeline(last, known),
        runtime(at, service)?,
    ])
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
        ..SheetCell::default()
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
            ..SheetCell::default()
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
        (true, _, _) => (State::Stop, "exposed"),
    };
    let words = tally.words().join(", ");
    SheetCell {
        badge: Some(badge(state, word)),
        text: if words.is_empty() { "its findings".to_owned() } else { words },
        href: Some(format!("/findings?service={}", encoded(&service.name()))),
        notes: vec![exposure.place_words()],
        time: exposure.contents.as_ref().as_ref().and_then(|known| known.scanned).map(time),
        span: None,
        commands: Vec::new(),
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
        ..SheetCell::default()
    }
}

/// Each place with the release that runs, and what its agent refused there: a refusal stays told although something else runs.
fn runtime(at: &Reading<'_>, service: &Service<'_>) -> Result<SheetCell, Failure> {
    let mut notes = Vec::new();
    for place in &service.places {
        notes.push(line(at, place.view)?);
        notes.extend(refused(place.view));
    }
    let states: Vec<PlaceState> = service.places.iter().map(|place| PlaceState::of(place.view)).collect();
    let runs = states.iter().filter(|state| **state != PlaceState::Nothing).count();
    let worst = states.iter().find(|state| state.is_unhealthy());
    let worst = worst.or_else(|| states.iter().rev().find(|state| **state == PlaceState::RolledBack));
    let worst = worst.or_else(|| states.iter().rev().find(|state| **state == PlaceState::Frozen));
    let shown = worst.copied().unwrap_or(match service.last() {
        Some(last) => PlaceState::of(last.view),
        None => PlaceState::Nothing,
    });
    let last = service.last().and_then(|last| Some((&last.view.place, last.view.running.as_ref()?.release)));
    Ok(SheetCell {
        badge: Some(badge(board::shape(shown), shown.word())),
        text: format!("runs at {} of {}", runs, shown::many(service.places.len(), "place")),
        href: last.map(|(place, release)| release_href(place, release)),
        notes,
        ..SheetCell::default()
    })
}

fn line(at: &Reading<'_>, view: &PlaceView) -> Result<String, Failure> {
    let state = PlaceState::of(view).word();
    let environment = &view.place.environment;
    let Some(now) = &view.running else { return Ok(format!("{environment}: {state}")) };
    let since = now.since.map(|since| format!(" since {}", minute(since))).unwrap_or_default();
    let checks = view.checks.len();
    let checks = if checks > 0 { format!(", {}", shown::many(checks, "check")) } else { String::new() };
    let (named, commit) = (running::words(at, view, now)?, short(now.commit.as_str()));
    Ok(format!("{environment}: {state}, {commit}, {named}{since}{checks}"))
}

/// The newest release that the agent of a place refused.
fn refused(view: &PlaceView) -> Option<String> {
    let refused = view.releases.iter().find(|release| release.stage == ReleaseStage::Refused)?;
    let codes = list(&refused.reasons, NAMES_MAX);
    let number = refused.release.unwrap_or_default();
    Some(format!(
        "{}: the agent refused {} {number} at {}: {codes}",
        view.place.environment,
        refused.kind,
        minute(refused.time)
    ))
}

const NAMES_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use evidence::Digest;
    use serde_json::json;

    use super::refused;

    #[test]
    fn a_refusal_stays_told_although_something_else_runs() {
        let release = |number: u64, stage: &str, reasons: &[&str]| {
            json!({
                "place": "shop/api/production", "kind": "release", "release": number, "run": "0".repeat(32),
                "artifact": Digest::of(b"a"), "commit": "0".repeat(40), "stage": stage, "outcome": null,
                "reasons": reasons, "detail": null, "bundle": null, "began": 1, "entry": 2,
                "time": "2026-11-29T09:07:19.040Z", "by": null,
            })
        };
        let view: wire::PlaceView = serde_json::from_value(json!({
            "place": "shop/api/production", "after": null, "automatic": true, "statement": 1,
            "envelope": Digest::of(b""), "base": "0".repeat(40), "wanted": false,
            "releases": [release(7, "running", &[]), release(6, "refused", &["artifact-differs"])],
        }))
        .unwrap();
        assert_eq!(
            refused(&view).as_deref(),
            Some("production: the agent refused release 6 at 2026-11-29 09:07: artifact-differs")
        );
    }
}
