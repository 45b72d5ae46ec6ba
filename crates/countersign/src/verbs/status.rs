//! `countersign status`: the installation as its server sees it: places, runs, obstacles to releases, expiry dates.

use std::collections::BTreeSet;

use clap::Args;
use client::clock::now;
use client::kept_enrolment;
use client::pending::{self, PendingGate};
use client::profile::Profile;
use client::session;
use evidence::trust_root::Mode;
use evidence::{Name, Place};
use review::ending::{self, Ending, Sources, named};
use review::ids::short;
use review::summary::assurance;
use review::{outcome, place_words, rollout_words, witnesses};
use serde::Serialize;
use wire::{
    CheckView, FreezeView, Installation, MachineView, PlaceView, ReleaseKind, ReleaseStage, ReleaseView,
    RunFilter, RunView, StatementState, StatementView,
};

use super::status_compare::{self, Other};
use super::status_drift;
use super::status_unsent::{self, Unsent};
use super::{DataDir, release, runtime, status_release};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT, to show one release in full; default: the whole installation in short.
    place: Option<Place>,
    /// Number of the release; default: the pending release, else the running one.
    #[arg(value_parser = release, requires = "place")]
    release: Option<u64>,
    /// Another release of the service, PLACE@NUMBER or a number at the same place: show everything that differs from it, instead.
    #[arg(long, value_name = "OTHER", value_parser = Other::read, requires = "place")]
    compare: Option<Other>,
}

/// Reads the server's views and prints them.
pub fn run(verb: &Status, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    if let (Some(place), Some(other)) = (&verb.place, &verb.compare) {
        return status_compare::run(&access, place, verb.release, other, output);
    }
    if let Some(place) = &verb.place {
        return status_release::run(&access, place, verb.release, output);
    }
    let client = session::client(&access)?;
    let runtime = runtime()?;
    let (installation, places, runs) = runtime.block_on(async {
        Ok::<_, Failure>((
            client.installation().await?,
            client.places().await?,
            client.runs(&RunFilter::default()).await?,
        ))
    })?;
    let of = Sources {
        root: installation.root_expires,
        status: installation.status.as_ref(),
        people: &installation.people,
        places: &places,
        // The command reads no evidence of what runs, so it calls no statement idle.
        idle: &BTreeSet::new(),
    };
    let ending = ending::soon(of, now()?).iter().map(Ending::line).collect();
    // The server's owner may look without a profile; only a pin of this installation can judge its evidence.
    let mine = Profile::near(&access)?.filter(|mine| mine.installation == installation.installation);
    let unsent = mine.as_ref().map(|mine| status_unsent::find(mine, &installation)).transpose()?.flatten();
    if let Some(mine) = &mine {
        // For a rollback while no server answers. A failure here is mended by the next time.
        drop(runtime.block_on(kept_enrolment::refresh(&client, mine, &installation)));
    }
    let gates = match mine {
        Some(mine) => runtime.block_on(pending::gates(&mine, &client, &places)),
        None => Vec::new(),
    };
    let report = StatusReport { installation, places, gates, runs, ending, unsent };
    output.print(&report, |report| {
        let gates: Vec<_> = report.gates.iter().flat_map(PendingGate::lines).collect();
        format!(
            "{}{}{}{}{}{}{}{}{}",
            text(&report.installation),
            section("unknown to the server", &report.unsent.iter().map(Unsent::line).collect::<Vec<_>>()),
            stopped(&report.installation, &report.places),
            section("drift", &status_drift::lines(&report.places)),
            places_text(&report.places),
            section("statements", &statements(&report.places)),
            section("gates of pending releases", &gates),
            runs_text(&report.runs, &report.places),
            section("ends soon", &report.ending)
        )
    })
}

