//! One place: what runs there, what comes next and why it waits, its rollout, its bars, its windows, its drift, and its last reports.
//!
//! Invariant: only readers of the project see it. A pending release is judged as its gate would judge it now; everything else is
//! what agents and people told or signed last.

use domain::State as Ledger;
use evidence::Place;
use review::ids::short;
use review::place_state::PlaceState;
use review::{place_words, release_words, rollout_words};
use web::model::{Fact, Sheet, SheetList, SheetRow, State};
use wire::{PlaceView, ReleaseStage, ReleaseView};

use super::pending::words_of;
use super::reading::{Reading, nothing, time};
use super::sheets::{list, row};
use super::words::{badge, command, command_for, digest_fact, fact, page_of_place, release_href};
use super::{board, calendar, drift, judged, rollout};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::{openings, place_view};

/// The page.
///
/// # Errors
/// `Failure` if the reader may not read the place, it has no statement, or views cannot be read.
pub fn place(at: &Reading<'_>, place: &Place) -> Result<Sheet, Failure> {
    at.of_place(place)?;
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state(), place)
}

/// The same with a given state.
pub(super) fn of_state(at: &Reading<'_>, state: &Ledger, place: &Place) -> Result<Sheet, Failure> {
    let set = state.gate.environment(place).ok_or_else(|| {
        nothing(format!("there is no place {place}; `countersign status` shows the places"))
    })?;
    let view = place_view::one(at.shared, state, &set.facts, at.now)?;
    let found = PlaceState::of(&view);
    let next = next(at, state, &view)?;
    let windows = openings::windows_of(state, &at.shared.gatekeeper.store(), place);
    let days = windows.as_ref().map(|windows| calendar::table(place, windows, at.now));
    let told = rollout_words::now(&view);
    let waits = told.and_then(|now| rollout::waits(place, now, rollout_words::unheard(&view)));
    let [findings, baselines] = drift::of_place(at, state, place);
    Ok(Sheet {
        headline: headline(&view),
        badge: Some(badge(board::shape(found), found.word())),
        sub: vec![
            if view.automatic { "releases begin by themselves" } else { "people promote releases" }
                .to_owned(),
            view.windows
                .as_ref()
                .map_or_else(|| "releases begin at any time".to_owned(), place_words::windows_text),
        ],
        poll_ms: told.map(|_| POLL_MS),
        tables: days.into_iter().chain([findings, baselines]).collect(),
        lists: [next].into_iter().chain(waits).chain([bars(&view), reports(&view)]).collect(),
        facts: vec![("Now".to_owned(), runs(&view)), ("Statement".to_owned(), statement(&view))],
        ..Sheet::default()
    })
}

fn headline(view: &PlaceView) -> String {
    let runs = match &view.running {
        None => format!("nothing runs at {}", view.place),
        Some(now) => format!("{} runs release {}", view.place, now.release),
    };
    let open = view.open.as_ref().map(|open| match open.stage {
        ReleaseStage::Due => format!("; release {} is rolled out", open.release),
        stage => format!("; release {} is {stage}", open.release),
    });
    format!("{runs}{}", open.unwrap_or_default())
}

/// The pending release and everything else that stops releases there.
fn next(at: &Reading<'_>, state: &Ledger, view: &PlaceView) -> Result<SheetList, Failure> {
    let place = &view.place;
    let mut rows: Vec<SheetRow> = Vec::new();
    if view.frozen {
        rows.push(SheetRow {
            badge: Some(badge(State::Frozen, "frozen")),
            commands: vec![command(format!("countersign unfreeze {place}"))],
            ..row("no release begins until the freeze is lifted")
        });
    }
    if let Some(open) = &view.open {
        let href = Some(release_href(place, open.release));
        rows.push(match open.stage {
            ReleaseStage::Due => SheetRow {
                badge: Some(badge(State::Busy, "rolling out")),
                href: Some(match rollout_words::now(view) {
                    Some(_) => format!("{}/rollout", release_href(place, open.release)),
                    None => release_href(place, open.release),
                }),
                notes: rollout_words::line(view).into_iter().chain(rollout_words::order(view)).collect(),
                commands: vec![command(format!("countersign rollout show {place}"))],
                ..row(format!("release {} is at its agent", open.release))
            },
            _ => {
                let judged = judged::pending(at.shared, state, place, at.now)?;
                let words = words_of(place, &judged);
                SheetRow {
                    badge: Some(words.badge),
                    href,
                    notes: vec![words.detail, shown::many(open.approvals, "approval")],
                    commands: vec![words.command],
                    ..row(format!("release {} {}", open.release, words.what))
                }
            }
        });
    }
    if let Some(number) = view.rollback {
        rows.push(SheetRow {
            badge: Some(badge(State::Busy, "rolling back")),
            href: Some(release_href(place, number)),
            ..row(format!("rollback {number} is due at its agent"))
        });
    }
    Ok(list("Next", rows, ROWS_MAX, "No release waits or is on its way."))
}

