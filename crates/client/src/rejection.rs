//! The rollback that a rejection needs: the gate of a release in progress would not read the rejection any more.
//!
//! Input: the view of a place. Output: the rollback, and its page. Invariant: only the rejected release is rolled back.

use wire::PlaceView;

use crate::error::Error;
use crate::rollback::{self, Rollback};

/// The rollback that a rejection needs if the release is in progress: no gate would read the rejection any more.
#[derive(Debug)]
pub struct NeededRollback {
    /// The release in progress.
    pub release: u64,
    /// The rollback, or the reason why it is impossible.
    pub rollback: Result<Rollback, Error>,
}

impl NeededRollback {
    /// `None` if the release is not in progress.
    pub fn of(view: &PlaceView, release: u64) -> Option<Self> {
        let open = view.open.as_ref().filter(|open| open.release == release);
        open.filter(|open| rollback::is_under_way(open))
            .map(|_| Self { release, rollback: Rollback::of(view, None) })
    }

    /// The page that the person reads before the signature.
    pub fn page(&self, view: &PlaceView) -> String {
        let release = self.release;
        match &self.rollback {
            Ok(rollback) => format!(
                "\n\nrelease {release} is in progress, so a rejection rolls it back:\n{}",
                rollback.page(view)
            ),
            Err(error) => {
                format!("\n\nrelease {release} is in progress, and cannot be rolled back: {}", error)
            }
        }
    }
}
