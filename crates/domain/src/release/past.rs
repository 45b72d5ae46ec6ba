//! The releases that ran at a place before, and those that people rolled back there.
//!
//! Invariant: both are bounded, and a release that was rolled back is no way back.

use evidence::Digest;
use evidence::report::ReleaseOutcome;

use super::event::RollbackRequested;
use super::state::{Current, PlaceState, RolledBack};

impl PlaceState {
    /// Artifacts that a rollback can go back to, the latest first. The first one may itself have been rolled back.
    pub fn past(&self) -> impl Iterator<Item = &Current> {
        self.before.iter().chain(&self.earlier)
    }

    /// Records the running artifact after a report.
    pub(super) fn runs(&mut self, now: Option<Current>, outcome: ReleaseOutcome) {
        let artifact = now.as_ref().map(|now| now.artifact);
        let changed = artifact != self.running.as_ref().map(|running| running.artifact);
        if outcome == ReleaseOutcome::Running && changed {
            let before = std::mem::replace(&mut self.before, self.running.take());
            // Older programs recorded no statement and kept one step of history, so their artifacts do not enter
            // `earlier`.
            let before = before.filter(|before| before.statement.is_some() && !self.bars(&before.artifact));
            self.earlier.splice(..0, before);
            let (now, before) = (artifact, self.before.as_ref().map(|before| before.artifact));
            self.earlier.retain(|one| Some(one.artifact) != now && Some(one.artifact) != before);
            self.earlier.truncate(EARLIER_MAX);
        }
        if changed || outcome == ReleaseOutcome::Running {
            self.running = now;
        }
    }

    /// Whether a person rolled an artifact back here and nobody asked for it again since.
    #[must_use]
    pub fn bars(&self, artifact: &Digest) -> bool {
        self.rollback_of(artifact).is_some()
    }

    /// The rollback that bars an artifact here.
    pub(super) fn rollback_of(&self, artifact: &Digest) -> Option<&RolledBack> {
        self.rolled_back.iter().find(|bar| bar.artifact == *artifact)
    }

    /// Bars the artifact that a finished rollback replaced, so that it does not come back by itself, and drops it if it
    /// is still wanted.
    pub(super) fn rolled_back(&mut self, returning: &RollbackRequested) {
        let Some(from) = returning.from else { return };
        let running = self.running.as_ref().filter(|running| running.artifact == from);
        let gone = match &returning.course {
            Some(course) => {
                self.returned = Some(returning.release);
                let is_other = from != returning.artifact;
                is_other.then(|| (course.from_commit.clone(), course.from_release))
            }
            None => running.map(|running| (running.commit.clone(), running.release)),
        };
        let Some((commit, release)) = gone else { return };
        self.rolled_back.retain(|bar| bar.artifact != from);
        let (by, person) = (returning.release, returning.person);
        self.rolled_back.push(RolledBack { artifact: from, commit, release, by, person });
        if self.rolled_back.len() > ROLLED_BACK_MAX {
            self.rolled_back.remove(0);
        }
        self.earlier.retain(|earlier| earlier.artifact != from);
        self.wanted.take_if(|wanted| wanted.artifact == from);
    }
}

/// Highest number of artifacts that stay barred at a place. Beyond it, the oldest one is forgotten.
const ROLLED_BACK_MAX: usize = 64;
/// Number of artifacts before `before` that a rollback can reach. Agents keep no more of them on disk.
pub const EARLIER_MAX: usize = 8;
