//! Values that pages need again, in memory: facts of commits, and judged releases.

use evidence::CommitId;

use super::cache::Cache;
use super::commit_facts::CommitFacts;
use super::judgement::{Judged, JudgementKey};

/// Values that pages need again.
#[derive(Debug)]
pub struct PageCaches {
    /// Facts of commits. A commit never changes.
    pub commits: Cache<CommitId, CommitFacts>,
    /// Judged releases, each with everything that its judgement depends on.
    pub judgements: Cache<JudgementKey, Judged>,
}

impl Default for PageCaches {
    fn default() -> Self {
        Self { commits: Cache::new(COMMITS_MAX), judgements: Cache::new(JUDGEMENTS_MAX) }
    }
}

const COMMITS_MAX: usize = 2_000;
/// Most judgements; each holds the lines of a page.
const JUDGEMENTS_MAX: usize = 128;
