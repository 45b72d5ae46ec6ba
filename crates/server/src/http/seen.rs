//! Operations for people's eyes: runs, places, evidence, and waiting for what comes. Views and state answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use domain::release::{Current, Open, Stage};
use domain::{Place, RunId};
use evidence::Bytes;
use judge::collect;
use rusqlite::{Connection, Row, params};
use serde::Deserialize;
use wire::{LastView, OpenView, PlaceView, ProblemKind, RunView, RunningView, WorkView};

use super::machines::waited;
use super::problem::Failure;
use super::{Shared, blocking};
use crate::clock;
use crate::dossier::{DossierError, complete};

/// One run.
pub async fn run(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<String>,
) -> Result<Json<RunView>, Failure> {
    let run: RunId = run.parse().map_err(|error| Failure::new(ProblemKind::Malformed, format!("{error}")))?;
    let found = blocking(move || {
        up_to_date(&shared)?;
        shared.views.ask(|rows| runs_where(rows, "WHERE run = ?1", &run.to_string())).map_err(failed)
    });
    let first = found.await?.into_iter().next();
    first.map(Json).ok_or_else(|| Failure::new(ProblemKind::NotFound, "there is no such run"))
}

/// The newest runs, the latest first.
pub async fn runs(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<RunView>>, Failure> {
    let found = blocking(move || {
        up_to_date(&shared)?;
        let newest = "WHERE ?1 = '' ORDER BY entry DESC LIMIT 50";
        shared.views.ask(|rows| runs_where(rows, newest, "")).map_err(failed)
    });
    Ok(Json(found.await?))
}

fn runs_where(rows: &Connection, condition: &str, key: &str) -> rusqlite::Result<Vec<RunView>> {
    let text = format!("SELECT run, project, commit_id, state, services FROM run {condition}");
    let mut statement = rows.prepare(&text)?;
    let runs = statement.query_map(params![key], |row| {
        let run: String = row.get(0)?;
        let services: String = row.get(4)?;
        Ok(RunView {
            works: works(rows, &run)?,
            artifacts: artifacts(rows, &run)?,
            run: parsed(row, 0)?,
            project: parsed(row, 1)?,
            commit: parsed(row, 2)?,
            state: row.get(3)?,
            services: services.split_whitespace().map(str::to_owned).collect(),
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
            kind: row.get(0)?,
            name: row.get(1)?,
            runner: runner.parse().ok(),
            state: row.get(3)?,
            log: log.and_then(|log| log.parse().ok()),
        })
    })?;
    works.collect()
}

fn artifacts(rows: &Connection, run: &str) -> rusqlite::Result<BTreeMap<String, evidence::Digest>> {
    let mut statement = rows.prepare("SELECT name, manifest FROM artifact WHERE run = ?1")?;
    let found = statement.query_map(params![run], |row| Ok((row.get(0)?, parsed(row, 1)?)))?;
    found.collect()
}

fn parsed<T: std::str::FromStr>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    let wrong = || rusqlite::Error::InvalidColumnType(at, text.clone(), rusqlite::types::Type::Text);
    text.parse().map_err(|_| wrong())
}

