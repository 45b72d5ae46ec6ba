//! A client's connection, as its requests see it: the address, and the marks by which the stream below learns how to end.
//!
//! Invariant: an answer that was broken off marks its connection, and a connection with that mark ends with a reset, so that
//! even an answer without a length does not look complete.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::slots::Slot;

/// A client's connection.
#[derive(Debug)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// Whether it speaks HTTP/2.
    pub is_http2: bool,
    /// The slot that it takes until its last tunnel has ended.
    _slot: Slot,
    since: Instant,
    /// Whether a request has come.
    begun: AtomicBool,
    /// An answer was broken off.
    is_aborted: AtomicBool,
    /// A request was not read to its end.
    has_unread: AtomicBool,
    under_way: AtomicU64,
    /// When the last request ended, in microseconds since the beginning.
    last: AtomicU64,
    requests: AtomicU64,
    abandoned: AtomicU64,
}

impl Client {
    /// A connection that begins now.
    pub fn new(address: IpAddr, is_http2: bool, slot: Slot) -> Self {
        Self {
            address,
            is_http2,
            _slot: slot,
            since: Instant::now(),
            begun: AtomicBool::new(false),
            is_aborted: AtomicBool::new(false),
            has_unread: AtomicBool::new(false),
            under_way: AtomicU64::new(0),
            last: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        }
    }

    /// Whether a request has come.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Notes that an answer was broken off.
    pub fn abort(&self) {
        // Other answers of a connection of HTTP/2 go on; this one's stream is reset.
        if !self.is_http2 {
            self.is_aborted.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the connection ends with a reset.
    pub fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::Relaxed)
    }

    /// Notes that a request was not read to its end.
    pub fn leave_unread(&self) {
        self.has_unread.store(true, Ordering::Relaxed);
    }

    /// Whether bytes of the client may come that nobody reads.
    pub fn has_unread(&self) -> bool {
        self.has_unread.load(Ordering::Relaxed)
    }

    /// Notes a request.
    pub fn begin(self: &Arc<Self>) -> Visit {
        self.begun.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Visit { client: Arc::clone(self), has_ended: false }
    }

    /// Time without a request.
    pub fn idle(&self) -> Duration {
        if self.under_way.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        self.since.elapsed().saturating_sub(Duration::from_micros(self.last.load(Ordering::Relaxed)))
    }

    /// Whether the client abandons most of many requests: each one costs a connection to a backend.
    pub fn is_abusive(&self) -> bool {
        let abandoned = self.abandoned.load(Ordering::Relaxed);
        abandoned > ABANDONED_MAX && abandoned > self.requests.load(Ordering::Relaxed) / 2
    }
}

/// A request of a connection. If it is dropped before its end, its client abandoned it.
#[derive(Debug)]
pub struct Visit {
    client: Arc<Client>,
    has_ended: bool,
}

impl Visit {
    /// The connection.
    pub const fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Ends it.
    pub fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let client = &self.client;
        let now = u64::try_from(client.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        client.last.store(now, Ordering::Relaxed);
        client.under_way.fetch_sub(1, Ordering::Relaxed);
        if !self.has_ended {
            client.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Abandoned requests of a connection that are not looked at.
const ABANDONED_MAX: u64 = 100;
