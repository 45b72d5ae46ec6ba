//! Operations for people who read: runs, places, evidence, and waiting for changes. They answer from views and state.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use domain::RunId;
use domain::gate::{AgentKey, EnvironmentSet};
use domain::release::{Current, Open, RolledBack, Stage};
use evidence::Place;
use evidence::approval::Decision;
use evidence::dsse::Envelope;
use evidence::receipt::Work;
use evidence::request::Request;
use evidence::statements::Statement;
use evidence::{Bytes, Digest, Name};
use judge::{Store as _, collect};
use rusqlite::{Connection, params, params_from_iter};
use serde::Deserialize;
use wire::{
    CheckView, LastOutcomeView, NamedPerson, PendingReleaseView, PlaceView, ProblemKind, RUNS_MAX,
    ReleaseStage, RollbackView, RunFilter, RunView, RunningReleaseView, StatementContent, StatementView,
    WorkState, WorkView,
};

use super::freshness::up_to_date;
use super::machines::waited;
use super::names::named;
use super::problem::Failure;
use super::requester::blocking;
use super::right;
use crate::attendance::MachineId;
use crate::caller::Caller;
use crate::clock;
use crate::dossier::{DossierError, attach_log_proofs};
use crate::shared::Shared;
use crate::views::{parsed, releases, statements};

/// One run.
pub async fn run(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(run): Path<String>,
) -> Result<Json<RunView>, Failure> {
    let run: RunId = run.parse().map_err(|error| Failure::new(ProblemKind::Malformed, format!("{error}")))?;
    let found = blocking(move || {
        up_to_date(&shared)?;
        let found = shared.views.ask(|rows| runs_where(rows, "WHERE run = ?1", &[&run.to_string()]));
        let mut first = found.map_err(Failure::failed)?.into_iter().next();
        first.iter_mut().for_each(|view| complete_run(&shared, view));
        first.iter().try_for_each(|view| right::of_project(&shared, &caller, &view.project))?;
        Ok(first)
    });
    found.await?.map(Json).ok_or_else(|| {
        Failure::new(ProblemKind::NotFound, "there is no such run; `countersign status` shows the runs")
    })
}

/// The newest runs that the caller may read, the latest first.
pub async fn runs(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Query(RunFilter { project, commit, begins, limit }): Query<RunFilter>,
) -> Result<Json<Vec<RunView>>, Failure> {
    if !begins.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Failure::new(ProblemKind::Malformed, format!("no id of a run begins with `{begins}`")));
    }
    let most = limit.unwrap_or(RUNS_SHOWN).min(RUNS_MAX);
    let found = blocking(move || {
        up_to_date(&shared)?;
        let (state, now) = (shared.intake.state(), clock::now());
        let may = |of: &Name| {
            project.as_ref().is_none_or(|project| project == of) && caller.may_read(of, &state, now)
        };
        let commit = commit.map(|commit| commit.to_string()).unwrap_or_default();
        let found = shared.views.ask(|rows| newest_runs(rows, &commit, &begins, most, &may));
        let mut found = found.map_err(Failure::failed)?;
        found.iter_mut().for_each(|view| complete_run(&shared, view));
        Ok(found)
    });
    Ok(Json(found.await?))
}

/// Adds names and running work, which no view holds.
fn complete_run(shared: &Shared, view: &mut RunView) {
    if let Some(by) = &mut view.cancelled_by {
        *by = named(shared, by.person);
    }
    let state = shared.intake.state();
    for work in view.works.iter_mut().filter(|work| work.state == WorkState::Due) {
        let Some(runner) = &work.runner else { continue };
        let mut due = state.outstanding(runner).filter(|due| due.run == view.run);
        let is_it =
            |due: &&domain::build::Due| due.work.kind() == work.kind.name() && due.work.label() == work.name;
        work.running = due.find(is_it).is_some_and(|due| shared.attendance.is_at(runner, &due.nonce));
    }
}