/// What stands at every place.
pub async fn places(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<PlaceView>>, Failure> {
    let found = blocking(move || {
        up_to_date(&shared)?;
        let state = shared.intake.state();
        let mut views = Vec::new();
        for environment in state.gate.environments() {
            let facts = &environment.facts;
            let standing = state.release.at(&facts.place).cloned().unwrap_or_default();
            let running = standing.running.as_ref();
            views.push(PlaceView {
                place: facts.place.clone(),
                after: facts.after.clone(),
                automatic: facts.automatic,
                statement: facts.number,
                envelope: facts.envelope,
                base: running.map_or_else(|| facts.baseline.clone(), |now| now.commit.clone()),
                running: running.map(running_view),
                before: standing.before.as_ref().map(running_view),
                open: standing.open.as_ref().map(|open| {
                    let approvals = state.approval.of(&facts.place, open.facts.release);
                    open_view(
                        open,
                        approvals
                            .filter(|a| a.facts.decision == evidence::approval::Decision::Approve)
                            .count(),
                    )
                }),
                wanted: standing.wanted.is_some(),
                last: shared.views.ask(|rows| last(rows, &facts.place)).map_err(failed)?,
            });
        }
        Ok(views)
    });
    Ok(Json(found.await?))
}

fn running_view(now: &Current) -> RunningView {
    RunningView { artifact: now.artifact, commit: now.commit.clone(), release: now.release }
}

fn open_view(open: &Open, approvals: usize) -> OpenView {
    let stage = match (open.stage, open.facts.release) {
        (Stage::Proposed, _) => "proposed",
        (Stage::Judging, _) => "judging",
        (Stage::Held, _) => "held",
        (Stage::Due(_), _) => "due",
    };
    OpenView {
        release: open.facts.release,
        artifact: open.facts.artifact,
        commit: open.facts.commit.clone(),
        run: open.facts.run,
        stage: stage.to_owned(),
        approvals,
    }
}

fn last(rows: &Connection, place: &Place) -> rusqlite::Result<Option<LastView>> {
    let text = "SELECT entry, release, outcome, reasons, detail, bundle FROM last WHERE place = ?1";
    let mut statement = rows.prepare(text)?;
    let mut found = statement.query_map(params![place.to_string()], |row| {
        let number = |at| row.get::<_, i64>(at).map(|number| u64::try_from(number).unwrap_or_default());
        let digest = |at| {
            let text: rusqlite::Result<Option<String>> = row.get(at);
            text.map(|text| text.and_then(|text| text.parse().ok()))
        };
        let reasons: String = row.get(3)?;
        Ok(LastView {
            entry: number(0)?,
            release: number(1)?,
            outcome: row.get(2)?,
            reasons: reasons.split_whitespace().map(str::to_owned).collect(),
            detail: digest(4)?,
            bundle: digest(5)?,
        })
    })?;
    found.next().transpose()
}

/// The evidence of the release that stands open at a place, put together now.
pub async fn evidence(
    State(shared): State<Arc<Shared>>,
    Path(place): Path<String>,
) -> Result<Response, Failure> {
    let place: Place =
        place.parse().map_err(|error| Failure::new(ProblemKind::Malformed, format!("{error}")))?;
    for _ in 0..EVIDENCE_LOOKS {
        let (at, place) = (Arc::clone(&shared), place.clone());
        let made = blocking(move || {
            let state = at.intake.state();
            let keeper = &at.gatekeeper;
            let collected = collect(&state, &keeper.store(), &place, clock::now())
                .map_err(|error| Failure::new(ProblemKind::NotFound, error.to_string()))?;
            match complete(&collected, keeper.readers()) {
                Ok(bundle) => Ok(Some(bundle.encode().map_err(failed)?)),
                Err(DossierError::NotWitnessed) => Ok(None),
                Err(error) => Err(failed(error)),
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
pub struct Sizes {
    old: u64,
    new: u64,
}

/// Hashes of the proof that the first `old` entries are the beginning of the first `new`.
pub async fn consistency(
    State(shared): State<Arc<Shared>>,
    Query(Sizes { old, new }): Query<Sizes>,
) -> Result<Json<Vec<Bytes>>, Failure> {
    let made = blocking(move || {
        crate::dossier::consistency(shared.gatekeeper.readers(), old, new)?.map_err(|size| {
            let detail = format!("`old` and `new` must lie between 1 and {size}, in order");
            Failure::new(ProblemKind::Malformed, detail)
        })
    });
    Ok(Json(made.await?))
}

/// What to wait for.
#[derive(Debug, Deserialize)]
pub struct Past {
    past: u64,
}

/// Waits until the ledger has grown past a number of entries; answers how many there are.
pub async fn wait(
    State(shared): State<Arc<Shared>>,
    Query(Past { past }): Query<Past>,
) -> Result<Json<u64>, Failure> {
    let grown = waited(&shared, move |shared| {
        let entries = shared.intake.state().entries;
        Ok((entries > past).then_some(entries))
    });
    let entries = grown.await?;
    Ok(Json(entries.unwrap_or_else(|| shared.intake.state().entries)))
}

/// Views follow the ledger before they answer.
fn up_to_date(shared: &Shared) -> Result<(), Failure> {
    shared.gatekeeper.readers().with(|reader| shared.views.catch_up(reader).map_err(failed))
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(ProblemKind::Failed, error.to_string())
}

const EVIDENCE_LOOKS: u32 = 100;
