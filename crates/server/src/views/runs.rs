//! Questions about runs: their work, artifacts and releases, with times and the person who asked.

use std::collections::BTreeMap;

use domain::{PersonId, RunId};
use evidence::{CommitId, Digest, Moment, Name};
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use wire::{NamedPerson, RunState, RunView, WorkView};

use super::columns::parsed;
use super::releases;

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The run as the API shows it.
    pub view: RunView,
    /// Its start.
    pub started: Moment,
    /// Its end.
    pub ended: Option<Moment>,
    /// The person who asked for it.
    pub requester: Option<PersonId>,
    /// Digest of its source pack, a blob.
    pub pack: Option<Digest>,
    /// Times of its work, in the order of the view.
    pub spans: Vec<WorkSpan>,
}

/// Times of one piece of work on one runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkSpan {
    /// From this moment on it was due.
    pub due: Moment,
    /// The moment at which it was reported; of an approval node, the last agreement.
    pub ended: Option<Moment>,
    /// Digest of the receipt's envelope, a blob.
    pub receipt: Option<Digest>,
}

/// A selection of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSelection {
    /// Only runs of this commit; all if empty.
    pub commit: String,
    /// Only runs whose id begins with these digits; all if empty.
    pub begins: String,
    /// Most runs.
    pub most: u16,
}

/// The newest run that builds a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestRun {
    /// The run.
    pub run: RunId,
    /// Its state.
    pub state: RunState,
    /// Its commit.
    pub commit: CommitId,
}

/// The newest run that builds a service; `None` if none of the project's newest runs does.
pub fn newest_of_service(
    rows: &Connection,
    project: &Name,
    service: &Name,
) -> rusqlite::Result<Option<NewestRun>> {
    let question = "SELECT run, state, commit_id FROM (SELECT run, state, commit_id, services FROM run WHERE project = ?1 \
                    ORDER BY entry DESC LIMIT ?3) WHERE ' ' || services || ' ' LIKE '% ' || ?2 || ' %' LIMIT 1";
    let mut statement = rows.prepare_cached(question)?;
    let mut found = statement.query_map(params![project.as_str(), service.as_str(), LOOKED_MAX], |row| {
        Ok(NewestRun { run: parsed(row, 0)?, state: parsed(row, 1)?, commit: parsed(row, 2)? })
    })?;
    found.next().transpose()
}

/// Most runs of a project that are looked at for one of a service.
const LOOKED_MAX: i64 = 200;

/// One run.
pub fn one(rows: &Connection, run: RunId) -> rusqlite::Result<Option<RunRow>> {
    Ok(found(rows, "WHERE run.run = ?1", &[&run.to_string()])?.pop())
}

/// The project of a run.
pub fn project_of(rows: &Connection, run: RunId) -> rusqlite::Result<Option<Name>> {
    let question = "SELECT project FROM run WHERE run = ?1";
    rows.query_row(question, params![run.to_string()], |row| parsed(row, 0)).optional()
}

/// Digest of the source pack of a run, a blob.
pub fn pack_of(rows: &Connection, run: RunId) -> rusqlite::Result<Option<Digest>> {
    let question = "SELECT pack FROM source WHERE run = ?1";
    rows.query_row(question, params![run.to_string()], |row| parsed(row, 0)).optional()
}

