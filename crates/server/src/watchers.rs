//! The browsers that watch the ledger, and the changes that they are told.
//!
//! Invariant: a watcher that cannot keep up learns that it missed some, and never holds up others.

use std::sync::Arc;

use evidence::{Name, Place};
use tokio::sync::broadcast;

/// The place, run and project of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Size of the ledger with this entry.
    pub size: u64,
    /// The project that a reader must be allowed to read; `None` for what is about the whole installation.
    pub project: Option<Name>,
    /// Whether only its sender and readers of everything may know of it.
    pub is_refusal: bool,
    /// The place.
    pub place: Option<Place>,
    /// The run.
    pub run: Option<String>,
}

/// The watchers of one server.
#[derive(Debug)]
pub struct Watchers(broadcast::Sender<Arc<Change>>);

impl Watchers {
    /// No watcher yet.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(BEHIND_MAX))
    }

    /// Number of watchers.
    pub fn count(&self) -> usize {
        self.0.receiver_count()
    }

    /// Tells all watchers of a change.
    pub fn tell(&self, change: Change) {
        // Nobody may be left who watches.
        drop(self.0.send(Arc::new(change)));
    }

    /// All changes from now on.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Change>> {
        self.0.subscribe()
    }
}

/// Most changes that a watcher may be behind.
pub const BEHIND_MAX: usize = 256;