/// Runs of readable projects. The limit counts for each project, so that a busy project hides no other.
fn newest_runs(
    rows: &Connection,
    commit: &str,
    begins: &str,
    most: u16,
    may: &dyn Fn(&Name) -> bool,
) -> rusqlite::Result<Vec<RunView>> {
    let mut statement = rows.prepare("SELECT DISTINCT project FROM run")?;
    let projects = statement.query_map([], |row| parsed::<Name>(row, 0))?;
    let mut readable = projects.collect::<rusqlite::Result<Vec<_>>>()?;
    readable.retain(may);
    let among = serde_json::to_string(&readable).unwrap_or_default();
    let newest = "WHERE project IN (SELECT value FROM json_each(?1)) AND (?2 = '' OR commit_id = ?2) \
                  AND run LIKE ?3 || '%' ORDER BY entry DESC LIMIT CAST(?4 AS INTEGER)";
    runs_where(rows, newest, &[&among, commit, begins, &most.to_string()])
}

const RUNS_SHOWN: u16 = 50;

fn runs_where(rows: &Connection, condition: &str, keys: &[&str]) -> rusqlite::Result<Vec<RunView>> {
    let text = format!("SELECT run, project, commit_id, state, services, entry, person FROM run {condition}");
    let mut statement = rows.prepare(&text)?;
    let runs = statement.query_map(params_from_iter(keys), |row| {
        let run: String = row.get(0)?;
        let services: String = row.get(4)?;
        let person: Option<String> = row.get(6)?;
        let person = person.and_then(|person| person.parse().ok());
        Ok(RunView {
            works: works(rows, &run)?,
            artifacts: artifacts(rows, &run)?,
            releases: releases::of_run(rows, &run)?,
            entry: row.get::<_, i64>(5).map(|entry| u64::try_from(entry).unwrap_or_default())?,
            run: parsed(row, 0)?,
            project: parsed(row, 1)?,
            commit: parsed(row, 2)?,
            state: parsed(row, 3)?,
            services: services.split_whitespace().map(str::to_owned).collect(),
            cancelled_by: person.map(|person| NamedPerson { person, name: None }),
        })
    })?;
    runs.collect()
}

fn works(rows: &Connection, run: &str) -> rusqlite::Result<Vec<WorkView>> {
    let text = "SELECT kind, name, runner, state, log FROM work WHERE run = ?1 ORDER BY entry, name, runner";
    let mut statement = rows.prepare(text)?;
    let works = statement.query_map(params![run], |row| {
        let runner: String = row.get(2)?;
        let log: Option<String> = row.get(4)?;
        Ok(WorkView {
            kind: parsed(row, 0)?,
            name: row.get(1)?,
            runner: runner.parse().ok(),
            state: parsed(row, 3)?,
            log: log.and_then(|log| log.parse().ok()),
            running: false,
        })
    })?;
    works.collect()
}

fn artifacts(rows: &Connection, run: &str) -> rusqlite::Result<BTreeMap<String, Digest>> {
    let mut statement = rows.prepare("SELECT name, manifest FROM artifact WHERE run = ?1")?;
    let found = statement.query_map(params![run], |row| Ok((row.get(0)?, parsed(row, 1)?)))?;
    found.collect()
}

