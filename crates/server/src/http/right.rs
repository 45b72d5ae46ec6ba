//! The right to read: determined for each request before its handler runs, and checked by the handlers of project data.
//!
//! Invariant: every operation below `/api/v1` is read with a [`Caller`]; a new operation is protected unless it is listed
//! beside this layer. Only checkpoint, hash tiles and health are open to everybody.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State as Extracted};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use domain::release::Stage;
use domain::{RunId, State};
use evidence::claim::ClaimedOperation;
use evidence::{Digest, Moment, Name};
use listen::Peer;
use wire::{Credential, ProblemKind};

use super::freshness::up_to_date;
use super::host::Host;
use super::problem::Failure;
use super::requester::blocking;
use crate::browser_sessions::BrowserReader;
use crate::caller::Caller;
use crate::clock;
use crate::edge::Gatekeeper;
use crate::shared::Shared;

/// Lets reading requests through once their caller is known; handlers find the caller among the extensions. Requests
/// that send something carry a signature of their own, so they are let through.
pub async fn reading(
    Extracted(shared): Extracted<Arc<Shared>>,
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
    let state = shared.intake.state();
    let Some(Credential::Claim(claim)) = credential(&parts.headers).filter(|_| !is_open(&state, parts))
    else {
        return Ok(visitor(shared, parts).await?.caller);
    };
    let keeper = Arc::clone(shared);
    let caller =
        blocking(move || Ok(keeper.gatekeeper.machine(&state, &claim, &asked, clock::now())?)).await?;
    listen::note_identity(&caller.identity());
    Ok(caller)
}

/// Whether the sender needs no credential: the owner of the data directory, or anybody in solo mode.
fn is_open(state: &State, parts: &Parts) -> bool {
    parts.extensions.get::<Peer>().is_some_and(Peer::is_owner) || is_solo_here(state, parts)
}

/// Whether everybody on this machine may read. It does not hold for other machines.
fn is_solo_here(state: &State, parts: &Parts) -> bool {
    Gatekeeper::is_solo(state) && !parts.extensions.get::<Peer>().is_some_and(Peer::is_over_tls)
}

/// A person who reads, and the end of the session that the browser has.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub caller: Caller,
    pub session_ends: Option<Moment>,
}

/// The reader of a page: the sender, else the reader whose session the browser has.
pub async fn visitor(shared: &Arc<Shared>, parts: &Parts) -> Result<Visitor, Failure> {
    if !is_open(&shared.intake.state(), parts)
        && credential(&parts.headers).is_none()
        && let Some(token) = session_token(parts)
    {
        return browser(shared, token);
    }
    asker(shared, parts).await
}

/// The reader whose session a browser has.
fn browser(shared: &Shared, token: &str) -> Result<Visitor, Failure> {
    let (state, now) = (shared.intake.state(), clock::now());
    let found = shared.browsers.reader(token, &state, now);
    let (reader, ends) = found.ok_or_else(|| Failure::new(ProblemKind::Unauthenticated, ENDED))?;
    let caller = match reader {
        BrowserReader::Owner => Caller::Owner,
        BrowserReader::Person { person, .. } => Gatekeeper::with_role(&state, person, now)?,
    };
    listen::note_identity(&caller.identity());
    Ok(Visitor { caller, session_ends: Some(ends) })
}

/// The token in the cookie of a session. Cookies count under the console's own name, and only one of them: a second one was
/// set by somebody else.
pub fn session_token(parts: &Parts) -> Option<&str> {
    parts.extensions.get::<Host>().filter(|host| **host == Host::Console)?;
    let values = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut own = pairs.filter(|(name, _)| *name == COOKIE).map(|(_, token)| token);
    own.next().filter(|_| own.next().is_none())
}

/// The sender, by everything but a cookie, and a machine's claim, which names an operation of the API.
pub async fn asker(shared: &Arc<Shared>, parts: &Parts) -> Result<Visitor, Failure> {
    if parts.extensions.get::<Peer>().is_some_and(Peer::is_owner) {
        return Ok(Visitor { caller: Caller::Owner, session_ends: None });
    }
    let state = shared.intake.state();
    if is_solo_here(&state, parts) {
        return Ok(Visitor { caller: Caller::Anybody, session_ends: None });
    }
    let unknown = |what| Err(Failure::new(ProblemKind::Unauthenticated, what));
    let visitor = match credential(&parts.headers) {
        Some(Credential::Token(token)) => {
            let caller = shared.gatekeeper.reader(&state, &token, clock::now())?;
            Visitor { caller, session_ends: None }
        }
        Some(Credential::Request(_)) => return unknown(READ_BY_SESSION),
        Some(Credential::Claim(_)) | None => return unknown(NOBODY),
    };
    listen::note_identity(&visitor.caller.identity());
    Ok(visitor)
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
fn is_due(ledger: &State, projects: &BTreeSet<Name>, digest: &Digest) -> bool {
    let places = ledger.gate.environments().map(|set| &set.facts.place);
    let open =
        places.filter(|place| projects.contains(&place.project)).filter_map(|place| ledger.release.at(place));
    open.filter_map(|standing| standing.open.as_ref()).any(|open| open.stage == Stage::Due(*digest))
}

const NOBODY: &str = "reading needs a right: this request carries neither a session nor a machine's claim. Tell this \
                      machine who you are with `countersign key use LINE`; `countersign trust pin` of a colleague prints the line";
const ENDED: &str = "the session of this browser has ended, or your enrolment or key no longer counts";
/// Name of the cookie of a session.
pub const COOKIE: &str = "countersign";
const READ_BY_SESSION: &str =
    "a signed request opens a session (`POST /api/v1/sessions`); reads carry its token";
