//! HTTP around intake and ledger: the API under `/api/v1`, the log's tiles at the root in the layout of C2SP tlog-tiles, and
//! the pages of the console.
//!
//! Invariant: bodies are bounded, blocking work runs off the runtime's threads, and every error is a problem document.
//! Other machines are answered over TLS alone, and a machine's claims then only beside its certificate.

mod alerts;
mod api;
mod bodies;
mod certificates;
mod console;
pub mod freshness;
mod host;
mod introduction;
mod lent_secrets;
pub mod logged_work;
mod machines;
mod metrics;
pub mod names;
pub mod problem;
mod reading;
mod requester;
mod requests;
pub mod right;
pub mod secrets;
mod services;
mod sign_in;
mod standing;
mod tiles;
mod told_secrets;
pub mod uploads;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};
use wire::{BLOB_BYTES_MAX, BODY_BYTES_MAX, ProblemKind};

use crate::shared::Shared;
use crate::turns::Turns;
use bodies::Bodies;
use problem::Failure;
use requester::in_turn;
use requests::{Failures, named};

/// All routes.
pub fn router(shared: Arc<Shared>) -> Router {
    let bodies = Bodies::new(Arc::clone(&shared));
    // Work is given only to a machine with a claim, in solo mode too, so each of these handlers checks the claim itself.
    let work = Router::new()
        .route("/work/runner", get(machines::runner_work))
        .route("/work/given-up/{nonce}", post(machines::give_up))
        .route("/work/orders/{run}", get(machines::run_order))
        .route("/work/uploads/{run}", get(uploads::get))
        .route("/work/secrets/{nonce}", post(lent_secrets::lend))
        .route("/work/agent/{*place}", get(machines::agent_work))
        .route("/work/previews/{*place}", get(machines::agent_previews))
        .route("/work/services/{*place}", post(services::tell))
        // The server proves its identity here before the client proves its own.
        .route("/introduction", get(introduction::introduce))
        .route("/certificates", post(certificates::issue));
    let api = Router::new()
        .route("/sessions", post(sign_in::open))
        .route("/links", post(console::opening::link))
        .route("/requests", post(api::submit))
        .route("/installation", get(api::installation))
        .route("/entries", get(api::entries))
        .route(
            "/blobs/{digest}",
            get(api::blob)
                .head(machines::has_blob)
                .put(machines::put_blob)
                .layer(DefaultBodyLimit::disable()),
        )
        .route("/uploads/{digest}", put(uploads::put).layer(DefaultBodyLimit::disable()))
        .route("/secrets", get(secrets::list))
        .route("/secrets/vault", get(secrets::vault))
        .route("/secrets/uses", get(secrets::uses))
        .route("/secrets/grants", get(secrets::grants))
        .route("/secrets/reads", post(lent_secrets::read))
        .route("/secrets/values/{digest}", put(secrets::put_value).layer(DefaultBodyLimit::disable()))
        .route("/enrolments/{digest}", get(reading::enrolment))
        .route("/service-logs/{*place}", get(services::log))
        .route("/receipts", post(machines::receipt))
        .route("/agent-reports", post(machines::report))
        .route("/agent-reports/by-hand", post(machines::report_by_hand))
        .route("/observations", post(machines::observation))
        .route("/logs/{run}/{kind}/{name}/{runner}", get(machines::log).post(machines::append_log))
        .route("/runs", get(reading::runs))
        .route("/runs/{run}", get(reading::run))
        .merge(places())
        .merge(watched())
        .route("/evidence/{*place}", get(reading::evidence))
        .route("/consistency", get(reading::consistency))
        .route("/wait", get(reading::wait))
        .route("/proofs/{entry}", get(api::proof))
        .layer(from_fn_with_state(Arc::clone(&shared), right::reading))
        .merge(work);
    console::routes()
        .nest(wire::API, api)
        .route("/checkpoint", get(tiles::checkpoint))
        .route("/tile/{*path}", get(tiles::tile))
        .route("/health", get(health))
        .route("/healthz", get(metrics::lives))
        .route("/readyz", get(metrics::is_ready))
        .route("/metrics", get(metrics::metrics))
        .fallback(async || Failure::new(ProblemKind::NotFound, "no such operation"))
        .layer(from_fn_with_state(bodies, bodies::bounded))
        .layer(from_fn(console::isolated))
        .layer(from_fn(certificates::shown))
        .layer(from_fn_with_state(Arc::clone(&shared), host::known))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(console::for_browsers))
        .layer(from_fn(console::protected))
        .layer(from_fn_with_state(Arc::clone(&shared), introduction::signed))
        // Digests for signatures are computed in turns too.
        .layer(from_fn_with_state(Turns::new(), in_turn))
        .layer(from_fn_with_state(Arc::new(Failures::default()), named))
        .with_state(shared)
}

/// Places, their releases, and what their agents ask for between releases.
fn places() -> Router<Arc<Shared>> {
    Router::new()
        .route("/places", get(reading::places))
        .route("/releases/{project}/{service}/{environment}/{number}", get(reading::release))
        .route("/place-secrets/{*place}", get(reading::place_secrets))
        .route("/place-configuration/{*place}", get(reading::place_configuration))
}

/// Releases that run or wait, and everything that is known of them now.
fn watched() -> Router<Arc<Shared>> {
    Router::new()
        .route("/where", get(alerts::locate))
        .route("/alerts", get(alerts::list))
        .route("/alerts/answers", post(alerts::answer))
        .route("/rescans", post(alerts::rescan))
        .route("/watched/{*place}", get(alerts::watched))
}

/// Whether commands are accepted; open to everybody, and says nothing else.
async fn health(State(shared): State<Arc<Shared>>) -> Result<&'static str, Failure> {
    if shared.intake.is_alive() {
        return Ok("ok\n");
    }
    Err(Failure::new(ProblemKind::Failed, "the writer has stopped: see the server's log"))
}

const _: () = assert!(BLOB_BYTES_MAX as u64 == ledger::BLOB_BYTES_MAX);
