//! The overview: the things that wait, the things that run, and the things that end soon.

use std::collections::BTreeSet;

use domain::State;
use evidence::{Digest, Moment};
use review::ending::{self, Renewal, SOON, Sources};
use review::outcome::is_gone;
use review::{duration, headline};
use web::model::{self, Ending, Fact, Overview, RunLine, Waiting};
use wire::{PlaceView, RunState, WorkState};

use super::reading::{Reading, time};
use super::situation::Situation;
use super::words::{command, fact, run_href};
use super::{alerts, board, commits, exposure, idle, run, waiting};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::views::runs::{RunRow, RunSelection};
use crate::{installation_view, run_view};

/// The overview, as far as the caller may read it.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn overview(at: &Reading<'_>) -> Result<Overview, Failure> {
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state())
}

/// The number of things that wait for people, which every page shows.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn waiting_count(at: &Reading<'_>) -> Result<usize, Failure> {
    up_to_date(at.shared)?;
    let situation = Situation::read(at, &at.shared.intake.state())?;
    Ok(waiting::count(at, &situation))
}

/// The same with a given state.
pub(super) fn of_state(at: &Reading<'_>, state: &State) -> Result<Overview, Failure> {
    let situation = Situation::read(at, state)?;
    let waiting: Vec<Waiting> = waiting::all(at, state, &situation)?;
    let selection = RunSelection { most: RUNS_SHOWN, ..RunSelection::default() };
    let runs = run_view::newest(at.shared, &selection, &|project| at.may_read(project))?;
    let stopped = waiting.iter().filter(|one| waiting::is_stopped(one)).count();
    let places: Vec<&PlaceView> = situation.places.iter().collect();
    let exposures = exposure::within(at, state, &places, READ_MAX)?;
    let (exposed, sort) = exposure::grave(&exposures);
    Ok(Overview {
        headline: headline::of_overview(
            (waiting.len(), stopped),
            &board::states(&situation.places),
            (&exposed, sort),
        ),
        waiting,
        refused: waiting::refused(at, &situation),
        board: board::board(at, state, &situation)?,
        runs: runs.iter().map(|row| run_line(at, &situation, row)).collect(),
        ending: ending(at, state, &situation, &idle::statements(&situation.places, &exposures)),
        health: health(at, state, &situation)?,
    })
}

fn run_line(at: &Reading<'_>, situation: &Situation, row: &RunRow) -> RunLine {
    let view = &row.view;
    let author = commits::of(at.shared, view.run, &view.commit).map(|facts| facts.author.clone());
    let took = row.ended.map(|end| end.millis().saturating_sub(row.started.millis()));
    let mut parts = vec![view.project.to_string()];
    parts.extend(author);
    parts.extend(took.map(duration::words));
    parts.extend(waits_for(row));
    RunLine {
        badge: run_badge(situation, row),
        title: commits::subject(at.shared, view.run, &view.commit),
        detail: parts.join(", "),
        since: Some(time(row.started)),
        href: run_href(view.run),
    }
}

/// The state of a run, which waits while people are missing at one of its nodes.
fn run_badge(situation: &Situation, row: &RunRow) -> model::Badge {
    let nodes = situation.nodes.iter().filter(|node| node.run == row.view.run);
    run::badge_of(row.view.state, nodes.map(|node| node.needed.saturating_sub(node.given)).sum())
}

/// The work that a run waits for: approval nodes, else the runners of due work.
fn waits_for(row: &RunRow) -> Option<String> {
    let works = || row.view.works.iter().filter(|_| row.view.state == RunState::Running);
    let nodes =
        works().filter(|work| matches!(work.state, WorkState::Agreed { given, needed } if given < needed));
    let due: Vec<_> = works().filter(|work| work.state == WorkState::Due).collect();
    if let [first, rest @ ..] = due.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        let verb = if first.running { "runs" } else { "waits for" };
        let runner = first.runner.as_ref().map(ToString::to_string).unwrap_or_default();
        return Some(match first.running {
            true => format!("{} {verb} on {runner}{more}", first.name),
            false => format!("{} {verb} {runner}{more}", first.name),
        });
    }
    let nodes: Vec<_> = nodes.map(|work| work.name.as_str()).collect();
    (!nodes.is_empty()).then(|| format!("waits for people at {}", nodes.join(" and ")))
}

