//! The witness's HTTP interface (<https://c2sp.org/tlog-witness>): `POST /add-checkpoint` and `GET /<origin
//! hash>/checkpoint`; beside it `POST /status` and `GET /status/<installation>`, and on this machine its health.
//!
//! Invariant: a request body is bounded before it is parsed. Plain HTTP is for loopback alone; other machines are answered
//! over TLS, with a certificate that the witness's key vouches for, so that no other role has to be up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use evidence::relayed_status::{self, RelayedStatus};
use evidence::{Id, Moment};
use listen::TlsListener;
use tlog::{AddCheckpoint, CosignatureKey, NOTE_BYTES_MAX, WitnessRefusal};
use tls::{OwnAuthority, OwnIdentity, TlsError};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::statuses::{StatusRefusal, Statuses};
use crate::store::Store;

/// Reasons why the witness cannot run.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The address is not a loopback address.
    #[error(
        "`{0}` is not a loopback address, and this listener speaks plain HTTP; `--tls` listens for other machines"
    )]
    Exposed(SocketAddr),
    /// The listener failed.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The certificate cannot be made.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The clock stands before the Epoch.
    #[error("the clock stands before 1970")]
    Clock,
}

/// The listener of a witness for other machines.
#[derive(Debug)]
pub struct TlsListen {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The witness's key, which vouches for its certificates.
    pub authority: OwnAuthority,
}

/// The keys of a witness, once they have changed.
#[derive(Debug)]
pub struct ChangedKeys {
    /// The keys that cosign.
    pub cosigning: Vec<CosignatureKey>,
    /// The key that vouches for its certificates.
    pub authority: OwnAuthority,
}

/// Tells when the keys of the witness have changed since the last question. It may block.
pub type KeyWatch = Box<dyn FnMut() -> Option<ChangedKeys> + Send>;

/// The addresses of a witness that answers.
#[derive(Clone, Debug)]
pub struct Ready {
    /// URL on this machine.
    pub url: String,
    /// Address of the listener for other machines.
    pub tls: Option<SocketAddr>,
}

/// Serves until `stop` resolves, with other keys once they change. Calls `ready` with the URL once requests are answered.
///
/// # Errors
/// `WitnessError` when it cannot listen.
pub async fn serve(
    (store, statuses): (Store, Statuses),
    listen: SocketAddr,
    (tls, keys): (Option<TlsListen>, KeyWatch),
    ready: impl FnOnce(&Ready),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), WitnessError> {
    if !listen.ip().is_loopback() {
        return Err(WitnessError::Exposed(listen));
    }
    let failed = |error| WitnessError::Listen(listen, error);
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    let store = Arc::new(store);
    let router = Router::new()
        .route("/add-checkpoint", post(add))
        .route("/{origin_hash}/checkpoint", get(latest))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::clone(&store))
        .merge(relay(statuses));
    let (at, since) = (Arc::clone(&store), Instant::now());
    // Figures are for this machine alone.
    let here = router.clone().merge(listen::health(Arc::new(move || at.health(since))));
    let Some(tls) = tls else {
        ready(&Ready { url, tls: None });
        let renewing = tokio::spawn(renew(Renewal { keys, store, identity: None, failed: false }));
        listen::serve(listener, here, listen::Limits::default(), stop).await;
        renewing.abort();
        return Ok(());
    };
    let failed = |error| WitnessError::Listen(tls.listen, error);
    let tcp = TcpListener::bind(tls.listen).await.map_err(failed)?;
    let address = tcp.local_addr().map_err(failed)?;
    let identity = OwnIdentity::new(tls.authority, now()?)?;
    let others = TlsListener { tcp, served: identity.served().clone() };
    let (ended, mut ends) = watch::channel(false);
    let stop = async move {
        stop.await;
        let _ = ended.send(true);
    };
    let stopped = async move { drop(ends.wait_for(|ended| *ended).await) };
    ready(&Ready { url, tls: Some(address) });
    let renewing = tokio::spawn(renew(Renewal { keys, store, identity: Some(identity), failed: false }));
    let limits = listen::Limits::default();
    tokio::join!(listen::serve(listener, here, limits, stop), listen::serve(others, router, limits, stopped),);
    renewing.abort();
    Ok(())
}

