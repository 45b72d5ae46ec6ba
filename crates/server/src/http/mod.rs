//! HTTP around intake and ledger: the API under `/api/v1`, and the log's tiles at the root in the layout
//! that clients of C2SP tlog-tiles read.
//!
//! Invariant: bodies are bounded, blocking work runs off the runtime's threads, every error is a problem
//! document. Only loopback addresses reach it until mTLS exists, and only by a loopback name, so that a
//! page in a browser cannot be pointed here by another name (DNS rebinding).

mod api;
mod machines;
mod problem;
mod seen;
mod services;
mod tiles;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::sync::{Semaphore, watch};
use wire::{BLOB_BYTES_MAX, BODY_BYTES_MAX, ProblemKind};

use crate::attendance::Attendance;
use crate::edge::Gatekeeper;
use crate::intake::Intake;
use crate::logs::Logs;
use crate::presence::Presence;
use crate::services::Services;
use crate::views::Views;
use problem::Failure;

/// What handlers share.
#[derive(Debug)]
pub struct Shared {
    pub intake: Intake,
    pub gatekeeper: Gatekeeper,
    pub origin: String,
    pub views: Views,
    pub logs: Logs,
    pub attendance: Attendance,
    pub presence: Presence,
    pub services: Services,
    /// Becomes true when the server is asked to end: whoever waits gives up then.
    pub stopping: watch::Receiver<bool>,
}

/// All routes.
pub fn router(shared: Arc<Shared>) -> Router {
    let api = Router::new()
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
        .route("/work/runner", get(machines::runner_work))
        .route("/work/given-up/{nonce}", post(machines::give_up))
        .route("/work/orders/{run}", get(machines::run_order))
        .route("/work/agent/{*place}", get(machines::agent_work))
        .route("/work/services/{*place}", post(services::tell))
        .route("/service-logs/{*place}", get(services::log))
        .route("/receipts", post(machines::receipt))
        .route("/agent-reports", post(machines::report))
        .route("/logs/{run}/{kind}/{name}/{runner}", get(machines::log).post(machines::append_log))
        .route("/runs", get(seen::runs))
        .route("/runs/{run}", get(seen::run))
        .route("/places", get(seen::places))
        .route("/evidence/{*place}", get(seen::evidence))
        .route("/consistency", get(seen::consistency))
        .route("/wait", get(seen::wait))
        .route("/proofs/{entry}", get(api::proof));
    Router::new()
        .nest(wire::API, api)
        .route("/checkpoint", get(tiles::checkpoint))
        .route("/tile/{*path}", get(tiles::tile))
        .fallback(async || Failure::new(ProblemKind::NotFound, "no such operation"))
        .layer(from_fn_with_state(Arc::new(Semaphore::new(BODIES_KIB_MAX)), bounded))
        .layer(from_fn(loopback_name))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(shared)
}

/// Refuses early what is declared too large, lets in as many bodies as fit into memory at once, and gives up on
/// what does not arrive in time.
async fn bounded(State(bodies): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let declared = declared.and_then(|length| length.parse::<u64>().ok());
    // A blob arrives in pieces and may be large; everything else is small and quick.
    let (most, timeout) = match *request.method() {
        Method::PUT => (BLOB_BYTES_MAX as u64, TRANSFER_TIMEOUT),
        _ => (BODY_BYTES_MAX as u64, REQUEST_TIMEOUT),
    };
    if let Some(declared) = declared.filter(|declared| *declared > most) {
        let detail = format!("a body has at most {most} bytes, this one would have {declared}");
        return Failure::new(ProblemKind::TooLarge, detail).into_response();
    }
    let held = match *request.method() {
        Method::POST => declared.unwrap_or(most).div_ceil(1024),
        // A blob goes to disk piece by piece, and nothing else has a body that is read.
        _ => 0,
    };
    let answered = async {
        let held = bodies.acquire_many(u32::try_from(held).unwrap_or(u32::MAX)).await;
        let answer = next.run(request).await;
        drop(held);
        answer
    };
    tokio::time::timeout(timeout, answered).await.unwrap_or_else(|_| {
        Failure::new(ProblemKind::Busy, "the request did not arrive or finish in time").into_response()
    })
}

async fn loopback_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_loopback_name(host) {
        return next.run(request).await;
    }
    let detail = "this listener answers to loopback names only, such as `127.0.0.1`";
    Failure::new(ProblemKind::Malformed, detail).into_response()
}

/// `localhost` or a loopback address, with or without a port; nothing that a name service could answer.
fn is_loopback_name(host: &str) -> bool {
    let address = host.parse().map(|address: SocketAddr| address.ip());
    let bare = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    address.or(bare).map_or(name == "localhost", |address| address.is_loopback())
}

/// Runs blocking work off the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|error| Err(Failure::new(ProblemKind::Failed, error.to_string())))
}

const _: () = assert!(BLOB_BYTES_MAX as u64 == ledger::BLOB_BYTES_MAX);
/// All bodies that are in memory at once, in KiB; a further one waits.
const BODIES_KIB_MAX: usize = 256 * 1024;
const _: () = assert!(BODIES_KIB_MAX * 1024 >= BODY_BYTES_MAX);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
const TRANSFER_TIMEOUT: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::{Semaphore, oneshot};

    use super::{bounded, is_loopback_name};

    #[tokio::test]
    async fn a_body_waits_for_room_and_what_has_none_does_not() {
        let room = Arc::new(Semaphore::new(2));
        let router = Router::new()
            .route("/", get(async || "read").post(async |body: String| body))
            .layer(from_fn_with_state(Arc::clone(&room), bounded));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(listen::serve(listener, router, listen::Limits::default(), async {
            drop(stopped.await);
        }));
        let ask = async |request: &[u8]| {
            let mut stream = TcpStream::connect(at).await.unwrap();
            stream.write_all(request).await.unwrap();
            stream
        };
        let answered = async |stream: &mut TcpStream| {
            let mut answer = [0; 15];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
        };
        let held = room.acquire().await.unwrap();
        let body = "x".repeat(1025);
        let post = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n{body}");
        let mut waiting = ask(post.as_bytes()).await;
        answered(&mut ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await).await;
        assert!(waiting.try_read(&mut [0]).is_err());
        drop(held);
        answered(&mut waiting).await;
        stop.send(()).unwrap();
        serving.await.unwrap();
    }

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
