//! HTTP around intake and ledger: the API under `/api/v1`, and the log's tiles at the root in the layout of C2SP
//! tlog-tiles.
//!
//! Invariant: bodies are bounded, blocking work runs off the runtime's threads, and every error is a problem document.
//! Until mTLS exists, requests are accepted on loopback addresses only, and only for a loopback name, so that a page in a
//! browser cannot reach this server under another name (DNS rebinding).

mod api;
mod bodies;
pub mod freshness;
mod introduction;
mod machines;
pub mod names;
pub mod problem;
mod reading;
mod requester;
mod requests;
pub mod right;
mod services;
mod sign_in;
mod tiles;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
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
        .route("/work/agent/{*place}", get(machines::agent_work))
        .route("/work/services/{*place}", post(services::tell))
        // The server proves its identity here before the client proves its own.
        .route("/introduction", get(introduction::introduce));
    let api = Router::new()
        .route("/sessions", post(sign_in::open))
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
        .route("/service-logs/{*place}", get(services::log))
        .route("/receipts", post(machines::receipt))
        .route("/agent-reports", post(machines::report))
        .route("/logs/{run}/{kind}/{name}/{runner}", get(machines::log).post(machines::append_log))
        .route("/runs", get(reading::runs))
        .route("/runs/{run}", get(reading::run))
        .route("/places", get(reading::places))
        .route("/evidence/{*place}", get(reading::evidence))
        .route("/consistency", get(reading::consistency))
        .route("/wait", get(reading::wait))
        .route("/proofs/{entry}", get(api::proof))
        .layer(from_fn_with_state(Arc::clone(&shared), right::reading))
        .merge(work);
    Router::new()
        .nest(wire::API, api)
        .route("/checkpoint", get(tiles::checkpoint))
        .route("/tile/{*path}", get(tiles::tile))
        .route("/health", get(health))
        .fallback(async || Failure::new(ProblemKind::NotFound, "no such operation"))
        .layer(from_fn_with_state(bodies, bodies::bounded))
        .layer(from_fn(loopback_name))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&shared), introduction::signed))
        // Digests for signatures are computed in turns too.
        .layer(from_fn_with_state(Turns::new(), in_turn))
        .layer(from_fn_with_state(Arc::new(Failures::default()), named))
        .with_state(shared)
}

/// Whether commands are accepted; open to everybody, and says nothing else.
async fn health(State(shared): State<Arc<Shared>>) -> Result<&'static str, Failure> {
    if shared.intake.is_alive() {
        return Ok("ok\n");
    }
    Err(Failure::new(ProblemKind::Failed, "the writer has stopped: see the server's log"))
}

async fn loopback_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_loopback_name(host) {
        return next.run(request).await;
    }
    let detail = "this listener answers to loopback names only, such as `127.0.0.1`";
    Failure::new(ProblemKind::Malformed, detail).into_response()
}

/// `localhost` or a loopback address, with or without a port; no name that a name service could resolve.
fn is_loopback_name(host: &str) -> bool {
    let address = host.parse().map(|address: SocketAddr| address.ip());
    let bare = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    address.or(bare).map_or(name == "localhost", |address| address.is_loopback())
}

const _: () = assert!(BLOB_BYTES_MAX as u64 == ledger::BLOB_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::is_loopback_name;

    #[test]
    fn only_loopback_names_are_answered() {
        for good in
            ["127.0.0.1", "127.0.0.1:80", "127.9.9.9:1", "localhost", "localhost:8080", "[::1]", "[::1]:80"]
        {
            assert!(is_loopback_name(good), "{good}");
        }
        for bad in [
            "",
            "example",
            "127.evil.example",
            "127.0.0.1.evil.example:80",
            "localhost.evil:80",
            "10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(!is_loopback_name(bad), "{bad}");
        }
    }
}