#[derive(Debug, Serialize)]
struct StatusReport {
    #[serde(flatten)]
    installation: Installation,
    places: Vec<PlaceView>,
    /// Pending releases: what their scanners and tests found, and the reasons of their gates.
    gates: Vec<PendingGate>,
    runs: Vec<RunView>,
    /// Statements that expire within two weeks, and how to renew them.
    ending: Vec<String>,
    /// A newer status than the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsent: Option<Unsent>,
}

fn section(title: &str, lines: &[String]) -> String {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    if lines.is_empty() { lines } else { format!("{title}:\n{lines}") }
}

/// Obstacles to releases: freezes, bars, machines that are gone.
fn stopped(seen: &Installation, places: &[PlaceView]) -> String {
    let frozen = seen.frozen.iter().map(|freeze| {
        let held = places.iter().filter(|view| {
            let at = &view.place;
            freeze.covers(&at.project, &at.service, &at.environment)
        });
        let held: Vec<_> = held.filter_map(|view| Some((view, view.open.as_ref()?))).collect();
        let held: String = held
            .iter()
            .map(|(view, open)| format!("; {} holds release {}", view.place, open.release))
            .collect();
        let began = seen.freezes.iter().find(|view| view.freeze == *freeze).map(begun).unwrap_or_default();
        format!("{freeze} is frozen{began}, until `countersign unfreeze {freeze}`{held}")
    });
    let barred = seen.barred.iter().map(|digest| format!("{digest} is barred from running anywhere"));
    let bars = places.iter().flat_map(|view| view.rolled_back.iter().map(move |bar| (view, bar)));
    let bars = bars.map(|(view, bar)| {
        let commit = short(bar.commit.as_str());
        format!(
            "{}; `countersign run --again {commit}` releases it again while no newer commit runs in the first environment",
            place_words::rolled_back(view, bar)
        )
    });
    let failed = places.iter().flat_map(|view| view.bars.iter().map(move |bar| (view, bar)));
    let failed = failed.map(|(view, bar)| place_words::barred(view, bar));
    let machine = |kind: &str, machine: &MachineView| {
        let silent = machine.silent_seconds;
        format!("{kind} {} is gone: it has not asked for work for {silent} seconds", machine.name)
    };
    let runners =
        seen.runners.iter().filter(|runner| outcome::is_gone(runner)).map(|runner| machine("runner", runner));
    let agents = places.iter().flat_map(|view| view.agents.iter().map(move |agent| (view, agent)));
    let agents = agents.filter(|(_, agent)| outcome::is_gone(agent));
    let agents = agents.map(|(view, agent)| machine(&format!("{}: agent", view.place), agent));
    let unwitnessed = seen.witnesses.and_then(witnesses::missing);
    let unwitnessed = unwitnessed.map(|what| format!("{what}; {}", witnesses::REMEDY));
    let frozen = unwitnessed.into_iter().chain(frozen);
    let lines: Vec<_> = frozen.chain(barred).chain(bars).chain(failed).chain(runners).chain(agents).collect();
    section("stopped", &lines)
}

/// The person who froze a place, and the time.
fn begun(view: &FreezeView) -> String {
    let by = view.by.as_ref().map_or_else(String::new, |by| match &by.name {
        Some(name) => format!(" by {}", shown::line(name)),
        None => format!(" by person {}", by.person),
    });
    format!("{by} since {}", view.time)
}

