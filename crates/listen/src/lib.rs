//! HTTP/1.1 for roles that answer strangers: serves a router on a listener, within limits.
//!
//! Invariant: every connection holds one of a bounded number of slots, and no single peer can take all of them. A
//! connection loses its slot if it sends no request, does not read its answer, or is closed by its peer; with it end
//! all requests that still wait on it. A handshake counts as part of the time for the first request. The crate knows nothing
//! about the served content, and refuses requests that name two hosts or senders; handlers find the [`Peer`] among the request's extensions, and over TLS the certificate that
//! the client has shown.

mod ambiguous;
mod answer;
mod health;
mod opened;
mod peer;
mod refused;
mod slots;
#[cfg(test)]
mod tests;
mod timed_stream;
mod watch;

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
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tls::{PeerCertificate, Served};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use answer::AnswerBody;
pub use health::{Health, HealthLook, health};
use opened::Opened;
use peer::Finder;
pub use peer::{Account, Peer};
use refused::Refusals;
use slots::{Slot, Slots};
use timed_stream::TimedStream;
use watch::{PeerClosed, PeerWatch};

/// Limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Highest number of connections at once. Further ones wait in the system's queue until one ends. A quarter is
    /// reserved for this process's own user and root.
    pub connections: usize,
    /// Highest number of connections of one peer, which is another user of this machine or an address. It is also the
    /// highest number of connections that one identity keeps after [`note_identity`], from all peers together. Further
    /// ones of a peer are closed at once, so that they do not wait in the queue in front of others.
    pub each: usize,
    /// Time in which a new connection has to send its first complete request head.
    pub first: Duration,
    /// Time in which a connection has to send the next head after an answer. It is longer than clients keep an idle
    /// connection, so that the server never closes a connection just when a client reuses it.
    pub head: Duration,
    /// The same for a connection on which no identity was proven ([`note_identity`]).
    pub stranger: Duration,
    /// Time for which an identity counts as known after the last request that proved it. It is longer than any answer
    /// takes, because a request under way proves nothing new.
    pub known: Duration,
    /// Time that sent bytes may wait for their reader.
    pub unread: Duration,
    /// Time that answers under way may take after the listener was asked to stop.
    pub ending: Duration,
    /// Highest number of connections whose answer does not end by itself ([`become_stream`]). They are not counted among
    /// `connections`. A quarter is reserved for this process's own user and root.
    pub streams: usize,
    /// Highest number of such connections of one identity, or of one peer without an identity.
    pub streams_each: usize,
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
            streams: 1_024,
            streams_each: 32,
        }
    }
}

tokio::task_local! {
    static SLOT: Arc<Slot>;
}

/// Notes that the current request has proven the identity of its sender, so that its connection is not a stranger's for
/// a while. Call it only for a first-time request: a repeated one may come from anybody who intercepted it. Slots are
/// counted by identity.
pub fn note_identity(identity: &str) {
    // Outside of a connection, for instance in a test, there is no slot.
    let _ = SLOT.try_with(|slot| slot.note_identity(identity));
}

/// Moves the connection of the current request to a place for streams, because its answer does not end by itself; answers
/// whether there was one. The answer must close the connection at its end. An empty identity is counted by peer.
#[must_use]
pub fn become_stream(identity: &str) -> bool {
    // Outside of a connection, for instance in a test, there is no slot.
    SLOT.try_with(|slot| slot.become_stream(identity)).unwrap_or(true)
}

/// Source of connections.
pub trait Listener: Send {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static;

    /// Waits for the next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Lets more connections wait to be accepted. Where this queue is full, the kernel drops the first packet of a newcomer, who
    /// tries again after a second, then after two: others could delay a freeze by as much.
    ///
    /// # Errors
    /// When the kernel refuses it.
    fn lengthen_queue(&self) -> io::Result<()> {
        Ok(())
    }

    /// Finds the peer of a connection, and sets the limit on unread bytes.
    ///
    /// # Errors
    /// When the connection is already gone.
    fn peer(stream: &Self::Stream, finder: &Finder, unread: Duration) -> io::Result<Peer>;

    /// The identity that each connection shows in a handshake before its first request; `None` if there is no handshake.
    fn handshake(&self) -> Option<Served> {
        None
    }
}

/// A TCP listener whose connections begin with the handshake of TLS. A request's extensions have the certificate that its
/// client showed.
#[derive(Debug)]
pub struct TlsListener {
    /// Where connections come from.
    pub tcp: TcpListener,
    /// The identity of this listener.
    pub served: Served,
}

