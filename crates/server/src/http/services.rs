//! Operations for the state and log of a service, which its agent sends and people read.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use evidence::Place;
use serde::Deserialize;
use wire::{LOG_PIECE_BYTES_MAX, ProblemKind, ServiceLogPosition, ServiceLogView, ServiceReport};

use super::machines::{claim, is_for, malformed};
use super::problem::Failure;
use super::requester::blocking;
use super::{right, told_secrets};
use crate::caller::Caller;
use crate::clock;
use crate::secret_uses::AgentSecrets;
use crate::shared::Shared;

/// Receives an agent's report about the service of its place, and its new log.
pub async fn tell(
    State(shared): State<Arc<Shared>>,
    Path(place): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Result<Json<ServiceLogPosition>, Failure> {
    let claim = claim(&headers)?;
    let place: Place = place.parse().map_err(malformed)?;
    let asked = shared.claimed_operation(&Method::POST, &uri);
    let at = Arc::clone(&shared);
    let heard = blocking(move || {
        let state = at.intake.state();
        let agent = at.gatekeeper.agent(&state, &place, &claim, &asked, clock::now())?;
        is_for(&claim, &body)?;
        let report: ServiceReport = serde_json::from_slice(&body).map_err(malformed)?;
        let secrets = AgentSecrets::of(&report.service);
        let log = at.services.tell(&place, &agent, report);
        Ok((agent, place, secrets, log))
    });
    let (agent, place, secrets, log) = heard.await?;
    listen::note_identity(agent.as_str());
    told_secrets::record(&shared, agent, place, secrets).await?;
    Ok(Json(ServiceLogPosition { log }))
}

/// Start position in a log.
#[derive(Debug, Deserialize)]
pub struct LogQuery {
    #[serde(default)]
    from: u64,
    #[serde(default)]
    wait: bool,
}

/// The log of a place's service; waits for more if the request asks to.
pub async fn log(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<String>,
    Query(LogQuery { from, wait }): Query<LogQuery>,
) -> Result<Response, Failure> {
    let place: Place = place.parse().map_err(malformed)?;
    right::of_project(&shared, &caller, &place.project)?;
    if shared.intake.state().gate.environment(&place).is_none() {
        return Err(Failure::new(ProblemKind::NotFound, format!("there is no place `{place}`")));
    }
    for _ in 0..LOOKS {
        // Copying a log and writing JSON takes long, so it runs in the requester's turn and not on the runtime's threads.
        let (services, of) = (Arc::clone(&shared), place.clone());
        let found = blocking(move || {
            let found = services.services.log(&of, from, LOG_PIECE_BYTES_MAX / 2);
            Ok(found.map(|found| (found.bytes.0.is_empty(), Json(found).into_response())))
        });
        match found.await? {
            Some((is_empty, found)) if !wait || !is_empty => return Ok(found),
            None if !wait => {
                let what = format!("no agent of `{place}` has reported since the server was started");
                return Err(Failure::new(ProblemKind::NotFound, what));
            }
            _ if *shared.stopping.borrow() => break,
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    Ok(Json(ServiceLogView { bytes: evidence::Bytes(Vec::new()), next: from }).into_response())
}

const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
const LOOKS: u32 = 200;
