//! The witness's HTTP interface (<https://c2sp.org/tlog-witness>): `POST /add-checkpoint` and `GET /<origin
//! hash>/checkpoint`.
//!
//! Invariant: a request body is bounded before it is parsed. The interface deliberately has no TLS, so it listens on
//! loopback addresses only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tlog::{AddCheckpoint, NOTE_BYTES_MAX, WitnessRefusal};
use tokio::net::TcpListener;

use crate::store::Store;

/// Reasons why the witness cannot run.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The address is not a loopback address.
    #[error("`{0}` is not a loopback address; listening elsewhere needs mTLS, which is still to come")]
    Exposed(SocketAddr),
    /// The listener failed.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

/// Serves until `stop` resolves. Calls `ready` with the URL once requests are answered.
///
/// # Errors
/// `WitnessError` when it cannot listen.
pub async fn serve(
    store: Store,
    listen: SocketAddr,
    ready: impl FnOnce(&str),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), WitnessError> {
    if !listen.ip().is_loopback() {
        return Err(WitnessError::Exposed(listen));
    }
    let failed = |error| WitnessError::Listen(listen, error);
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    let router = Router::new()
        .route("/add-checkpoint", post(add))
        .route("/{origin_hash}/checkpoint", get(latest))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(store));
    ready(&url);
    listen::serve(listener, router, listen::Limits::default(), stop).await;
    Ok(())
}

async fn add(State(store): State<Arc<Store>>, body: String) -> Response {
    let request: AddCheckpoint = match body.parse() {
        Ok(request) => request,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let decided = tokio::task::spawn_blocking(move || store.add(&request, now)).await;
    match decided {
        Ok(Ok(Ok(signatures))) => {
            signatures.iter().map(ToString::to_string).collect::<String>().into_response()
        }
        Ok(Ok(Err(refusal))) => refused(&refusal),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn refused(refusal: &WitnessRefusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let WitnessRefusal::Conflict(size) = refusal {
        return (status, [(header::CONTENT_TYPE, "text/x.tlog.size")], format!("{size}\n")).into_response();
    }
    (status, format!("{refusal}\n")).into_response()
}

fn failed(error: &dyn std::fmt::Display) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}

async fn latest(State(store): State<Arc<Store>>, Path(origin_hash): Path<String>) -> Response {
    match store.latest(&origin_hash) {
        Some(note) => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note.to_string()).into_response()
        }
        None => (StatusCode::NOT_FOUND, "no checkpoint of this log was cosigned here\n").into_response(),
    }
}

/// Room for a note, 63 proof lines and the line with the old size.
const BODY_BYTES_MAX: usize = NOTE_BYTES_MAX + 4096;
