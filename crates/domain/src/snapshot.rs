//! Snapshots: copies of the state at one size of the ledger, so that a start does not have to fold every entry.
//!
//! Invariant: a snapshot decides nothing. Its entry binds it to a size, a root hash and the rules. A snapshot that does
//! not match is discarded, and the ledger is folded from its beginning.

pub use crate::event::Snapshotted;

use crate::event::Event;
use crate::refusal::{Reason, Refusal};
use crate::rules::RULES;
use crate::state::State;

/// Records a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSnapshot {
    /// The snapshot.
    pub snapshotted: Snapshotted,
}

/// Decides whether a snapshot is recorded.
///
/// # Errors
/// `Refusal` when the snapshot is of a larger ledger or of other rules.
pub fn record(state: &State, command: &RecordSnapshot) -> Result<Vec<Event>, Refusal> {
    let snapshotted = command.snapshotted.clone();
    if snapshotted.size > state.entries || snapshotted.rules != RULES {
        let what = "the snapshot is of another ledger or other rules";
        return Err(Reason::new("snapshot-unfit", what, "take it anew").into());
    }
    Ok(vec![Event::Snapshotted(snapshotted)])
}