/// The current view of every place.
pub async fn places(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<PlaceView>>, Failure> {
    let found = blocking(move || {
        up_to_date(&shared)?;
        let (state, now) = (shared.intake.state(), clock::now());
        let facts = state.gate.environments().map(|environment| &environment.facts);
        let readable = facts.filter(|facts| caller.may_read(&facts.place.project, &state, now));
        readable.map(|facts| place(&shared, &state, facts)).collect()
    });
    Ok(Json(found.await?))
}

fn place(shared: &Shared, state: &domain::State, facts: &EnvironmentSet) -> Result<PlaceView, Failure> {
    let standing = state.release.at(&facts.place).cloned().unwrap_or_default();
    let at = &facts.place;
    let running = |now: &Option<Current>| {
        let view = now.as_ref().map(|now| shared.views.ask(|rows| running_view(rows, at, now)));
        view.transpose().map_err(Failure::failed)
    };
    let agent = |agent: &AgentKey| shared.attendance.of(&MachineId::Agent(agent.name.clone(), at.clone()));
    let earlier: Result<Vec<_>, Failure> = standing
        .earlier
        .iter()
        .map(|now| shared.views.ask(|rows| running_view(rows, at, now)).map_err(Failure::failed))
        .collect();
    let now = standing.running.as_ref();
    Ok(PlaceView {
        place: at.clone(),
        after: facts.after.clone(),
        automatic: facts.automatic,
        statement: facts.number,
        envelope: facts.envelope,
        base: now.map_or_else(|| facts.baseline.clone(), |now| now.commit.clone()),
        running: running(&standing.running)?,
        before: running(&standing.before)?,
        earlier: earlier?,
        open: standing.open.as_ref().map(|open| open_view(state, open)),
        wanted: standing.wanted.is_some(),
        last: shared.views.ask(|rows| last(rows, at)).map_err(Failure::failed)?,
        releases: shared.views.ask(|rows| releases::at_place(rows, at)).map_err(Failure::failed)?,
        rollback: standing.returning.as_ref().map(|(returning, _)| returning.release),
        rolled_back: standing
            .rolled_back
            .iter()
            .map(|bar| rolled_back(shared, at, bar))
            .collect::<Result<_, _>>()?,
        frozen: state.identity.is_frozen(at),
        agents: facts.agents.iter().map(agent).collect(),
        service: shared.services.view(at),
        checks: state.check.at(at).map(checks).unwrap_or_default(),
        statements: stated(shared, at)?,
    })
}

/// Statements of people whose scope covers a place.
fn stated(shared: &Shared, at: &Place) -> Result<Vec<StatementView>, Failure> {
    let found = shared.views.ask(|rows| statements::at(rows, at, clock::now())).map_err(Failure::failed)?;
    let view = |row: statements::StatementRow| StatementView {
        statement: row.statement,
        kind: row.kind,
        by: named(shared, row.person),
        content: content(shared, &row.envelope),
        begins: row.begins,
        until: row.until,
        envelope: row.envelope,
        state: row.state,
    };
    Ok(found.into_iter().map(view).collect())
}

/// The content of a statement; `None` if it cannot be read.
fn content(shared: &Shared, envelope: &Digest) -> Option<StatementContent> {
    let bytes = shared.gatekeeper.store().blob(envelope).ok()?;
    let statement = Statement::read(&Envelope::decode(&bytes).ok()?).ok()?;
    let summary = statement.body.summary();
    Some(StatementContent { scope: statement.scope, summary, reason: statement.reason })
}

/// The checks of a release, each on each runner.
fn checks(checks: &domain::check::Checks) -> Vec<CheckView> {
    let view = |due: &domain::build::Due| {
        let Work::Check(check) = &due.work else { return None };
        let state = match checks.report_of(&due.work, &due.runner) {
            Some(report) if report.passed => WorkState::Passed,
            Some(_) => WorkState::Failed,
            None if checks.lost => WorkState::Lost,
            None => WorkState::Due,
        };
        Some(CheckView { name: check.name.clone(), runner: due.runner.clone(), state })
    };
    checks.due.iter().filter_map(view).collect()
}

fn rolled_back(shared: &Shared, at: &Place, bar: &RolledBack) -> Result<RollbackView, Failure> {
    let done = shared.views.ask(|rows| releases::rollback(rows, at, bar.by)).map_err(Failure::failed)?;
    let (time, request) = done.unzip();
    let RolledBack { artifact, commit, release, by, person } = bar.clone();
    let NamedPerson { name, .. } = named(shared, person);
    Ok(RollbackView {
        artifact,
        commit,
        release,
        by,
        person,
        name,
        reason: request.and_then(|request| reason(shared, &request)),
        time,
    })
}

/// The signed reason of a request; `None` if the request cannot be read.
fn reason(shared: &Shared, request: &Digest) -> Option<String> {
    let bytes = shared.gatekeeper.store().blob(request).ok()?;
    let request = Request::read(&Envelope::decode(&bytes).ok()?).ok()?;
    request.arguments.get("reason")?.as_str().map(str::to_owned)
}

fn running_view(rows: &Connection, at: &Place, now: &Current) -> rusqlite::Result<RunningReleaseView> {
    Ok(RunningReleaseView {
        artifact: now.artifact,
        commit: now.commit.clone(),
        release: now.release,
        run: now.run,
        statement: now.statement,
        since: releases::since(rows, at, now.release)?,
    })
}

fn open_view(state: &domain::State, open: &Open) -> PendingReleaseView {
    let stage = match open.stage {
        Stage::Proposed => ReleaseStage::Proposed,
        Stage::Judging => ReleaseStage::Judging,
        Stage::Held => ReleaseStage::Held,
        Stage::Due(_) => ReleaseStage::Due,
    };
    let now = clock::now();
    let given = |decision| {
        let all = state.approval.of(&open.facts.place, open.facts.release);
        all.map(|approval| &approval.facts)
            .filter(move |given| given.decision == decision && given.expires > now)
    };
    PendingReleaseView {
        release: open.facts.release,
        artifact: open.facts.artifact,
        commit: open.facts.commit.clone(),
        run: open.facts.run,
        stage,
        approvals: given(Decision::Approve).count(),
        rejections: given(Decision::Reject).count(),
        approvals_expire: given(Decision::Approve).map(|given| given.expires).min(),
    }
}

fn last(rows: &Connection, place: &Place) -> rusqlite::Result<Option<LastOutcomeView>> {
    let text = "SELECT entry, release, outcome, reasons, detail, bundle FROM last WHERE place = ?1";
    let mut statement = rows.prepare(text)?;
    let mut found = statement.query_map(params![place.to_string()], |row| {
        let number = |at| row.get::<_, i64>(at).map(|number| u64::try_from(number).unwrap_or_default());
        let digest = |at| {
            let text: rusqlite::Result<Option<String>> = row.get(at);
            text.map(|text| text.and_then(|text| text.parse().ok()))
        };
        let reasons: String = row.get(3)?;
        Ok(LastOutcomeView {
            entry: number(0)?,
            release: number(1)?,
            outcome: parsed(row, 2)?,
            reasons: reasons.split_whitespace().map(str::to_owned).collect(),
            detail: digest(4)?,
            bundle: digest(5)?,
        })
    })?;
    found.next().transpose()
}

/// The evidence of the pending release at a place, collected now.
pub async fn evidence(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<String>,
) -> Result<Response, Failure> {
    let place: Place =
        place.parse().map_err(|error| Failure::new(ProblemKind::Malformed, format!("{error}")))?;
    right::of_project(&shared, &caller, &place.project)?;
    for _ in 0..EVIDENCE_LOOKS {
        let (at, place) = (Arc::clone(&shared), place.clone());
        let made = blocking(move || {
            let state = at.intake.state();
            let keeper = &at.gatekeeper;
            let collected = collect(&state, &keeper.store(), &place, clock::now())
                .map_err(|error| Failure::new(ProblemKind::NotFound, error.to_string()))?;
            match attach_log_proofs(&collected, keeper.readers()) {
                Ok(dossier) => Ok(Some(dossier.bytes)),
                Err(DossierError::NotWitnessed) => Ok(None),
                Err(DossierError::Large(large)) => {
                    let what = format!("{}: {large}; {}", judge::LARGE, large.remedy);
                    Err(Failure::new(ProblemKind::TooLarge, what))
                }
                Err(error) => Err(Failure::failed(error)),
            }
        })
        .await?;
        if let Some(bytes) = made {
            return Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err(Failure::new(ProblemKind::Busy, DossierError::NotWitnessed.to_string()))
}

/// Two sizes of the ledger.
#[derive(Debug, Deserialize)]
pub struct ConsistencyQuery {
    old: u64,
    new: u64,
}

/// Hashes of the proof that the first `old` entries are the beginning of the first `new`.
pub async fn consistency(
    State(shared): State<Arc<Shared>>,
    Query(ConsistencyQuery { old, new }): Query<ConsistencyQuery>,
) -> Result<Json<Vec<Bytes>>, Failure> {
    let made = blocking(move || {
        crate::dossier::consistency(shared.gatekeeper.readers(), old, new)?.map_err(|size| {
            let detail = format!("`old` and `new` must lie between 1 and {size}, in order");
            Failure::new(ProblemKind::Malformed, detail)
        })
    });
    Ok(Json(made.await?))
}

/// The size to wait for.
#[derive(Debug, Deserialize)]
pub struct WaitQuery {
    past: u64,
}

/// Waits until the ledger has more than a number of entries; returns its size.
pub async fn wait(
    State(shared): State<Arc<Shared>>,
    Query(WaitQuery { past }): Query<WaitQuery>,
) -> Result<Json<u64>, Failure> {
    let grown = waited(&shared, move |shared| {
        let entries = shared.intake.state().entries;
        Ok((entries > past).then_some(entries))
    });
    let entries = grown.await?;
    Ok(Json(entries.unwrap_or_else(|| shared.intake.state().entries)))
}

const EVIDENCE_LOOKS: u32 = 100;
