//! Operations of machines: work, receipts, reports, blobs, live logs. Each request proves its sender by a claim.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use domain::release::DUE_FOR_REVIEW;
use domain::{RunId, build};
use evidence::Place;
use evidence::claim::{Claim, ClaimedOperation};
use evidence::dsse::Envelope;
use evidence::entry::Actor;
use evidence::report::AgentReport;
use evidence::{Digest, Id, Name};
use futures_util::StreamExt as _;
use review::place_words::review_codes;
use serde::Deserialize;
use tracing::{debug, warn};
use wire::{AgentWork, ByHandReport, CommandOutcome, Credential, ProblemKind, RunnerWork, SignedStatement};

use super::logged_work::{LogFile, LoggedWork};
use super::problem::Failure;
use super::requester::blocking;
use super::right;
use super::standing::Standing;
use crate::attendance::MachineId;
use crate::caller::Caller;
use crate::edge::EdgeError;
use crate::job::{Answer, Job};
use crate::logs::{LogOwner, piece_of};
use crate::shared::Shared;
use crate::{clock, drift_log, due, lost_runs};

/// Parameters of a runner's request for work.
#[derive(Debug, Deserialize)]
pub struct WorkQuery {
    #[serde(default)]
    now: bool,
    /// Nonces of its running work, separated by commas.
    #[serde(default)]
    mine: String,
}

/// The work that is due on the asking runner; waits for work unless the request asks for an immediate answer.
pub async fn runner_work(
    State(shared): State<Arc<Shared>>,
    Query(WorkQuery { now, mine }): Query<WorkQuery>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Vec<RunnerWork>>, Failure> {
    let claim = claim(&headers)?;
    let asked = shared.claimed_operation(&Method::GET, &uri);
    let mine: Result<BTreeSet<Id>, _> = mine.split_terminator(',').take(DOING_MAX).map(str::parse).collect();
    let mine = mine.map_err(malformed)?;
    let standing = Standing::of(claim, asked, None);
    let runner = runner_of(&shared, &standing).await?;
    shared.attendance.does(&runner, mine.clone());
    let who = MachineId::Runner(runner.clone());
    let question = shared.attendance.asks(who.clone());
    let found = waited(&shared, move |shared| {
        let state = shared.intake.state();
        standing.still(shared, &state)?;
        shared.attendance.saw(&who, Instant::now());
        let work = due::on_runner(&shared.gatekeeper, &state, &runner, &mine)?;
        Ok((now || !work.is_empty()).then_some(work))
    });
    let found = found.await?.unwrap_or_default();
    // The runner keeps asking while it works, so this request no longer counts as waiting for work.
    drop(question);
    Ok(Json(found))
}

/// The runner that signed a claim; its attendance is noted.
async fn runner_of(shared: &Arc<Shared>, standing: &Arc<Standing>) -> Result<Name, Failure> {
    let runner = standing.verified(shared).await;
    match &runner {
        Ok(runner) => shared.attendance.saw(&MachineId::Runner(runner.clone()), Instant::now()),
        Err((Some(runner), error)) => {
            let what = format!("a claim in the name of {runner} was refused: {error}");
            shared.attendance.warn(runner, "claim", &what, Instant::now());
        }
        Err((None, _)) => {}
    }
    runner.map_err(|(_, failure)| failure).inspect(|runner| listen::note_identity(runner.as_str()))
}

/// A runner gives up work that it can never report: the run is lost.
pub async fn give_up(
    State(shared): State<Arc<Shared>>,
    Path(nonce): Path<String>,
    headers: HeaderMap,
) -> Result<Json<CommandOutcome>, Failure> {
    let claim = claim(&headers)?;
    let nonce: Id = nonce.parse().map_err(malformed)?;
    // The claim is recorded, so that nobody has to trust this server's word about the runner.
    let kept = serde_json::to_value(&claim).map_err(Failure::failed)?;
    let asked =
        ClaimedOperation { operation: evidence::claim::giving_up(nonce), server: *shared.introducer.key() };
    let runner = runner_of(&shared, &Standing::of(claim, asked, None)).await?;
    let state = shared.intake.state();
    let due = state.outstanding(&runner).find(|due| due.nonce == nonce).cloned();
    let due = due.ok_or_else(|| Failure::new(ProblemKind::NotFound, "no work with this nonce is due"))?;
    let (kind, label) = (due.work.kind(), due.work.label());
    warn!("{runner} gives up {kind} `{label}` of run {}, so it is lost", due.run);
    let lose = build::Lose { run: due.run, work: due.work, runner: Some(runner.clone()) };
    let origin = (Actor::Machine(runner), Some(kept));
    let job = lost_runs::job(lose, origin, Some(due.project)).map_err(Failure::failed)?;
    recorded(&shared, job).await
}

/// The evidence by which a runner checks that people asked for a run.
pub async fn run_order(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    let claim = claim(&headers)?;
    let run: RunId = run.parse().map_err(malformed)?;
    let asked = shared.claimed_operation(&Method::GET, &uri);
    let order = blocking(move || {
        let (state, now) = (shared.intake.state(), clock::now());
        shared.gatekeeper.runner(&state, &claim, &asked, now).map_err(|(_, error)| error)?;
        Ok(due::order(&shared.gatekeeper, &state, run, now)?)
    });
    let nothing = "there is nothing to do for this run: it has ended, or there is no valid status";
    let order = order.await?.ok_or_else(|| Failure::new(ProblemKind::NotFound, nothing))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], order.encode().map_err(Failure::failed)?)
        .into_response())
}

