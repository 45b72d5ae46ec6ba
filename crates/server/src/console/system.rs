//! The system: the server's health, its queues and streams with their limits, the data directory, versions, and the machines
//! that it hears.
//!
//! Invariant: sizes and counts of the whole installation are for every reader, as in the frame; counts of what happens in projects
//! are only for readers of every project.

use review::{duration, place_words};
use web::model::{Badge, Fact, Sheet, SheetList, SheetRow, SheetTable, State};
use web::parts::bytes;
use wire::MachineView;

use super::reading::Reading;
use super::sheets::cell;
use super::situation::Situation;
use super::words::{badge, command, command_for, fact};
use super::{capacity, machines, sheets};
use crate::figures::{Figure, figures, visible};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::quotas::Limits;

/// The server's health, as `/readyz` and the disk tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Health {
    /// Whether the writer accepts commands.
    accepts: bool,
    /// Whether there is space for every command.
    has_space: bool,
    /// Number of entries that do not fit the state.
    misfits: u64,
}

/// The page.
///
/// # Errors
/// `Failure` if the ledger or the views cannot be read.
pub fn system(at: &Reading<'_>) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    let situation = Situation::read(at, &state)?;
    let reads_all = at.caller.reads_everything(&state, at.now);
    let shown = visible(figures(at.shared)?, reads_all);
    let root = at.shared.gatekeeper.root(&state)?;
    let health = Health {
        accepts: at.shared.intake.is_alive(),
        has_space: at.shared.gatekeeper.disk_space().has_space(),
        misfits: state.misfits,
    };
    let (headline, state_badge) = headline(health);
    let up = value(&shown, "up_seconds");
    Ok(Sheet {
        headline,
        badge: Some(state_badge),
        sub: vec![
            format!("countersign {}", env!("CARGO_PKG_VERSION")),
            format!("up for {}", duration::words(up.saturating_mul(1_000))),
            format!("rules {}", domain::RULES),
        ],
        tables: vec![capacity::table(&root, &state, &at.shared.attendance, reads_all), table(&shown)],
        lists: vec![mend(health, &shown), roles(&situation)],
        facts: vec![
            ("Asked from outside".to_owned(), addresses()),
            ("Limits in force".to_owned(), limits(at.shared.gatekeeper.limits())),
        ],
        ..Sheet::default()
    })
}

/// How the server stands, the worst first.
fn headline(health: Health) -> (String, Badge) {
    let (words, state, word) = match health {
        Health { accepts: false, .. } => (
            "The writer has stopped: no command is accepted, and pages show what was recorded before",
            State::Stop,
            "stopped",
        ),
        Health { misfits: 1.., .. } => (
            "Entries of the ledger do not fit the state: have it audited before anything is released",
            State::Stop,
            "unsound",
        ),
        Health { has_space: false, .. } => {
            ("The disk is full: only what stops something is accepted", State::Stop, "disk full")
        }
        _ => ("The server accepts commands", State::Pass, "ready"),
    };
    (words.to_owned(), badge(state, word))
}

fn value(figures: &[Figure], name: &str) -> u64 {
    figures.iter().find(|figure| figure.name == name).map_or(0, |figure| figure.value)
}

fn table(figures: &[Figure]) -> SheetTable {
    let row = |figure: &Figure| {
        let near = figure.most.filter(|most| figure.value.saturating_mul(10) >= most.saturating_mul(8));
        let mut now = cell(amount(figure.name, figure.value));
        now.badge = near.map(|_| badge(State::Wait, "nearly full"));
        let limit = figure.most.map_or_else(|| "none".to_owned(), |most| most.to_string());
        vec![cell(figure.help), now, cell(limit), cell(format!("countersign_{}", figure.name))]
    };
    SheetTable {
        title: "Figures".to_owned(),
        columns: ["Figure", "Now", "Limit", "Name in /metrics"].map(str::to_owned).to_vec(),
        rows: figures.iter().map(row).collect(),
        more: 0,
        empty: String::new(),
        fill: None,
    }
}

/// A value in the unit that its name ends with.
fn amount(name: &str, value: u64) -> String {
    if name.ends_with("_seconds") {
        return duration::words(value.saturating_mul(1_000));
    }
    if name.ends_with("_bytes") {
        return bytes(value);
    }
    value.to_string()
}