impl Listener for TlsListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Listener::next(&self.tcp).await
    }

    fn lengthen_queue(&self) -> io::Result<()> {
        self.tcp.lengthen_queue()
    }

    fn peer(stream: &TcpStream, finder: &Finder, unread: Duration) -> io::Result<Peer> {
        TcpListener::peer(stream, finder, unread).map(Peer::over_tls)
    }

    fn handshake(&self) -> Option<Served> {
        Some(self.served.clone())
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }

    fn lengthen_queue(&self) -> io::Result<()> {
        Ok(rustix::net::listen(self, QUEUE_MAX)?)
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

/// Serves until `stop` resolves. Then waits until the answers under way have ended, or the time for them is over.
pub async fn serve<L: Listener>(
    listener: L,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    room_for(limits.connections + limits.streams);
    // The shorter one serves, too.
    drop(listener.lengthen_queue());
    let streams = (limits.streams, limits.streams_each);
    let slots = Slots::with_streams(limits.connections, limits.each, limits.known, streams);
    let finder = Finder::open();
    let (graceful, mut connections) = (GracefulShutdown::new(), JoinSet::new());
    let (mut stop, mut again) = (pin!(stop), Instant::now());
    let (handshake, refusals) = (listener.handshake(), Arc::new(Refusals::default()));
    loop {
        let next = async {
            sleep_until(again).await;
            slots.free().await;
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
        // Before the slot is taken: otherwise another connection might lose its slot for nothing.
        let watch = match PeerWatch::of(&stream) {
            Ok(watch) => watch,
            Err(error) => {
                again = later(&error);
                continue;
            }
        };
        let Some(slot) = slots.take(peer) else { continue };
        let (slot, begun) = (Arc::new(slot), Arc::new(AtomicBool::new(false)));
        let stream = TimedStream::new(stream, limits.unread, Arc::clone(&slot));
        let service = PeerService {
            inner: TowerToHyperService::new(router.clone()),
            peer,
            certificate: None,
            watch: Arc::new(watch),
            slot: Arc::clone(&slot),
            begun: Arc::clone(&begun),
        };
        let (watcher, handshake, refusals) = (graceful.watcher(), handshake.clone(), Arc::clone(&refusals));
        let connection = async move {
            match Opened::begin(stream, handshake).await {
                Ok((stream, certificate)) => {
                    let service = PeerService { certificate, ..service };
                    let http = http(limits.head).serve_connection(TokioIo::new(stream), service);
                    // An error on a connection concerns its client only.
                    drop(watcher.watch(http).await);
                }
                Err(error) => refusals.tell(peer, &error, Instant::now()),
            }
        };
        connections.spawn(bounded(connection, begun, slot, limits));
    }
    drop(listener);
    drop(tokio::time::timeout(limits.ending, graceful.shutdown()).await);
    connections.shutdown().await;
}

/// A connection to its end, which comes early if it loses its slot.
async fn bounded(
    connection: impl Future<Output = ()>,
    begun: Arc<AtomicBool>,
    slot: Arc<Slot>,
    limits: Limits,
) {
    tokio::select! {
        () = connection => {}
        () = nothing_came(&begun, limits.first) => {}
        () = slot.lost(limits.stranger) => {}
    }
}

fn http(head: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head).max_buf_size(HEAD_BYTES_MAX);
    http
}

/// Time of the next try. If the process has run out of files, some connection will end and free some.
fn later(error: &io::Error) -> Instant {
    tracing::warn!("a connection could not be accepted: {error}");
    Instant::now() + AGAIN
}

/// Resolves if no request came in time.
async fn nothing_came(begun: &AtomicBool, first: Duration) {
    tokio::time::sleep(first).await;
    if begun.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

/// A router that adds the peer to each request, and drops a request when its peer is gone.
struct PeerService {
    inner: TowerToHyperService<Router>,
    peer: Peer,
    certificate: Option<PeerCertificate>,
    watch: Arc<PeerWatch>,
    slot: Arc<Slot>,
    begun: Arc<AtomicBool>,
}

impl Service<Request<Incoming>> for PeerService {
    type Response = Response;
    type Error = PeerClosed;
    type Future = Pin<Box<dyn Future<Output = Result<Response, PeerClosed>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.begun.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(self.peer);
        if let Some(certificate) = &self.certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        self.slot.note_request();
        if let Some(fault) = ambiguous::fault(&request) {
            return Box::pin(async move {
                Ok((StatusCode::BAD_REQUEST, [(header::CONNECTION, "close")], fault).into_response())
            });
        }
        let (answer, watch, slot) =
            (self.inner.call(request), Arc::clone(&self.watch), Arc::clone(&self.slot));
        Box::pin(SLOT.scope(Arc::clone(&self.slot), async move {
            let answer = tokio::select! {
                biased;
                () = watch.closed() => Err(PeerClosed),
                answer = answer => answer.map_err(|never: Infallible| match never {}),
            };
            answer.map(|answer: Response| answer.map(|body| Body::new(AnswerBody::new(body, slot))))
        }))
    }
}

/// Whether the error concerns only one connection that was gone before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Raises the limit of open files of this process as far as allowed, so that this many connections leave enough files.
fn room_for(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(FILES_EACH);
    let possible = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if current.is_some_and(|current| current < possible) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum });
        if let Err(error) = raised {
            tracing::warn!("the limit of open files stays as it is: {error}");
        }
    }
}

/// Largest request head in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Unread bytes of answers that the kernel may hold. It doubles the number for its own use (socket(7)).
const UNREAD_BYTES_MAX: usize = 256 * 1024;
/// Files that a connection may need at once: two for itself, and two for the content that it reads or writes.
const FILES_EACH: u64 = 4;
/// Pause after a connection could not be accepted.
const AGAIN: Duration = Duration::from_secs(1);
/// Connections that may wait to be accepted; the kernel takes less if it allows less (`net.core.somaxconn`). A longer queue takes
/// more of a sudden crowd; who is last in it waits until all before were accepted, so it is not as long as can be.
const QUEUE_MAX: i32 = 1_024;
