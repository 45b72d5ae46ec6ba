//! Uploads of commits: a person sends a pack in the name of a signed request for a run; a runner takes it for its work.
//!
//! Invariant: a sender is known, holds the role to run the project's commits, and sends the request afterwards: a request that
//! is recorded, which others can read, uploads nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use domain::RunId;
use evidence::request::Request;
use evidence::{Digest, Name};
use futures_util::StreamExt as _;
use wire::{Credential, ProblemKind};

use super::api::in_pieces;
use super::machines::claim;
use super::problem::Failure;
use super::requester::blocking;
use super::right;
use crate::clock;
use crate::due::upload_of;
use crate::edge::EdgeError;
use crate::shared::Shared;
use crate::uploads::UploadError;

/// Receives a pack in pieces; it is durable when this answers.
pub async fn put(
    State(shared): State<Arc<Shared>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let digest: Digest = digest.parse().map_err(malformed)?;
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let declared = declared.ok_or_else(|| malformed("an upload says its length"))?;
    let Some(Credential::Request(envelope)) = right::credential(&headers) else {
        let what = "an upload needs the signed request for its run in the header `Authorization`";
        return Err(Failure::new(ProblemKind::Unauthenticated, what));
    };
    let at = Arc::clone(&shared);
    let (person, project) = blocking(move || {
        let (state, now) = (at.intake.state(), clock::now());
        let request = at.gatekeeper.signed(&state, &envelope, now)?;
        let project = project_of(&request)?;
        if at.gatekeeper.is_recorded(&request)? {
            return Err(Failure::new(
                ProblemKind::KeyReused,
                "this request is recorded; an upload comes before it",
            ));
        }
        if !state.identity.has_role(request.person.into(), &developer()?, &project, None, now) {
            let what = format!("you are no {DEVELOPER} of project `{project}`, so you can run nothing of it");
            return Err(Failure::new(ProblemKind::Forbidden, what));
        }
        at.gatekeeper.disk_space().for_anything().map_err(EdgeError::from)?;
        sweep(&at, &project)?;
        Ok((request.person, project))
    })
    .await?;
    let (at, of) = (Arc::clone(&shared), project);
    let limits = shared.gatekeeper.limits().uploads();
    let (part, mut incoming) = shared.uploads.receive(&of, declared, limits).map_err(failure)?;
    let (mut pieces, mut received) = (body.into_data_stream(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(malformed)?;
        received += piece.len() as u64;
        if received > declared {
            return Err(malformed("an upload has the length that it says"));
        }
        incoming = blocking(move || incoming.write(&piece).map(|()| incoming).map_err(Failure::from)).await?;
    }
    blocking(move || Ok(incoming.finish(digest)?)).await?;
    drop((part, at));
    listen::note_identity(&person.to_string());
    Ok(StatusCode::CREATED.into_response())
}

/// The pack of a run, for a runner.
pub async fn get(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    let claim = claim(&headers)?;
    let run: RunId = run.parse().map_err(malformed)?;
    let asked = shared.claimed_operation(&Method::GET, &uri);
    let opened = blocking(move || {
        let state = shared.intake.state();
        shared.gatekeeper.runner(&state, &claim, &asked, clock::now()).map_err(|(_, error)| error)?;
        let none = || Failure::new(ProblemKind::NotFound, "nothing was uploaded for this run, or it is over");
        let source = state.source.of(run).ok_or_else(none)?;
        let digest = upload_of(&shared.gatekeeper, source.entry)?.ok_or_else(none)?;
        shared.uploads.open_file(&source.facts.project, &digest).map_err(failure)
    });
    let (file, size) = opened.await?;
    Ok(in_pieces(file, size))
}

/// Removes the uploads of a project that no run needs any more.
pub fn sweep(shared: &Shared, project: &Name) -> Result<(), Failure> {
    let state = shared.intake.state();
    let mut needed = BTreeSet::new();
    for (_, source) in state.source.all().filter(|(_, source)| source.facts.project == *project) {
        needed.extend(upload_of(&shared.gatekeeper, source.entry)?);
    }
    shared.uploads.sweep(project, &needed).map(drop).map_err(failure)
}

fn project_of(request: &Request) -> Result<Name, Failure> {
    let project = request.arguments.get("project").and_then(|project| project.as_str());
    let project = project.filter(|_| request.action.as_str() == "run");
    project.and_then(|text| text.parse().ok()).ok_or_else(|| malformed("an upload is for a request `run`"))
}

fn developer() -> Result<Name, Failure> {
    DEVELOPER.parse().map_err(Failure::failed)
}

fn failure(error: UploadError) -> Failure {
    match error {
        UploadError::Blob(error) => error.into(),
        UploadError::Long { .. } | UploadError::Full { .. } => {
            Failure::new(ProblemKind::TooLarge, error.to_string())
        }
    }
}

fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::new(ProblemKind::Malformed, error.to_string())
}

const DEVELOPER: &str = "developer";