/// Everything that is wrong, each with the command that mends it.
fn mend(health: Health, figures: &[Figure]) -> SheetList {
    let row = |state, word: &str, title: &str, note: String, line: &str, who: &str| SheetRow {
        badge: Some(badge(state, word)),
        notes: vec![note],
        commands: vec![command_for(line, who)],
        ..sheets::row(title)
    };
    let owner = "the owner of the data directory";
    let mut rows = Vec::new();
    if !health.accepts {
        let note = "see the server's log for the reason, then start it again".to_owned();
        rows.push(row(State::Stop, "stopped", "The writer has stopped", note, "countersign server", owner));
    }
    if health.misfits > 0 {
        let note = format!("{} do not fit", shown::counted(size(health.misfits), "entry", "entries"));
        let title = "The ledger is unsound";
        rows.push(row(State::Stop, "unsound", title, note, "countersign audit verify --data DIR", owner));
    }
    if !health.has_space {
        let note = "everything continues by itself once there is space".to_owned();
        rows.push(row(State::Stop, "disk full", "Free space on the server's disk", note, "df -h DIR", owner));
    }
    let entries = value(figures, "ledger_entries");
    let behind = entries.saturating_sub(value(figures, "views_entries"));
    if behind > 0 {
        let note = format!("{} behind the ledger", shown::counted(size(behind), "entry", "entries"));
        let line = "countersign audit verify --rebuild-views --data DIR";
        rows.push(row(State::Wait, "behind", "The tables of the pages are behind", note, line, owner));
    }
    let unwitnessed = entries.saturating_sub(value(figures, "ledger_witnessed_entries"));
    if unwitnessed > UNWITNESSED_MAX {
        let note = format!(
            "{} are not witnessed: see that the witnesses are up",
            shown::counted(size(unwitnessed), "entry", "entries")
        );
        rows.push(row(
            State::Wait,
            "not witnessed",
            "Witnesses are behind",
            note,
            "countersign status",
            "anybody who reads",
        ));
    }
    SheetList {
        title: "To mend".to_owned(),
        rows,
        more: 0,
        empty: "Nothing of the server has to be mended.".to_owned(),
        fill: Some(command("countersign audit verify --data DIR")),
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The roles: this process, and the machines that it hears.
fn roles(situation: &Situation) -> SheetList {
    let row = |title: String, badge: Badge, note: String| SheetRow {
        badge: Some(badge),
        notes: vec![note],
        ..sheets::row(title)
    };
    let here = "the only writer, judge and planner, views, and the pages".to_owned();
    let mut rows = vec![row("server".to_owned(), badge(State::Pass, "this process"), here)];
    let machine =
        |title: String, one: &MachineView| row(title, machines::presence(one), machines::heard(one));
    let runners = situation.runners.iter();
    rows.extend(runners.map(|one| machine(format!("runner {}", one.name), one)));
    rows.extend(situation.agents().map(|(view, one)| {
        let said = [Some(machines::heard(one)), place_words::turn_text(view, &one.name)];
        let said: Vec<_> = said.into_iter().flatten().collect();
        row(format!("agent {} of {}", one.name, view.place), machines::presence(one), said.join("; "))
    }));
    sheets::list("Roles", rows, ROWS_MAX, "")
}

fn addresses() -> Vec<Fact> {
    vec![
        fact("/healthz", "whether the process lives"),
        fact("/readyz", "whether commands are accepted and the ledger can be read"),
        fact("/metrics", "these figures, in OpenMetrics"),
    ]
}

fn limits(limits: &Limits) -> Vec<Fact> {
    vec![
        fact("Runs of a project", limits.runs_per_project.to_string()),
        fact("Runs of a person", limits.runs_per_person.to_string()),
        fact("Stored for a project", format!("{} MiB", limits.stored_mib_per_project)),
        fact("Stored for a person", format!("{} MiB", limits.stored_mib_per_person)),
        fact("Statements of a person", limits.statements_per_person.to_string()),
        fact("Statements for a place", limits.statements_per_place.to_string()),
        fact("Refusals in a minute", limits.refusals_per_minute.to_string()),
        fact("Live log of a run", format!("{} MiB", limits.live_log_mib_per_run)),
        fact("A runner is gone after", format!("{} min", limits.runner_gone_minutes)),
    ]
}

/// Entries without a witness that are usual between two rounds.
const UNWITNESSED_MAX: u64 = 64;
/// Most roles.
const ROWS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "test code")]

    use super::{Health, headline, mend};

    const WELL: Health = Health { accepts: true, has_space: true, misfits: 0 };

    #[test]
    fn each_state_of_the_server_has_its_sentence_and_its_command() {
        for (health, said, word, lines) in [
            (WELL, "The server accepts commands", "ready", vec![]),
            (
                Health { accepts: false, ..WELL },
                "The writer has stopped",
                "stopped",
                vec!["countersign server"],
            ),
            (
                Health { misfits: 1, ..WELL },
                "Entries of the ledger do not fit",
                "unsound",
                vec!["countersign audit verify --data DIR"],
            ),
            (Health { has_space: false, ..WELL }, "The disk is full", "disk full", vec!["df -h DIR"]),
            (
                Health { accepts: false, has_space: false, misfits: 2 },
                "The writer has stopped",
                "stopped",
                vec!["countersign server", "countersign audit verify --data DIR", "df -h DIR"],
            ),
        ] {
            let (text, badge) = headline(health);
            assert!(text.starts_with(said), "{text}");
            assert_eq!(badge.word, word);
            let rows = mend(health, &[]).rows;
            let commands: Vec<_> = rows.iter().map(|row| row.commands[0].line.as_str()).collect();
            assert_eq!(commands, lines);
        }
    }
}