fn ending(at: &Reading<'_>, state: &State, situation: &Situation, idle: &BTreeSet<Digest>) -> Vec<Ending> {
    let people = situation.people_until(at, state, at.now.later_by(SOON));
    let of = Sources {
        root: situation.root_expires,
        status: situation.status.as_ref(),
        people: &people,
        places: &situation.places,
        idle,
    };
    let shown = |found: ending::Ending| Ending {
        what: found.what,
        end: time(found.end),
        href: None,
        command: match found.renewal {
            Renewal::Command(line) => Some(command(line)),
            Renewal::Words(_) => None,
        },
    };
    ending::soon(of, at.now).into_iter().map(shown).collect()
}

/// Health of the installation: runners, agents, witnesses, ledger, disk.
fn health(at: &Reading<'_>, state: &State, situation: &Situation) -> Result<Vec<Fact>, Failure> {
    let agents: Vec<_> = situation.agents().map(|(_, agent)| agent).collect();
    let of = |name: &str, all: usize, gone: usize| {
        let state = if gone == 0 { model::State::Pass } else { model::State::Stop };
        Fact { state: Some(state), ..fact(name, format!("{} of {all}", all.saturating_sub(gone))) }
    };
    let gone_runners = situation.runners.iter().filter(|runner| is_gone(runner)).count();
    let gone_agents = agents.iter().filter(|agent| is_gone(agent)).count();
    let mut facts = vec![
        of("Runners", situation.runners.len(), gone_runners),
        of("Agents", agents.len(), gone_agents),
        witnessed(at, state)?,
        fact(
            "Ledger",
            shown::counted(usize::try_from(state.entries).unwrap_or_default(), "entry", "entries"),
        ),
    ];
    facts.extend(open_alerts(at, state)?);
    facts.extend(disk(at));
    facts.extend(situation.status.as_ref().map(|status| until("Status", status.expires, at.now)));
    facts.extend(situation.root_expires.map(|end| until("Trust root", end, at.now)));
    Ok(facts)
}

/// Entries that are witnessed.
fn witnessed(at: &Reading<'_>, state: &State) -> Result<Fact, Failure> {
    let size = installation_view::witnessed_entries(at.shared)?;
    let shape = if size >= state.entries { model::State::Pass } else { model::State::Wait };
    let value = match size {
        0 => "no entry yet".to_owned(),
        size if size >= state.entries => "every entry".to_owned(),
        size => format!("{size} of {} entries", state.entries),
    };
    Ok(Fact { state: Some(shape), ..fact("Witnessed", value) })
}

/// Open alerts, with a link to their page; none without advisories and alerts.
fn open_alerts(at: &Reading<'_>, state: &State) -> Result<Option<Fact>, Failure> {
    let (open, critical, overdue) = alerts::open_count(at, state)?;
    if open == 0 && at.shared.advisories.is_none() {
        return Ok(None);
    }
    let shape = match (open, critical + overdue) {
        (0, _) => model::State::Pass,
        (_, 0) => model::State::Wait,
        _ => model::State::Stop,
    };
    let value = match critical {
        0 => format!("{open} open"),
        critical => format!("{open} open, {critical} critical"),
    };
    Ok(Some(Fact { state: Some(shape), href: Some("/alerts".to_owned()), ..fact("Alerts", value) }))
}

/// Free space on the disk of the data directory.
fn disk(at: &Reading<'_>) -> Option<Fact> {
    let free = at.shared.gatekeeper.disk_space().free()?;
    let shape = if free < LOW_BYTES { model::State::Wait } else { model::State::Pass };
    Some(Fact { state: Some(shape), ..fact("Disk", format!("{} GiB free", free >> 30)) })
}

fn until(name: &str, end: Moment, now: Moment) -> Fact {
    let left = end.millis().saturating_sub(now.millis());
    let shape = if left == 0 { model::State::Stop } else { model::State::Pass };
    let text = end.to_string();
    let day = text.get(..DAY_CHARS).unwrap_or(&text);
    let value = if left == 0 { format!("expired on {day}") } else { format!("until {day}") };
    Fact { state: Some(shape), whole: Some(text), ..fact(name, value) }
}

const RUNS_SHOWN: u16 = 8;
/// Most releases whose evidence the page reads for the first time; it counts no finding of the others.
const READ_MAX: usize = 12;
/// Characters of the day in a moment.
const DAY_CHARS: usize = 10;
/// Free space below which the fact is marked: 2 GiB.
const LOW_BYTES: u64 = 2 << 30;