fn places_text(places: &[PlaceView]) -> String {
    let line = |view: &PlaceView| {
        let running = view.running.as_ref().map_or_else(
            || "nothing runs".to_owned(),
            |now| {
                let since = now.since.map(|since| format!(" since {since}")).unwrap_or_default();
                format!("runs release {} of commit {}{since}", now.release, short(now.commit.as_str()))
            },
        );
        let open = view.open.as_ref().map_or_else(String::new, |open| {
            let rejected = match open.rejections {
                0 => String::new(),
                count => format!(", {}", shown::many(count, "rejection")),
            };
            let rollout = rollout_words::line(view).map_or_else(String::new, |line| format!(", {line}"));
            format!(
                "; release {} of commit {} is {}, {}{rejected}{rollout}",
                open.release,
                short(open.commit.as_str()),
                open.stage,
                shown::many(open.approvals, "approval")
            )
        });
        let rollback = view.rollback.map(|number| format!("; rollback {number} is due")).unwrap_or_default();
        let due = place_words::due_for_review(view);
        let is_told = |release: u64| due.is_some_and(|due| due.release == Some(release));
        let last = view.last.as_ref().filter(|last| !last.reasons.is_empty() && !is_told(last.release));
        let review = due.map_or_else(String::new, |due| {
            let number = due.release.unwrap_or_default();
            let codes = place_words::review_codes(&due.reasons);
            format!("; due for review since release {number} {}: {codes}", due.stage)
        });
        let last = last.map_or_else(String::new, |last| {
            format!("; last: release {} {}, {}", last.release, last.outcome, last.reasons.join(", "))
        });
        let frozen = if view.frozen { "; frozen" } else { "" };
        let windows = view.windows.as_ref().map(place_words::windows_text);
        let windows = windows.map_or_else(String::new, |text| format!("; {text}"));
        let service = view.service.as_ref().map_or_else(String::new, place_words::service_text);
        let secrets = view.service.as_ref().map_or_else(String::new, place_words::secrets_text);
        let checks = checks_text(&view.checks);
        let turns = place_words::turns_text(view);
        format!(
            "{}: {running}{checks}{open}{rollback}{turns}{last}{review}{frozen}{windows}{service}{secrets}",
            view.place
        )
    };
    section("places", &places.iter().map(line).collect::<Vec<_>>())
}

/// Statements of people, each once: a scope may cover many places.
fn statements(places: &[PlaceView]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all = places.iter().flat_map(|view| view.statements.iter().map(move |stated| (view, stated)));
    let line = |(view, stated): (&PlaceView, &StatementView)| {
        let by =
            stated.by.name.as_ref().map_or_else(|| stated.by.person.to_string(), |name| shown::line(name));
        let content = stated.content.as_ref();
        let scope = content.map_or_else(|| view.place.to_string(), |content| content.scope.to_string());
        let summary =
            content.map_or_else(|| "not readable".to_owned(), |content| shown::line(&content.summary));
        let state = match stated.state {
            StatementState::InForce => format!("until {}", stated.until),
            StatementState::Later => format!("from {} until {}", stated.begins, stated.until),
            StatementState::Ended => format!("ended at {}", stated.until),
            StatementState::Withdrawn => "withdrawn".to_owned(),
        };
        format!(
            "{} for {scope} by {by}: {summary}; {state} ({})",
            stated.kind,
            short(&stated.statement.hex())
        )
    };
    all.filter(|(_, stated)| seen.insert(stated.statement)).map(line).collect()
}

/// The checks of the running release; a state that not all runners share names the runner.
fn checks_text(checks: &[CheckView]) -> String {
    let states = |name: &Name| -> BTreeSet<String> {
        checks.iter().filter(|check| check.name == *name).map(|check| check.state.to_string()).collect()
    };
    let names: BTreeSet<&Name> = checks.iter().map(|check| &check.name).collect();
    let of = |name: &&Name| {
        let states = states(name);
        match states.len() {
            1 => format!("{name} {}", states.into_iter().collect::<String>()),
            _ => {
                let each = checks.iter().filter(|check| check.name == **name);
                let each = each.map(|check| format!("{} on {}", check.state, check.runner));
                format!("{name} {}", each.collect::<Vec<_>>().join(" and "))
            }
        }
    };
    let lines: Vec<_> = names.iter().map(of).collect();
    if lines.is_empty() { String::new() } else { format!("; checks: {}", lines.join(", ")) }
}

