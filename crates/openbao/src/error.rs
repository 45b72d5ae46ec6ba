//! Failures of a store.
//!
//! Invariant: no error holds a value, a token or a body. The server's own complaint is bounded text by others.

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// Nothing came back, or not in time. The same may work later.
    #[error("{address} does not answer: {what}")]
    Unreachable {
        /// The store.
        address: String,
        /// The failure of the transport.
        what: String,
    },
    /// The store is sealed, in standby, or starts.
    #[error("{address} is sealed or not ready (status {status}); unseal it, or try again")]
    NotReady {
        /// The store.
        address: String,
        /// Its status code.
        status: u16,
    },
    /// The store refuses this login or token.
    #[error("{address} refuses to {act}: {said}; see the policies and the role of the login there")]
    Refused {
        /// The store.
        address: String,
        /// The operation in words.
        act: String,
        /// Its complaint.
        said: String,
    },
    /// There is nothing there.
    #[error("{address} has nothing at `{path}`: it was never written, or it was deleted or destroyed")]
    Absent {
        /// The store.
        address: String,
        /// The path.
        path: String,
    },
    /// Somebody else wrote first.
    #[error("`{path}` at {address} has another version than the expected {expected}: read it again")]
    Conflict {
        /// The store.
        address: String,
        /// The path.
        path: String,
        /// The version that was expected.
        expected: u64,
    },
    /// Another failure that the store reports.
    #[error("{address} cannot {act}: status {status}: {said}")]
    Failed {
        /// The store.
        address: String,
        /// The operation in words.
        act: String,
        /// Its status code.
        status: u16,
        /// Its complaint.
        said: String,
    },
    /// The answer is not what the interface promises.
    #[error("{address} answers in another form than its documentation says: {what}")]
    Answer {
        /// The store.
        address: String,
        /// The difference.
        what: &'static str,
    },
    /// This program could not ask.
    #[error("the store cannot be asked: {0}")]
    Client(String),
}

impl StoreError {
    /// Whether the same may work later, without anybody's doing.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NotReady { .. })
    }
}
