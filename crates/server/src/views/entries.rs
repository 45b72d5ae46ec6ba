//! Entries of the ledger as rows.
//!
//! Invariant: rows follow from the entries alone, in their order.

use domain::Event;
use domain::build::RunOutcome;
use evidence::entry::{Actor, Entry, Header};
use evidence::report::ReleaseOutcome;
use evidence::{Digest, Name, Place};
use ledger::Reader;
use rusqlite::{Connection, params};
use wire::{RunState, WorkState};

use super::columns::signed;
use super::error::ViewError;
use super::releases::EntryPosition;
use super::{alerts, figures, freezes, inventory, moments, records, releases, search, statements};
use crate::caller::refused_of_none;

/// Applies the entries from the cursor to a number.
pub fn fill(connection: &mut Connection, reader: &Reader, until: u64) -> Result<(), ViewError> {
    let size = reader.head()?.frontier.size().min(until);
    loop {
        let from: i64 = connection.query_row("SELECT entries FROM cursor", [], |row| row.get(0))?;
        let from = u64::try_from(from).map_err(|_| ViewError::Entry("the cursor is damaged".into()))?;
        if from >= size {
            return Ok(());
        }
        let entries = reader.entries(from, size)?;
        let transaction = connection.transaction()?;
        for (entry, number) in entries.iter().zip(from..) {
            apply(&transaction, number, entry)?;
        }
        let now = from + entries.len() as u64;
        transaction.execute("UPDATE cursor SET entries = ?1", params![signed(now)])?;
        transaction.commit()?;
    }
}

/// Applies one entry.
pub fn apply(rows: &Connection, number: u64, entry: &Entry) -> Result<(), ViewError> {
    let unsound = |error: &dyn std::fmt::Display| ViewError::Entry(format!("entry {number}: {error}"));
    let header = Header::decode(&entry.header).map_err(|error| unsound(&error))?;
    let event = Event::read(&header.kind, &entry.facts).map_err(|error| unsound(&error))?;
    let time = header.time.to_string();
    let project = project_of(header.project.as_ref(), &event);
    let refused = refused_of_none(project, &event).map_or_else(String::new, |person| person.to_string());
    for blob in &header.blobs {
        rows.prepare_cached("INSERT OR IGNORE INTO named (blob, project, refused) VALUES (?1, ?2, ?3)")?
            .execute(params![blob.as_bytes(), project.map_or("", Name::as_str), refused])?;
    }
    let position = EntryPosition { number, time: &time };
    releases::apply(rows, position, &event)?;
    moments::apply(rows, position, &event)?;
    inventory::apply(rows, position, &event)?;
    statements::apply(rows, number, &event)?;
    records::apply(rows, number, (&header, &event, entry))?;
    alerts::apply(rows, number, (&header, &event, entry))?;
    search::apply(rows, number, &header, (project, &refused), (&event, &entry.facts.bytes))?;
    if let Event::StatusSet(status) = &event {
        freezes::apply(rows, number, &time, &header.actor, status)?;
    }
    match event {
        Event::Taken(taken) => {
            rows.execute(
                "INSERT OR REPLACE INTO source (run, requester, pack) VALUES (?1, ?2, ?3)",
                params![taken.run.to_string(), taken.requester.to_string(), taken.pack.to_string()],
            )?;
        }
        Event::Started(run) => started(rows, number, &time, &run)?,
        Event::Due(due) => {
            let (kind, name) = (due.work.kind(), due.work.label());
            rows.execute(
                "INSERT INTO work (run, entry, kind, name, runner, state, due) \
                 VALUES (?1, ?2, ?3, ?4, ?5, 'due', ?6)",
                params![due.run.to_string(), signed(number), kind, name, due.runner.as_str(), time],
            )?;
        }
        Event::Reported(report) => reported(rows, &time, &report)?,
        Event::Agreed(agreed) => {
            rows.execute(
                "UPDATE work SET state = (CAST(substr(state, 1, instr(state, ' ')) AS INTEGER) + 1) || \
                 substr(state, instr(state, ' ')), ended = ?3 WHERE run = ?1 AND kind = 'approval' AND name = ?2",
                params![agreed.run.to_string(), agreed.step.as_str(), time],
            )?;
        }
        Event::Built(built) => {
            rows.execute(
                "INSERT INTO artifact (run, name, manifest) VALUES (?1, ?2, ?3)",
                params![built.run.to_string(), built.name.as_str(), built.manifest.to_string()],
            )?;
        }
        Event::Ended(ended) => self::ended(rows, &header, &ended)?,
        Event::ChecksLost(ended) => unchecked(rows, &ended.place, ended.release, true)?,
        other => last(rows, number, &other)?,
    }
    Ok(())
}

/// The project of an entry. The first statements of places are recorded at the installation's start, without a project.
pub fn project_of<'a>(stated: Option<&'a Name>, event: &'a Event) -> Option<&'a Name> {
    match event {
        Event::EnvironmentSet(set) => Some(&set.place.project),
        _ => stated,
    }
}