/// The agent that asks about a place, whose claim counts.
async fn asking_agent(
    shared: &Arc<Shared>,
    place: &str,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<(Arc<Standing>, Name, Place), Failure> {
    let claim = claim(headers)?;
    let place: Place = place.parse().map_err(malformed)?;
    let asked = shared.claimed_operation(&Method::GET, uri);
    let standing = Standing::of(claim, asked, Some(place.clone()));
    let agent = standing.verified(shared).await.map_err(|(_, failure)| failure)?;
    listen::note_identity(agent.as_str());
    Ok((standing, agent, place))
}

/// The work that is due at the asking agent's place; waits for work.
pub async fn agent_work(
    State(shared): State<Arc<Shared>>,
    Path(place): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Option<AgentWork>>, Failure> {
    let (standing, agent, place) = asking_agent(&shared, &place, &headers, &uri).await?;
    let question = shared.attendance.asks(MachineId::Agent(agent.clone(), place.clone()));
    let found = waited(&shared, move |shared| {
        let state = shared.intake.state();
        standing.still(shared, &state)?;
        Ok(due::at_agent(&shared.gatekeeper, &state, &place, &agent)?)
    })
    .await?;
    if found.is_some() {
        question.has_work();
    }
    Ok(Json(found))
}

/// The previews of the asking agent's template.
pub async fn agent_previews(
    State(shared): State<Arc<Shared>>,
    Path(place): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    let (_, agent, place) = asking_agent(&shared, &place, &headers, &uri).await?;
    shared.attendance.saw(&MachineId::Agent(agent, place.clone()), Instant::now());
    let order = blocking(move || Ok(due::previews(&shared.gatekeeper, &shared.intake.state(), &place)?));
    let order =
        order.await?.ok_or_else(|| Failure::new(ProblemKind::NotFound, "the place has no statement"))?;
    let body = order.encode().map_err(Failure::failed)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// A runner's receipt.
pub async fn receipt(
    State(shared): State<Arc<Shared>>,
    Json(signed): Json<SignedStatement>,
) -> Result<Json<CommandOutcome>, Failure> {
    let keeper = Arc::clone(&shared);
    let job = blocking(move || {
        Ok(keeper.gatekeeper.admit_receipt(&keeper.intake.state(), &signed.statement, clock::now())?)
    });
    reported(&shared, job.await?).await
}

/// Submits a known machine's report. A refused report leaves no entry, so the server's log records it: a runner then
/// reports a failure instead, and an agent tries again. A report of work that ended meanwhile, for instance because the
/// other runner's failed, is no reason to warn: its machine asks for other work.
async fn reported(shared: &Shared, job: Job) -> Result<Json<CommandOutcome>, Failure> {
    let (machine, action) = (job.origin.actor.clone(), job.origin.action.clone());
    let answer = recorded(shared, job).await;
    if let (Err(failure), Actor::Machine(machine)) = (&answer, machine) {
        // Anybody who has a copy of a report may send it again and again, so the line is rate-limited.
        let what = format!("`{action}` of {machine} was not accepted: {failure}");
        if failure.is_only(NOTHING_DUE) {
            debug!(%machine, "{what}");
        } else {
            shared.attendance.warn(&machine, "report", &what, Instant::now());
        }
    }
    answer
}

/// An agent's report.
pub async fn report(
    State(shared): State<Arc<Shared>>,
    Json(signed): Json<SignedStatement>,
) -> Result<Json<CommandOutcome>, Failure> {
    let keeper = Arc::clone(&shared);
    let due = due_for_review(&signed.statement);
    let job = blocking(move || {
        Ok(keeper.gatekeeper.admit_report(&keeper.intake.state(), &signed.statement, clock::now())?)
    });
    tell_of_review(reported(&shared, job.await?).await, due)
}

/// An agent's report about a rollback that it carried out by hand.
pub async fn report_by_hand(
    State(shared): State<Arc<Shared>>,
    Json(sent): Json<ByHandReport>,
) -> Result<Json<CommandOutcome>, Failure> {
    let keeper = Arc::clone(&shared);
    let due = due_for_review(&sent.report);
    let job =
        blocking(move || Ok(keeper.gatekeeper.admit_by_hand(&keeper.intake.state(), &sent, clock::now())?));
    tell_of_review(reported(&shared, job.await?).await, due)
}

/// The report, if it says that what runs at its place is due for review.
fn due_for_review(report: &Envelope) -> Option<AgentReport> {
    AgentReport::read(report).ok().filter(|said| said.reasons.iter().any(|code| code == DUE_FOR_REVIEW))
}

/// Writes a line into the log about a report that was recorded now, if what came back at its place is due for review.
fn tell_of_review(
    answer: Result<Json<CommandOutcome>, Failure>,
    due: Option<AgentReport>,
) -> Result<Json<CommandOutcome>, Failure> {
    if let (Some(said), Ok(Json(CommandOutcome { repeated: false, .. }))) = (due, &answer) {
        let (place, codes) = (said.place(), review_codes(&said.reasons));
        warn!(%place, "{place} went back, as release {} says, and what runs is due for review: {codes}", said.release);
    }
    answer
}

/// An agent's observation.
pub async fn observation(
    State(shared): State<Arc<Shared>>,
    Json(signed): Json<SignedStatement>,
) -> Result<Json<CommandOutcome>, Failure> {
    let keeper = Arc::clone(&shared);
    let work = blocking(move || {
        let state = keeper.intake.state();
        let job = keeper.gatekeeper.admit_observation(&state, &signed.statement, clock::now())?;
        Ok((job, drift_log::change(&keeper, &state, &signed.statement)))
    });
    let (job, change) = work.await?;
    let outcome = reported(&shared, job).await?;
    if let Some(change) = change.filter(|_| !outcome.repeated) {
        change.write(outcome.entry);
    }
    Ok(outcome)
}

async fn recorded(shared: &Shared, job: Job) -> Result<Json<CommandOutcome>, Failure> {
    let (entry, size, repeated) = match shared.intake.submit(job).await? {
        Answer::Accepted { entry, size } => (entry, Some(size), false),
        Answer::Repeated(entry) => (entry, None, true),
        Answer::Refused { entry, refusal } => return Err(Failure::refused(entry, &refusal)),
    };
    Ok(Json(CommandOutcome { accepted: true, entry, size, repeated, reasons: Vec::new() }))
}

/// Whether the server has a blob.
pub async fn has_blob(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(digest): Path<String>,
) -> Result<Response, Failure> {
    let digest: Digest = digest.parse().map_err(malformed)?;
    let looked = blocking(move || {
        right::of_blob(&shared, &caller, &digest)?;
        Ok(shared.gatekeeper.blobs().has(&digest))
    });
    let here = looked.await?;
    Ok(if here { StatusCode::OK } else { StatusCode::NOT_FOUND }.into_response())
}

/// Receives a blob in pieces; it is durable when this answers.
pub async fn put_blob(
    State(shared): State<Arc<Shared>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Failure> {
    let claim = claim(&headers)?;
    let digest: Digest = digest.parse().map_err(malformed)?;
    let asked = shared.claimed_operation(&Method::PUT, &uri);
    let keeper = Arc::clone(&shared);
    let (runner, mut incoming) = blocking(move || {
        let runner = keeper.gatekeeper.runner(&keeper.intake.state(), &claim, &asked, clock::now());
        let runner = runner.map_err(|(_, error)| error)?;
        keeper.gatekeeper.disk_space().for_anything().map_err(EdgeError::from)?;
        Ok((runner, keeper.gatekeeper.blobs().receive()?))
    })
    .await?;
    listen::note_identity(runner.as_str());
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(malformed)?;
        incoming = blocking(move || incoming.write(&piece).map(|()| incoming).map_err(Failure::from)).await?;
    }
    blocking(move || Ok(incoming.finish(digest)?)).await?;
    Ok(StatusCode::CREATED.into_response())
}

/// Appends to a live log.
pub async fn append_log(
    State(shared): State<Arc<Shared>>,
    Path((run, kind, name, runner)): Path<(String, String, String, String)>,
    headers: HeaderMap,
    uri: Uri,
    method: Method,
    body: axum::body::Bytes,
) -> Result<StatusCode, Failure> {
    let claim = claim(&headers)?;
    let logged = LoggedWork::read(&run, &kind, &name, &runner)?;
    let (asked, of) = (shared.claimed_operation(&method, &uri), logged.runner.clone());
    blocking(move || {
        let state = shared.intake.state();
        let asking = shared.gatekeeper.runner(&state, &claim, &asked, clock::now());
        let asking = asking.map_err(|(_, error)| error)?;
        is_for(&claim, &body)?;
        let LoggedWork { run, runner, .. } = &logged;
        let due = state.outstanding(runner).find(|due| logged.is(due) && asking == *runner);
        let nothing = || Failure::new(ProblemKind::NotFound, "no work with this log is due on this runner");
        let due = due.ok_or_else(nothing)?;
        let owner = LogOwner { run: *run, project: &due.project, work: &due.work, runner };
        shared.logs.append(&owner, &body).map_err(Failure::failed)
    })
    .await?;
    listen::note_identity(of.as_str());
    Ok(StatusCode::NO_CONTENT)
}

/// Start position in a log.
#[derive(Debug, Deserialize)]
pub struct LogQuery {
    #[serde(default)]
    from: u64,
    /// Whether to answer at once, even if nothing is new.
    #[serde(default)]
    now: bool,
}

/// A log from an offset on; waits for more if nothing is new, unless an immediate answer is wanted.
pub async fn log(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path((run, kind, name, runner)): Path<(String, String, String, String)>,
    Query(LogQuery { from, now }): Query<LogQuery>,
) -> Result<Response, Failure> {
    let logged = Arc::new(LoggedWork::read(&run, &kind, &name, &runner)?);
    let (at, run) = (Arc::clone(&shared), logged.run);
    blocking(move || right::of_run(&at, &caller, run)).await?;
    for _ in 0..LOG_LOOKS {
        let (at, logged) = (Arc::clone(&shared), Arc::clone(&logged));
        let found = blocking(move || {
            let piece = |mut file| piece_of(&mut file, from).map_err(Failure::failed);
            Ok(match logged.open(&at)? {
                LogFile::Whole(file, size) => {
                    let bytes = piece(file)?;
                    let complete = from.saturating_add(bytes.len() as u64) >= size;
                    Some((bytes, complete))
                }
                // The log cannot grow any more.
                LogFile::Never => Some((Vec::new(), true)),
                LogFile::Live(file) => {
                    let bytes = file.map(piece).transpose()?.unwrap_or_default();
                    (!bytes.is_empty()).then_some((bytes, false))
                }
            })
        })
        .await?;
        if let Some((bytes, complete)) = found {
            let complete = if complete { "true" } else { "false" };
            let headers =
                [(header::CONTENT_TYPE.as_str(), "text/plain; charset=utf-8"), ("log-complete", complete)];
            return Ok((headers, bytes).into_response());
        }
        if now || *shared.stopping.borrow() {
            break;
        }
        tokio::time::sleep(LOG_PAUSE).await;
    }
    Ok(([("log-complete", "false")], Vec::<u8>::new()).into_response())
}

/// Looks until there is a result, the server stops, or a time limit has passed. A look may read from disk, so each runs
/// off the runtime's own threads.
pub async fn waited<T: Send + 'static>(
    shared: &Arc<Shared>,
    look: impl Fn(&Shared) -> Result<Option<T>, Failure> + Send + Sync + 'static,
) -> Result<Option<T>, Failure> {
    let look = Arc::new(look);
    let mut changes = shared.intake.changes();
    let mut stopping = shared.stopping.clone();
    let deadline = tokio::time::Instant::now() + WAIT;
    loop {
        changes.borrow_and_update();
        let (at, looks) = (Arc::clone(shared), Arc::clone(&look));
        if let Some(found) = blocking(move || looks(&at)).await? {
            return Ok(Some(found));
        }
        if *stopping.borrow() {
            return Ok(None);
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return Ok(None) },
            _ = stopping.changed() => return Ok(None),
            () = tokio::time::sleep_until(deadline) => return Ok(None),
        }
    }
}

pub fn claim(headers: &HeaderMap) -> Result<Envelope, Failure> {
    match right::credential(headers) {
        Some(Credential::Claim(claim)) => Ok(claim),
        _ => Err(Failure::new(ProblemKind::Unauthenticated, "the machine's signed claim is missing")),
    }
}

/// Rejects a body that its claim does not name: it is another machine's, or another one.
pub fn is_for(claim: &Envelope, body: &[u8]) -> Result<(), Failure> {
    let holds = Claim::read(claim).and_then(|claim| claim.is_for(body));
    holds.map_err(|error| Failure::new(ProblemKind::Unauthenticated, error.to_string()))
}

pub fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::new(ProblemKind::Malformed, error.to_string())
}

/// Longest time for which a request for work waits.
/// The reason of a report whose work ended meanwhile.
const NOTHING_DUE: &str = "nothing-due";
const WAIT: Duration = Duration::from_secs(20);
const LOG_PAUSE: Duration = Duration::from_millis(100);
const LOG_LOOKS: u32 = 200;
/// Most pieces of work that a runner executes at once.
const DOING_MAX: usize = 1024;