/// The parts of a witness that change while it serves.
struct Renewal {
    keys: KeyWatch,
    store: Arc<Store>,
    identity: Option<OwnIdentity>,
    /// Whether the certificate could not be renewed at the last attempt.
    failed: bool,
}

/// Takes up changed keys, and replaces the certificate when it is due. Runs until it is dropped.
async fn renew(mut renewal: Renewal) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Ok(now) = now() else { continue };
        // A key may be in a slow device.
        let looked = tokio::task::spawn_blocking(move || {
            renewal.look(now);
            renewal
        });
        let Ok(after) = looked.await else { return };
        renewal = after;
    }
}

impl Renewal {
    fn look(&mut self, now: Moment) {
        let changed = (self.keys)();
        let renewed = match (&self.identity, changed) {
            (None, None) => Ok(()),
            (Some(identity), None) => identity.renew(now).map(drop),
            (identity, Some(ChangedKeys { cosigning, authority })) => {
                tracing::info!(
                    keys = cosigning.len(),
                    "the keys of this witness have changed, and are used from now on"
                );
                self.store.cosign_with(cosigning);
                identity.as_ref().map_or(Ok(()), |identity| identity.change(authority, now))
            }
        };
        if let Err(error) = &renewed
            && !self.failed
        {
            tracing::error!("the certificate cannot be renewed, so the old one stays in use: {error}");
        }
        self.failed = renewed.is_err();
    }
}

fn now() -> Result<Moment, WitnessError> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|_| WitnessError::Clock)?;
    let millis = u64::try_from(since.as_millis()).map_err(|_| WitnessError::Clock)?;
    Moment::from_millis(millis).map_err(|_| WitnessError::Clock)
}

/// The routes by which statuses come and go.
fn relay(statuses: Statuses) -> Router {
    Router::new()
        .route("/status", post(keep))
        .route("/status/{installation}", get(newest))
        .layer(DefaultBodyLimit::max(relayed_status::BYTES_MAX))
        .with_state(Arc::new(statuses))
}

async fn keep(State(statuses): State<Arc<Statuses>>, body: Bytes) -> Response {
    let decided = tokio::task::spawn_blocking(move || match RelayedStatus::decode(&body) {
        Ok(given) => statuses.add(given),
        Err(error) => Ok(Err(StatusRefusal::Unread(error.to_string()))),
    });
    let refusal = match decided.await {
        Ok(Ok(Ok(()))) => return "kept\n".into_response(),
        Ok(Ok(Err(refusal))) => refusal,
        Ok(Err(error)) => return failed(&error),
        Err(error) => return failed(&error),
    };
    let status = match refusal {
        StatusRefusal::UnknownInstallation => StatusCode::NOT_FOUND,
        StatusRefusal::Unread(_) => StatusCode::BAD_REQUEST,
        StatusRefusal::Unsound(_) => StatusCode::UNPROCESSABLE_ENTITY,
        StatusRefusal::Older(_) => StatusCode::CONFLICT,
    };
    (status, format!("{refusal}\n")).into_response()
}

async fn newest(State(statuses): State<Arc<Statuses>>, Path(installation): Path<String>) -> Response {
    match installation.parse::<Id>().ok().and_then(|installation| statuses.newest(installation)) {
        Some(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        None => (StatusCode::NOT_FOUND, "no status of this installation is kept here\n").into_response(),
    }
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

/// Pause between two looks at the certificate's age.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Room for a note, 63 proof lines and the line with the old size.
const BODY_BYTES_MAX: usize = NOTE_BYTES_MAX + 4096;
