//! Limits of a splitter's port: connections, heads and waiting times.
//!
//! Invariant: none can be switched off, and an absent one has its default. An agent uses the defaults; they cannot be set yet.

use serde::{Deserialize, Serialize};

use crate::fault::TableError;

/// Limits of a port. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Highest number of clients' connections at once. Further ones wait in the system's queue.
    pub connections: u32,
    /// Highest number of connections of one address. Further ones are closed at once.
    pub each: u32,
    /// Highest number of requests that a connection of HTTP/2 has at once.
    pub streams: u32,
    /// Highest number of bytes of a request's or an answer's head.
    pub head_bytes: u32,
    /// Highest number of headers of a request or an answer.
    pub headers: u32,
    /// Longest time in which a new connection sends its first head.
    pub head_ms: u32,
    /// Longest time from an answer to the end of the next head on the same connection.
    pub idle_ms: u32,
    /// Longest time for which a client sends nothing of a body that it began, or reads nothing of an answer.
    pub stalled_ms: u32,
    /// Longest time for connecting to a backend.
    pub connect_ms: u32,
    /// Longest time in which a backend takes nothing of a request, begins no answer to it, or sends nothing of an answer that
    /// it began.
    pub answer_ms: u32,
    /// Longest time for which neither side of a tunnel (TCP or `Upgrade`) sends anything.
    pub tunnel_ms: u32,
    /// Longest time for which a connection to a backend is kept for further requests. It is shorter than servers keep theirs.
    pub reuse_ms: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            each: 1_024,
            streams: 128,
            head_bytes: 64 * 1024,
            headers: 100,
            head_ms: 10_000,
            idle_ms: 75_000,
            stalled_ms: 60_000,
            connect_ms: 2_000,
            answer_ms: 60_000,
            tunnel_ms: 3_600_000,
            reuse_ms: 2_000,
        }
    }
}

impl Limits {
    pub(crate) fn check(&self) -> Result<(), TableError> {
        let rows = [
            ("connections", self.connections, 1, 65_536),
            ("each", self.each, 1, 65_536),
            ("streams", self.streams, 1, 1_024),
            // Hyper's smallest buffer is 8 KiB.
            ("head_bytes", self.head_bytes, 8 * 1024, 1024 * 1024),
            ("headers", self.headers, 8, 1_024),
            ("head_ms", self.head_ms, 10, HOUR_MS),
            ("idle_ms", self.idle_ms, 10, HOUR_MS),
            ("stalled_ms", self.stalled_ms, 10, HOUR_MS),
            ("connect_ms", self.connect_ms, 10, HOUR_MS),
            ("answer_ms", self.answer_ms, 10, HOUR_MS),
            ("tunnel_ms", self.tunnel_ms, 10, 24 * HOUR_MS),
            ("reuse_ms", self.reuse_ms, 0, HOUR_MS),
        ];
        for (name, value, least, most) in rows {
            if value < least || value > most {
                return Err(TableError::Outside(name, u64::from(least), u64::from(most)));
            }
        }
        Ok(())
    }
}

const HOUR_MS: u32 = 3_600_000;
