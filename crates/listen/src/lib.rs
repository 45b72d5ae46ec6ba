//! HTTP/1.1 for roles that answer strangers: serves a router on a listener, within limits.
//!
//! Invariant: every connection holds one of a bounded number of places, of which no single peer can take all. A
//! connection loses its place when it sends no request, does not read what it asked for, or is closed by its peer, with
//! every request that still waits on it. It knows nothing of what is served; handlers find the [`Peer`] among the request's extensions.

mod answer;
mod line;
mod patient;
mod peer;
mod places;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use answer::Answered;
use line::{Gone, Line};
use patient::Patient;
use peer::Finder;
pub use peer::{Account, Peer};
use places::{Place, Places};

/// What a listener bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at once; further ones wait in the system's queue until one ends. A quarter is for this
    /// process's own user and root alone.
    pub connections: usize,
    /// Most connections of one peer: another user of this machine, or an address; and most that one identity keeps as
    /// [`known`], from all peers together. Further ones of a peer are closed at once, so
    /// that they do not stand in the queue before others.
    pub each: usize,
    /// How long a new connection may go without its first whole request head.
    pub first: Duration,
    /// How long it may go without the next one, after an answer. Longer than clients keep an idle connection for, so
    /// that none is closed at the moment in which it is used again.
    pub head: Duration,
    /// The same for a connection on which nobody has shown who they are ([`known`]).
    pub stranger: Duration,
    /// For how long somebody counts as known after the last request that has shown who they are. Longer than any answer
    /// takes: what is sent meanwhile shows nothing more.
    pub known: Duration,
    /// How long bytes that were sent may wait for their reader.
    pub unread: Duration,
    /// How long answers that are under way may take once the listener is asked to end.
    pub ending: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            each: 128,
            first: Duration::from_secs(5),
            head: Duration::from_secs(100),
            stranger: Duration::from_secs(100),
            known: Duration::from_mins(10),
            unread: Duration::from_mins(2),
            ending: Duration::from_secs(10),
        }
    }
}

tokio::task_local! {
    static PLACE: Arc<Place>;
}

/// The request that is answered here has shown who sends it: for a while, its connection is no stranger's. Somebody
/// else may send a request again that they got hold of: that shows nothing. Places are counted by identity.
pub fn known(identity: &str) {
    // Elsewhere there is no connection.
    let _ = PLACE.try_with(|place| place.is_known(identity));
}

/// Where connections come from.
pub trait Listener: Send {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static;

    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Whose it is. A connection that takes no limit is gone already.
    ///
    /// # Errors
    /// When it is gone.
    fn peer(stream: &Self::Stream, finder: &Finder, unread: Duration) -> io::Result<Peer>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }

    fn peer(stream: &TcpStream, finder: &Finder, unread: Duration) -> io::Result<Peer> {
        set_tcp_user_timeout(stream, u32::try_from(unread.as_millis()).unwrap_or(u32::MAX))?;
        set_socket_send_buffer_size(stream, UNREAD_BYTES_MAX)?;
        Ok(Peer::remote(finder, stream.peer_addr()?, stream.local_addr()?))
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }

    fn peer(stream: &UnixStream, _: &Finder, _: Duration) -> io::Result<Peer> {
        Peer::local(stream)
    }
}

/// Serves until `stop` resolves and the answers that are under way then were given, or took too long.
pub async fn serve<L: Listener>(
    listener: L,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    room_for(limits.connections);
    let (places, finder) = (Places::new(limits.connections, limits.each, limits.known), Finder::open());
    let (graceful, mut connections) = (GracefulShutdown::new(), JoinSet::new());
    let (mut stop, mut again) = (pin!(stop), Instant::now());
    loop {
        let next = async {
            sleep_until(again).await;
            places.free().await;
            listener.next().await
        };
        let next = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            next = next => next,
        };
        let stream = match next {
            Ok(stream) => stream,
            Err(error) if is_the_clients(&error) => continue,
            Err(error) => {
                again = later(&error);
                continue;
            }
        };
        let Ok(peer) = L::peer(&stream, &finder, limits.unread) else { continue };
        // Before its place, which somebody else may lose to it.
        let line = match Line::of(&stream) {
            Ok(line) => line,
            Err(error) => {
                again = later(&error);
                continue;
            }
        };
        let Some(place) = places.take(peer) else { continue };
        let begun = Arc::new(AtomicBool::new(false));
        let inner = TowerToHyperService::new(router.clone());
        let place = Arc::new(place);
        let (line, of) = (Arc::new(line), Arc::clone(&place));
        let service = Introduced { inner, peer, line, place: of, begun: Arc::clone(&begun) };
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES_MAX);
        let stream = TokioIo::new(Patient::new(stream, limits.unread, Arc::clone(&place)));
        let connection = graceful.watch(http.serve_connection(stream, service));
        connections.spawn(async move {
            // What goes wrong on a connection is its client's matter.
            tokio::select! {
                _ = connection => {}
                () = nothing_came(&begun, limits.first) => {}
                () = place.lost(limits.stranger) => {}
            }
            drop(place);
        });
    }
    drop(listener);
    drop(tokio::time::timeout(limits.ending, graceful.shutdown()).await);
    connections.shutdown().await;
}

/// When to try again. Files may have run out: some connection ends, and its own with it.
fn later(error: &io::Error) -> Instant {
    shown::say(&format!("warning: a connection could not be accepted: {error}"));
    Instant::now() + AGAIN
}

/// Resolves when no request came in time.
async fn nothing_came(begun: &AtomicBool, first: Duration) {
    tokio::time::sleep(first).await;
    if begun.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

/// A router whose requests say who sent them, and go no further once their peer is gone.
struct Introduced {
    inner: TowerToHyperService<Router>,
    peer: Peer,
    line: Arc<Line>,
    place: Arc<Place>,
    begun: Arc<AtomicBool>,
}

impl Service<Request<Incoming>> for Introduced {
    type Response = Response;
    type Error = Gone;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Gone>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.begun.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(self.peer);
        self.place.hears();
        let (answer, line, place) =
            (self.inner.call(request), Arc::clone(&self.line), Arc::clone(&self.place));
        Box::pin(PLACE.scope(Arc::clone(&self.place), async move {
            let answer = tokio::select! {
                biased;
                () = line.closed() => Err(Gone),
                answer = answer => answer.map_err(|never: Infallible| match never {}),
            };
            answer.map(|answer: Response| answer.map(|body| Body::new(Answered::new(body, place))))
        }))
    }
}

/// Whether a connection was gone before it was accepted, which says nothing about the next one.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Raises this process's own limit of open files as far as it may, so that as many connections leave some to work with.
fn room_for(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(FILES_EACH);
    let possible = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if current.is_some_and(|current| current < possible) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum });
        if let Err(error) = raised {
            shown::say(&format!("warning: the limit of open files stays as it is: {error}"));
        }
    }
}

/// Largest request head in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of answers that wait for their reader in the kernel, which doubles them for its own use (socket(7)).
const UNREAD_BYTES_MAX: usize = 256 * 1024;
/// Files that a connection may need at once: its own two, and what it reads or writes.
const FILES_EACH: u64 = 4;
/// Until the next try, when a connection could not be accepted.
const AGAIN: Duration = Duration::from_secs(1);
