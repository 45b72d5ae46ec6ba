//! A backend: one process of a group, its idle connections, and whether it takes any.
//!
//! Invariant: an idle connection is used again only within a stated time and after a look at it, and it is closed after that
//! time. A backend that refused a connection or closed one instead of an answer rests for a moment: others of its group take
//! requests, if there are any.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::Limits;
use crate::link::Link;
use crate::upload::Upload;

/// A backend.
#[derive(Debug)]
pub struct Backend {
    /// Where it listens.
    pub address: SocketAddr,
    under_way: AtomicU32,
    /// Until when it rests, in milliseconds since this process began to count.
    rests_until: AtomicU64,
    idle: Mutex<Vec<(Instant, Link)>>,
    http2: tokio::sync::Mutex<Option<SendRequest<Upload>>>,
}

/// A request that a backend has.
#[derive(Debug)]
pub struct Busy(Arc<Backend>);

impl Backend {
    /// A backend without connections.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            under_way: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
            idle: Mutex::default(),
            http2: tokio::sync::Mutex::default(),
        }
    }

    /// The one to choose is the lowest: one that does not rest, with the fewest requests.
    pub fn rank(&self) -> (bool, u32) {
        let rests = self.rests_until.load(Ordering::Relaxed);
        (rests > 0 && rests > now_ms(), self.under_way.load(Ordering::Relaxed))
    }

    /// Gives it a request.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Lets others of its group go first for a moment.
    pub fn rest(&self) {
        self.rests_until.store(now_ms() + REST_MS, Ordering::Relaxed);
    }

    /// Closes idle connections that are older.
    pub fn close_idle(&self, time: Duration) {
        let now = Instant::now();
        let (old, young) = std::mem::take(&mut *self.idle())
            .into_iter()
            .partition::<Vec<_>, _>(|(since, _)| now.saturating_duration_since(*since) >= time);
        self.idle().extend(young);
        // Sockets are closed without the lock.
        drop(old);
    }

    /// An idle connection that was used within this time.
    pub fn idle_link(&self, time: Duration) -> Option<Link> {
        loop {
            let (since, mut link) = self.idle().pop()?;
            // All others are older.
            if since.elapsed() >= time {
                return None;
            }
            if link.is_usable() {
                return Some(link);
            }
        }
    }

    /// A new connection.
    pub async fn link(&self, limits: Limits) -> Option<Link> {
        let link = timeout(millis(limits.connect_ms), Link::open(self.address, limits)).await;
        self.looked_at(link.ok().and_then(Result::ok))
    }

    /// A new connection whose protocol is not known.
    pub async fn stream(&self, limits: Limits) -> Option<TcpStream> {
        let stream = timeout(millis(limits.connect_ms), TcpStream::connect(self.address)).await;
        let stream = stream.ok().and_then(Result::ok);
        self.looked_at(stream.filter(|stream| stream.set_nodelay(true).is_ok()))
    }

    /// The connection for all requests by HTTP/2.
    pub async fn http2(&self, limits: Limits) -> Option<SendRequest<Upload>> {
        let mut held = self.http2.lock().await;
        if let Some(sender) = held.as_ref().filter(|sender| !sender.is_closed()) {
            return Some(sender.clone());
        }
        let stream = self.stream(limits).await?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_header_list_size(limits.head_bytes);
        builder.initial_stream_window_size(STREAM_BYTES).initial_connection_window_size(CONNECTION_BYTES);
        builder.keep_alive_interval(PING_TIME).keep_alive_timeout(millis(limits.connect_ms));
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        *held = Some(sender.clone());
        Some(sender)
    }

    /// Keeps a connection for the next request.
    fn keep(&self, link: Link) {
        let mut idle = self.idle();
        if idle.len() < IDLE_MAX {
            idle.push((Instant::now(), link));
        }
    }

    /// Rests if there is nothing.
    fn looked_at<T>(&self, connection: Option<T>) -> Option<T> {
        if connection.is_none() {
            self.rest();
        }
        connection
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Instant, Link)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Busy {
    /// The backend.
    pub const fn backend(&self) -> &Arc<Backend> {
        &self.0
    }

    /// Ends the request, and keeps its connection if it can have another one.
    pub fn end(self, mut link: Link) {
        if link.is_usable() {
            self.0.keep(link);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A number of milliseconds as a time.
pub fn millis(count: u32) -> Duration {
    Duration::from_millis(u64::from(count))
}

fn now_ms() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Idle connections of a backend.
const IDLE_MAX: usize = 512;
/// Time for which a backend rests that refused a connection.
const REST_MS: u64 = 1_000;
/// Bytes of a stream of HTTP/2 that may lie here unread.
const STREAM_BYTES: u32 = 256 * 1024;
/// Bytes of a connection of HTTP/2 that may lie here unread.
const CONNECTION_BYTES: u32 = 4 * 1024 * 1024;
/// A backend by HTTP/2 is asked in such intervals whether it is there.
const PING_TIME: Duration = Duration::from_secs(10);