/// Artifacts that the place refuses.
fn bars(view: &PlaceView) -> SheetList {
    let failed = view.bars.iter().map(|bar| SheetRow {
        badge: Some(match &bar.lifted {
            None => badge(State::Stop, "barred"),
            Some(_) => badge(State::Wait, "lifted"),
        }),
        href: Some(release_href(&view.place, bar.release)),
        commands: match &bar.lifted {
            None => {
                vec![command_for(format!("countersign lift --place {} --reason WHY", view.place), NOT_BEHIND)]
            }
            Some(_) => Vec::new(),
        },
        ..row(place_words::barred(view, bar))
    });
    let back = view.rolled_back.iter().map(|bar| SheetRow {
        badge: Some(badge(State::Stop, "rolled back")),
        href: Some(release_href(&view.place, bar.release)),
        time: bar.time.map(time),
        commands: vec![command_for(
            format!("countersign run --again {}", bar.commit),
            super::release::BACK_AGAIN,
        )],
        ..row(place_words::rolled_back(view, bar))
    });
    list("Bars", failed.chain(back).collect(), ROWS_MAX, "Nothing is barred from this place.")
}

/// The newest releases and rollbacks, and how each ended.
fn reports(view: &PlaceView) -> SheetList {
    let is_current =
        |release: &ReleaseView| view.running.as_ref().is_some_and(|now| Some(now.release) == release.release);
    let one = |release: &ReleaseView| {
        let title = release_words::title(release);
        let prefix = format!("{}: ", view.place);
        SheetRow {
            badge: Some(badge(of_stage(release.stage), release_words::word(release, is_current(release)))),
            href: release.release.map(|number| release_href(&view.place, number)),
            notes: [release.reasons.join(", ")].into_iter().filter(|codes| !codes.is_empty()).collect(),
            time: Some(time(release.time)),
            ..row(title.strip_prefix(&prefix).unwrap_or(&title))
        }
    };
    list(
        "Last releases and reports",
        view.releases.iter().map(one).collect(),
        REPORTS_MAX,
        "No release came here.",
    )
}

const fn of_stage(stage: ReleaseStage) -> State {
    match stage {
        ReleaseStage::Running => State::Pass,
        ReleaseStage::Due | ReleaseStage::Judging | ReleaseStage::Wanted => State::Busy,
        ReleaseStage::Proposed | ReleaseStage::Held => State::Wait,
        ReleaseStage::Superseded | ReleaseStage::Dropped => State::Quiet,
        _ => State::Stop,
    }
}

fn runs(view: &PlaceView) -> Vec<Fact> {
    let Some(now) = &view.running else { return vec![fact("Runs", "nothing")] };
    let mut release = fact("Runs", format!("release {}", now.release));
    release.href = Some(release_href(&view.place, now.release));
    let since = now.since.map(|since| fact("Since", super::words::clock(since)));
    let port = view.service.as_ref().and_then(|service| service.port);
    let before = view.before.as_ref().map(|before| {
        let mut shown = fact("Ran before", format!("release {}", before.release));
        shown.href = Some(release_href(&view.place, before.release));
        shown
    });
    let service = view.service.as_ref().map(place_words::service_text).filter(|text| !text.is_empty());
    let service = service.map(|text| fact("Service", text.trim_start_matches("; ")));
    [release]
        .into_iter()
        .chain(since)
        .chain([fact("Commit", short(now.commit.as_str())), digest_fact("Artifact", &now.artifact)])
        .chain(port.map(|port| fact("Port", port.to_string())))
        .chain(before)
        .chain(service)
        .collect()
}

fn statement(view: &PlaceView) -> Vec<Fact> {
    let mut number = fact("Statement", view.statement.to_string());
    number.href = view.entry.map(|entry| format!("/ledger/{entry}"));
    let mut policy = fact("Policy", "rules and limits");
    policy.href = Some(format!("/policies/{}", view.place));
    let after = view.after.as_ref().map(|after| {
        let mut shown = fact("Comes after", after.as_str());
        shown.href = Some(page_of_place(&Place { environment: after.clone(), ..view.place.clone() }));
        shown
    });
    let agents = view.agents.iter().map(|agent| {
        let gone = review::outcome::is_gone(agent);
        let state = if gone { State::Stop } else { State::Pass };
        Fact { state: Some(state), ..fact("Agent", agent.name.as_str()) }
    });
    [number, policy].into_iter().chain(after).chain(agents).collect()
}

const NOT_BEHIND: &str = "release managers and quality who are not behind the change";
const ROWS_MAX: usize = 20;
const REPORTS_MAX: usize = 12;
/// Time between two readings while a rollout goes on.
const POLL_MS: u32 = 2_000;
