//! Operations for people who read: runs, places, evidence, and waiting for changes. They answer from views and state.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use domain::RunId;
use evidence::configuration_order::ConfigurationOrder;
use evidence::secrets_order::SecretsOrder;
use evidence::{Bytes, Digest, Name, Place};
use judge::{collect, enrolment_envelope_at};
use serde::Deserialize;
use wire::{PlaceView, ProblemKind, RUNS_MAX, ReleaseHistory, RunFilter, RunView, SignedStatement};

use super::freshness::up_to_date;
use super::machines::waited;
use super::problem::Failure;
use super::requester::blocking;
use super::right;
use crate::caller::Caller;
use crate::clock;
use crate::dossier::{DossierError, attach_log_proofs};
use crate::shared::Shared;
use crate::views::runs::RunSelection;
use crate::{place_configuration, place_secrets as of_place, place_view, release_history, run_view};

/// One run.
pub async fn run(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(run): Path<String>,
) -> Result<Json<RunView>, Failure> {
    let run: RunId = run.parse().map_err(|error| Failure::new(ProblemKind::Malformed, format!("{error}")))?;
    let found = blocking(move || {
        up_to_date(&shared)?;
        let first = run_view::one(&shared, run)?;
        first.iter().try_for_each(|row| right::of_project(&shared, &caller, &row.view.project))?;
        Ok(first.map(|row| row.view))
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
    let commit = commit.map(|commit| commit.to_string()).unwrap_or_default();
    let selection = RunSelection { commit, begins, most: limit.unwrap_or(RUNS_SHOWN).min(RUNS_MAX) };
    let found = blocking(move || {
        up_to_date(&shared)?;
        let (state, now) = (shared.intake.state(), clock::now());
        let may = |of: &Name| {
            project.as_ref().is_none_or(|project| project == of) && caller.may_read(of, &state, now)
        };
        let found = run_view::newest(&shared, &selection, &may)?;
        Ok(found.into_iter().map(|row| row.view).collect())
    });
    Ok(Json(found.await?))
}

const RUNS_SHOWN: u16 = 50;

/// The current view of every place.
pub async fn places(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<PlaceView>>, Failure> {
    let found = blocking(move || {
        up_to_date(&shared)?;
        let (state, now) = (shared.intake.state(), clock::now());
        place_view::all(&shared, &state, now, &|project| caller.may_read(project, &state, now))
    });
    Ok(Json(found.await?))
}

/// The signed enrolment of a person. Like every entry without a project, every known caller may read it.
pub async fn enrolment(
    State(shared): State<Arc<Shared>>,
    Path(digest): Path<Digest>,
) -> Result<Json<SignedStatement>, Failure> {
    let found = blocking(move || {
        let (state, now) = (shared.intake.state(), clock::now());
        let mut people = state.identity.people(now);
        let entry = people.find(|(_, person)| person.enrolment == digest).map(|(_, person)| person.entry);
        let entry = entry.ok_or_else(|| {
            let what = format!("nobody is enrolled by {digest} now; `countersign status` shows the people");
            Failure::new(ProblemKind::NotFound, what)
        })?;
        let (statement, _) =
            enrolment_envelope_at(&shared.gatekeeper.store(), entry).map_err(Failure::failed)?;
        Ok(SignedStatement { statement })
    });
    Ok(Json(found.await?))
}

/// A release with the entries of the ledger about it.
pub async fn release(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path((project, service, environment, number)): Path<(String, String, String, u64)>,
) -> Result<Json<ReleaseHistory>, Failure> {
    let place: Place = format!("{project}/{service}/{environment}")
        .parse()
        .map_err(|error| Failure::new(ProblemKind::Malformed, format!("{error}")))?;
    right::of_project(&shared, &caller, &place.project)?;
    let found = blocking(move || {
        up_to_date(&shared)?;
        release_history::of(&shared, &shared.intake.state(), &place, number)
    });
    Ok(Json(found.await?))
}

/// The newest version of each secret of a place, sealed.
pub async fn place_secrets(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<String>,
) -> Result<Json<SecretsOrder>, Failure> {
    let place: Place =
        place.parse().map_err(|error| Failure::new(ProblemKind::Malformed, format!("{error}")))?;
    right::of_project(&shared, &caller, &place.project)?;
    let found = blocking(move || {
        let (state, keeper) = (shared.intake.state(), &shared.gatekeeper);
        Ok(of_place::order(keeper, &state, &place, clock::now())?)
    });
    Ok(Json(found.await?))
}

/// The newest configuration of a place, with the statement that names it.
pub async fn place_configuration(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<String>,
) -> Result<Json<ConfigurationOrder>, Failure> {
    let place: Place =
        place.parse().map_err(|error| Failure::new(ProblemKind::Malformed, format!("{error}")))?;
    right::of_project(&shared, &caller, &place.project)?;
    let unknown =
        || Failure::new(ProblemKind::NotFound, "there is no such place; `countersign status` shows them");
    let found = blocking(move || {
        let (state, keeper) = (shared.intake.state(), &shared.gatekeeper);
        place_configuration::order(keeper, &state, &place)?.ok_or_else(unknown)
    });
    Ok(Json(found.await?))
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