fn started(rows: &Connection, number: u64, time: &str, run: &domain::build::Started) -> rusqlite::Result<()> {
    let services: Vec<_> = run.services.keys().map(Name::as_str).collect();
    // A run of the same number that had no outcome is no longer shown.
    rows.execute("DELETE FROM work WHERE run = ?1", params![run.run.to_string()])?;
    rows.execute("DELETE FROM artifact WHERE run = ?1", params![run.run.to_string()])?;
    rows.execute(
        "INSERT OR REPLACE INTO run (run, entry, project, commit_id, state, started, services, preview) \
         VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?6, ?7)",
        params![
            run.run.to_string(),
            signed(number),
            run.project.as_str(),
            run.commit.as_str(),
            time,
            services.join(" "),
            run.preview.as_ref().map(ToString::to_string)
        ],
    )?;
    for (step, plan) in run.steps.iter().filter(|(_, plan)| plan.approval.is_some()) {
        let count = plan.approval.as_ref().map_or(0, |approval| approval.count);
        let none = WorkState::Agreed { given: 0, needed: count }.to_string();
        rows.execute(
            "INSERT INTO work (run, entry, kind, name, runner, state, due) \
             VALUES (?1, ?2, 'approval', ?3, '', ?4, ?5)",
            params![run.run.to_string(), signed(number), step.as_str(), none, time],
        )?;
    }
    Ok(())
}

fn reported(rows: &Connection, time: &str, report: &domain::build::Reported) -> rusqlite::Result<()> {
    let (kind, name) = (report.work.kind(), report.work.label());
    let state = if report.passed { WorkState::Passed } else { WorkState::Failed };
    rows.execute(
        "UPDATE work SET state = ?1, log = ?2, ended = ?7, receipt = ?8 \
         WHERE run = ?3 AND kind = ?4 AND name = ?5 AND runner = ?6",
        params![
            state.to_string(),
            report.log.to_string(),
            report.run.to_string(),
            kind,
            name,
            report.runner.as_str(),
            time,
            report.envelope.to_string()
        ],
    )?;
    Ok(())
}

fn ended(rows: &Connection, header: &Header, ended: &domain::build::Ended) -> rusqlite::Result<()> {
    let state = match ended.outcome {
        RunOutcome::Passed => RunState::Passed,
        RunOutcome::Failed => RunState::Failed,
        RunOutcome::Lost => RunState::Lost,
        RunOutcome::Differed => RunState::Differed,
        RunOutcome::Cancelled => RunState::Cancelled,
    };
    let person = match (ended.outcome, &header.actor) {
        (RunOutcome::Cancelled, Actor::Person(person)) => Some(person.to_string()),
        _ => None,
    };
    let text = "UPDATE run SET state = ?1, person = ?3, ended = ?4 WHERE run = ?2";
    rows.execute(text, params![state.name(), ended.run.to_string(), person, header.time.to_string()])?;
    figures::count(rows, &ended.run.to_string(), &header.time.to_string())?;
    if let (RunOutcome::Lost, Some(work)) = (ended.outcome, &ended.because) {
        let (kind, name) = (work.kind(), work.label());
        // Without the runner's claim only the server vouches for it.
        let (state, runner) = match (&header.actor, header.particulars) {
            (Actor::Machine(runner), Some(_)) => (WorkState::GivenUp, runner.as_str()),
            _ => (WorkState::Lost, ""),
        };
        rows.execute(
            "UPDATE work SET state = ?4 WHERE run = ?1 AND kind = ?2 AND name = ?3 AND state = 'due' \
             AND ?5 IN (runner, '')",
            params![ended.run.to_string(), kind, name, state.to_string(), runner],
        )?;
    }
    Ok(())
}

/// Updates the latest event of a place.
fn last(rows: &Connection, number: u64, event: &Event) -> rusqlite::Result<()> {
    let (place, release, outcome, reasons, detail, bundle) = match event {
        Event::Judged(judged) => {
            let outcome = judged.outcome.name().to_owned();
            let (reasons, detail) = (judged.reasons.join(" "), Some(judged.verdict));
            (&judged.place, judged.release, outcome, reasons, detail, judged.bundle)
        }
        Event::AgentReported(report) => {
            if report.outcome == ReleaseOutcome::Running && report.part.is_none() {
                unchecked(rows, &report.place, report.release, false)?;
            }
            let outcome = report.outcome.name().to_owned();
            let reasons = report.reasons.join(" ");
            (&report.place, report.release, outcome, reasons, Some(report.envelope), None)
        }
        Event::Unplannable(unplannable) => {
            let outcome = "unplannable".to_owned();
            (&unplannable.place, 0, outcome, unplannable.code.clone(), None, None)
        }
        _ => return Ok(()),
    };
    let text = |digest: Option<Digest>| digest.map(|digest| digest.to_string());
    rows.execute(
        "INSERT OR REPLACE INTO last (place, entry, release, outcome, reasons, detail, bundle) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            place.to_string(),
            signed(number),
            signed(release),
            outcome,
            reasons,
            text(detail),
            text(bundle)
        ],
    )?;
    Ok(())
}

/// Ends the checks of a place that nobody will report: those of one release, or of all others than the one that runs.
fn unchecked(rows: &Connection, place: &Place, release: u64, is_of_release: bool) -> rusqlite::Result<()> {
    let (of_place, of_release) = checks_at(place, release);
    rows.execute(
        "UPDATE work SET state = ?1 WHERE kind = 'check' AND state = 'due' AND name LIKE ?2 || '%' \
         AND (name LIKE ?3 || '%') = ?4 AND run IN (SELECT run FROM run WHERE project = ?5)",
        params![WorkState::Lost.to_string(), of_place, of_release, is_of_release, place.project.as_str()],
    )?;
    Ok(())
}

/// How the labels of all checks at a place begin, and those of one release there.
fn checks_at(place: &Place, release: u64) -> (String, String) {
    let of_place = format!("{}.{}.", place.service, place.environment);
    let of_release = format!("{of_place}{release}.");
    (of_place, of_release)
}