/// The stage of a release, or its outcome.
fn stage_of(release: &ReleaseView, places: &[PlaceView]) -> String {
    let view = places.iter().find(|view| view.place == release.place);
    let now = view.and_then(|view| view.running.as_ref());
    let runs = now.is_some_and(|now| now.run == release.run && now.artifact == release.artifact);
    let mut bars = view.into_iter().flat_map(|view| &view.rolled_back);
    match (release.stage, release.by_rollback) {
        (ReleaseStage::Running, _) if release.replaced && runs => "running again after a rollback".into(),
        (ReleaseStage::Running, _) if release.replaced => {
            match bars.find(|bar| Some(bar.release) == release.release) {
                Some(bar) => format!("rolled back by rollback {}", bar.by),
                None => "replaced".into(),
            }
        }
        (ReleaseStage::Superseded, Some(rollback)) => format!("ended by rollback {rollback}"),
        (stage, _) => stage.to_string(),
    }
}

/// The codes of what a policy warned of.
fn warned(release: &ReleaseView) -> String {
    if release.warnings.is_empty() {
        return String::new();
    }
    format!(" (warnings: {})", release.warnings.join(", "))
}

/// The newest runs, each with its outcome at its places.
fn runs_text(runs: &[RunView], places: &[PlaceView]) -> String {
    let line = |view: &RunView| {
        let commit = short(view.commit.as_str());
        let released = view
            .releases
            .iter()
            .rev()
            .filter(|release| release.run == view.run && release.kind == ReleaseKind::Release);
        // Only the newest release of each place is shown.
        let mut newest: Vec<&ReleaseView> = Vec::new();
        for release in released {
            if !newest.iter().any(|known| known.place == release.place) {
                newest.push(release);
            }
        }
        newest.sort_by_key(|release| places.iter().position(|view| view.place == release.place));
        let stages = newest.iter().map(|release| {
            format!("; {} {}{}", release.place.environment, stage_of(release, places), warned(release))
        });
        format!("{}  {} of {} at {commit}{}", view.run, view.state, view.project, stages.collect::<String>())
    };
    section("runs, the latest first", &runs.iter().take(RUNS_SHOWN).map(line).collect::<Vec<_>>())
}

fn text(seen: &Installation) -> String {
    let status = seen.status.as_ref().map_or_else(
        || "none".to_owned(),
        |status| format!("number {}, until {}", status.number, status.expires),
    );
    let people = seen.people.iter().map(|person| {
        let roles: Vec<_> = person.roles.iter().map(ToString::to_string).collect();
        let keys: Vec<_> = person.keys.iter().map(|key| key.get(..KEY_CHARS).unwrap_or(key)).collect();
        let (roles, keys) = (roles.join(", "), keys.join(", "));
        format!("  {}  {roles}  keys {keys}  until {}\n", named(person), person.expires)
    });
    let mode: Mode = seen.mode;
    let until = seen.root_expires.map(|end| format!(", until {end}")).unwrap_or_default();
    format!(
        "installation {}\nmode: {}\ntrust root: version {}, {}{until}\nledger: {} entries, {} misfits, origin {}\nstatus: {status}\npeople:\n{}",
        seen.installation,
        assurance(mode),
        seen.root_version,
        seen.root,
        seen.entries,
        seen.misfits,
        seen.origin,
        people.collect::<String>()
    )
}

/// Enough characters of a fingerprint to distinguish keys: `SHA256:` and eight more.
const KEY_CHARS: usize = 15;
/// Most runs that are shown to people.
const RUNS_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use wire::CheckView;

    use super::checks_text;

    #[test]
    fn checks_are_told_once_unless_runners_differ() {
        let check = |name: &str, runner: &str, state: &str| CheckView {
            name: name.parse().unwrap(),
            runner: runner.parse().unwrap(),
            state: state.parse().unwrap(),
        };
        assert_eq!(checks_text(&[]), "");
        let all = [
            check("attack", "runner-1", "passed"),
            check("attack", "runner-2", "passed"),
            check("smoke", "runner-1", "passed"),
            check("smoke", "runner-2", "due"),
        ];
        let said = "; checks: attack passed, smoke passed on runner-1 and due on runner-2";
        assert_eq!(checks_text(&all), said);
    }
}