/// Runs of readable projects, the newest first. A project with many runs hides no other project from readers of that
/// project alone, because the limit counts only what the reader may read.
pub fn newest(
    rows: &Connection,
    selection: &RunSelection,
    may: &dyn Fn(&Name) -> bool,
) -> rusqlite::Result<Vec<RunRow>> {
    let most = i64::from(selection.most);
    let mut newest: Vec<(i64, String)> = Vec::new();
    // The newest runs of each project come from an index, however many runs others have.
    let condition = match (selection.commit.is_empty(), selection.begins.is_empty()) {
        (false, _) => "project = ?1 AND commit_id = ?2 AND run LIKE ?3 || '%'",
        (true, false) => "run >= ?3 AND run < ?3 || '~' AND project = ?1",
        (true, true) => "project = ?1",
    };
    let text = format!("SELECT entry, run FROM run WHERE {condition} ORDER BY entry DESC LIMIT ?4");
    let mut statement = rows.prepare_cached(&text)?;
    for project in projects(rows)?.iter().filter(|project| may(project)) {
        let values = params![project.as_str(), selection.commit, selection.begins, most];
        let found = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        newest.extend(found.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    newest.sort_unstable_by(|one, other| other.cmp(one));
    newest.truncate(usize::from(selection.most));
    let runs: Vec<_> = newest.into_iter().map(|(_, run)| run).collect();
    let runs = serde_json::to_string(&runs).unwrap_or_default();
    found(rows, "WHERE run.run IN (SELECT value FROM json_each(?1)) ORDER BY entry DESC", &[&runs])
}

/// Projects that have runs. Each is one step in an index, which a list without repetitions would read whole.
fn projects(rows: &Connection) -> rusqlite::Result<Vec<Name>> {
    let mut statement = rows.prepare_cached(
        "WITH RECURSIVE known(name) AS (SELECT min(project) FROM run UNION ALL \
         SELECT (SELECT min(project) FROM run WHERE project > name) FROM known WHERE name IS NOT NULL) \
         SELECT name FROM known WHERE name IS NOT NULL",
    )?;
    let found = statement.query_map([], |row| parsed::<Name>(row, 0))?;
    found.collect()
}

fn found(rows: &Connection, condition: &str, keys: &[&str]) -> rusqlite::Result<Vec<RunRow>> {
    let text = format!(
        "SELECT run.run, project, commit_id, state, services, entry, person, started, ended, requester, pack, preview \
         FROM run LEFT JOIN source ON source.run = run.run {condition}"
    );
    let mut statement = rows.prepare_cached(&text)?;
    let runs = statement.query_map(params_from_iter(keys), |row| run(rows, row))?;
    runs.collect()
}

fn run(rows: &Connection, row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let run: String = row.get(0)?;
    let services: String = row.get(4)?;
    let (works, spans) = works(rows, &run)?.into_iter().unzip();
    let cancelled: Option<PersonId> = optional(row, 6)?;
    let view = RunView {
        works,
        artifacts: artifacts(rows, &run)?,
        releases: releases::of_run(rows, &run)?,
        entry: row.get::<_, i64>(5).map(|entry| u64::try_from(entry).unwrap_or_default())?,
        run: parsed(row, 0)?,
        project: parsed(row, 1)?,
        commit: parsed(row, 2)?,
        state: parsed(row, 3)?,
        services: services.split_whitespace().map(str::to_owned).collect(),
        cancelled_by: cancelled.map(|person| NamedPerson { person, name: None }),
        preview: optional(row, 11)?,
    };
    Ok(RunRow {
        view,
        started: parsed(row, 7)?,
        ended: optional(row, 8)?,
        requester: optional(row, 9)?,
        pack: optional(row, 10)?,
        spans,
    })
}

fn works(rows: &Connection, run: &str) -> rusqlite::Result<Vec<(WorkView, WorkSpan)>> {
    let mut statement = rows.prepare_cached(
        "SELECT kind, name, runner, state, log, due, ended, receipt FROM work WHERE run = ?1 \
         ORDER BY entry, name, runner",
    )?;
    let works = statement.query_map(params![run], |row| {
        let runner: String = row.get(2)?;
        let view = WorkView {
            kind: parsed(row, 0)?,
            name: row.get(1)?,
            runner: runner.parse().ok(),
            state: parsed(row, 3)?,
            log: optional(row, 4)?,
            running: false,
        };
        Ok((view, WorkSpan { due: parsed(row, 5)?, ended: optional(row, 6)?, receipt: optional(row, 7)? }))
    })?;
    works.collect()
}

fn artifacts(rows: &Connection, run: &str) -> rusqlite::Result<BTreeMap<String, Digest>> {
    let mut statement = rows.prepare_cached("SELECT name, manifest FROM artifact WHERE run = ?1")?;
    let found = statement.query_map(params![run], |row| Ok((row.get(0)?, parsed(row, 1)?)))?;
    found.collect()
}

/// A text column that may be empty, parsed.
fn optional<T: std::str::FromStr>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(at)?;
    text.map(|_| parsed(row, at)).transpose()
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params};

    use super::{LOOKED_MAX, newest_of_service};
    use crate::views::schema::SCHEMA;

    #[test]
    fn the_newest_run_of_a_service_is_found_behind_many_runs_of_another_one() {
        let rows = Connection::open_in_memory().unwrap();
        rows.execute_batch(SCHEMA).unwrap();
        let add = |entry: i64, services: &str| {
            let text = "INSERT INTO run (run, entry, project, commit_id, state, started, services) \
                        VALUES (?1, ?2, 'shop', ?3, 'passed', '2026-11-29T00:00:00.000Z', ?4)";
            let (run, commit) = (format!("{entry:032x}"), "ab".repeat(20));
            rows.execute(text, params![run, entry, commit, services]).unwrap();
        };
        let found = |service: &str| {
            let (project, service) = ("shop".parse().unwrap(), service.parse().unwrap());
            newest_of_service(&rows, &project, &service).unwrap().map(|newest| newest.run.to_string())
        };
        add(1, "web api");
        add(2, "web api-admin");
        assert_eq!(found("api"), Some(format!("{:032x}", 1)), "a name is not the beginning of another one");
        (3..=LOOKED_MAX).for_each(|entry| add(entry, "web"));
        assert_eq!(found("web"), Some(format!("{LOOKED_MAX:032x}")));
        assert_eq!(found("api"), Some(format!("{:032x}", 1)), "so many runs are looked at");
        add(1 + LOOKED_MAX, "web");
        assert_eq!(found("api"), None);
    }
}
