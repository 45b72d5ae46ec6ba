//! The right to read: determined for each request before its handler runs, and checked by the handlers of project data.
//!
//! Invariant: every operation below `/api/v1` is read with a [`Caller`]; a new operation is protected unless it is listed
//! beside this layer. Only checkpoint, hash tiles and health are open to everybody.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use domain::RunId;
use domain::release::Stage;
use evidence::claim::ClaimedOperation;
use evidence::{Digest, Name};
use listen::Peer;
use wire::{Credential, ProblemKind};

use super::freshness::up_to_date;
use super::problem::Failure;
use super::requester::blocking;
use crate::caller::Caller;
use crate::clock;
use crate::edge::Gatekeeper;
use crate::shared::Shared;

/// Lets reading requests through once their caller is known; handlers find the caller among the extensions. Requests
/// that send something carry a signature of their own, so they are let through.
pub async fn reading(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let asked = shared.claimed_operation(&parts.method, &parts.uri);
    let caller = caller(&shared, &parts, asked).await?;
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// The caller of a read operation; claims name the operation.
pub async fn caller(shared: &Arc<Shared>, parts: &Parts, asked: ClaimedOperation) -> Result<Caller, Failure> {
    if parts.extensions.get::<Peer>().is_some_and(Peer::is_owner) {
        return Ok(Caller::Owner);
    }
    let state = shared.intake.state();
    if Gatekeeper::is_solo(&state) {
        return Ok(Caller::Anybody);
    }
    let caller = match credential(&parts.headers) {
        Some(Credential::Token(token)) => Ok(shared.gatekeeper.reader(&state, &token, clock::now())?),
        Some(Credential::Claim(claim)) => {
            let keeper = Arc::clone(shared);
            blocking(move || Ok(keeper.gatekeeper.machine(&state, &claim, &asked, clock::now())?)).await
        }
        Some(Credential::Request(_)) => Err(Failure::new(ProblemKind::Unauthenticated, READ_BY_SESSION)),
        None => Err(Failure::new(ProblemKind::Unauthenticated, NOBODY)),
    }?;
    listen::note_identity(&caller.identity());
    Ok(caller)
}

/// The credential in a request's header, unverified.
pub fn credential(headers: &HeaderMap) -> Option<Credential> {
    Credential::read(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
}

/// Refuses a caller who may not read a project.
pub fn of_project(shared: &Shared, caller: &Caller, project: &Name) -> Result<(), Failure> {
    if caller.may_read(project, &shared.intake.state(), clock::now()) {
        return Ok(());
    }
    let what = format!("you hold no role in project `{project}`; a registrar can enrol you with one");
    Err(Failure::new(ProblemKind::Forbidden, what))
}

/// Refuses a caller who may not read a run's project.
pub fn of_run(shared: &Shared, caller: &Caller, run: RunId) -> Result<(), Failure> {
    if caller.reads_all() {
        return Ok(());
    }
    up_to_date(shared)?;
    let project = shared.views.project_of(run);
    match project.map_err(|error| Failure::new(ProblemKind::Failed, error.to_string()))? {
        Some(project) => of_project(shared, caller, &project),
        None => Err(Failure::new(
            ProblemKind::NotFound,
            "there is no such run; `countersign status` shows the runs",
        )),
    }
}

/// Refuses a caller who may read no entry that names a blob. A blob named by an entry without a project is a statement
/// about the whole installation, unless the entry is a refusal.
pub fn of_blob(shared: &Shared, caller: &Caller, digest: &Digest) -> Result<(), Failure> {
    if caller.reads_all() || !shared.gatekeeper.blobs().has(digest) {
        return Ok(());
    }
    let (state, now) = (shared.intake.state(), clock::now());
    if let Caller::Agent(_, projects) = caller
        && is_due(&state, projects, digest)
    {
        return Ok(());
    }
    up_to_date(shared)?;
    let named = shared.views.named(digest);
    let named = named.map_err(|error| Failure::new(ProblemKind::Failed, error.to_string()))?;
    if named.iter().any(|naming| naming.may_read(caller, &state, now)) {
        return Ok(());
    }
    let what = format!(
        "blob {digest} belongs to a project in which you hold no role, or to another person's refused request"
    );
    Err(Failure::new(ProblemKind::Forbidden, what))
}

/// Whether a blob is the evidence of a release that is due in these projects. An agent may read the evidence that it is
/// told to verify, so that the agent itself detects what is wrong with it.
fn is_due(ledger: &domain::State, projects: &BTreeSet<Name>, digest: &Digest) -> bool {
    let places = ledger.gate.environments().map(|set| &set.facts.place);
    let open =
        places.filter(|place| projects.contains(&place.project)).filter_map(|place| ledger.release.at(place));
    open.filter_map(|standing| standing.open.as_ref()).any(|open| open.stage == Stage::Due(*digest))
}

const NOBODY: &str = "reading needs a right: this request carries neither a session nor a machine's claim. Tell this \
                      machine who you are with `countersign key use --pin LINE --person ID`; `countersign trust pin` \
                      of a colleague prints the line, and your id is in your enrolment";
const READ_BY_SESSION: &str =
    "a signed request opens a session (`POST /api/v1/sessions`); reads carry its token";
