//! Figures of a splitter: how many requests each group got, and how they ended.
//!
//! Invariant: numbers of a group only rise from its beginning on, except those of requests under way. The file counts nothing.

use serde::{Deserialize, Serialize};

/// Figures of all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Number of the table in force; 0 before the first one.
    pub generation: u64,
    /// Groups of the table in force, and those that left it last, in the order of their beginning.
    pub groups: Vec<GroupFigures>,
    /// Clients' connections at this moment.
    pub connections: u64,
    /// Requests that no group got: malformed, beyond a limit, or while no group had a weight.
    pub refused: u64,
}

/// Figures of a group since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFigures {
    /// Its name.
    pub id: String,
    /// The number of the table with which it began. A group that left the table and came back begins anew.
    pub begun: u64,
    /// Whether the table in force has it.
    pub serving: bool,
    /// Requests that have ended (connections where the protocol is TCP), however they ended.
    pub requests: u64,
    /// Those of them that failed by the group.
    pub errors: Errors,
    /// Those of them that failed by their client.
    pub client: ClientErrors,
    /// Requests that were sent to a second backend because the first one took nothing of them.
    pub retried: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Times from a request to the head of its answer, without the time for which its client was waited for: pairs of
    /// [`crate::bucket`] and count, rising, without empty ones. Requests without an answer are not among them, but for those
    /// that took too long.
    pub latency: Vec<(u16, u64)>,
}

/// Requests that failed by their group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// Answers of 500 and above.
    pub status: u64,
    /// No backend took the connection.
    pub connect: u64,
    /// The backend ended the connection within the request or its answer, or broke the protocol.
    pub broken: u64,
    /// The backend did not go on in time.
    pub timeout: u64,
}

/// Requests that failed by their client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientErrors {
    /// Answers of 400 to 499.
    pub status: u64,
    /// The client ended the connection, broke the protocol or did not go on in time.
    pub aborted: u64,
}

impl Errors {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.status + self.connect + self.broken + self.timeout
    }
}

impl ClientErrors {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.status + self.aborted
    }
}
