//! Values that pages about findings and components need again: contents of releases, budgets, counts, and statements.
//!
//! Invariant: a bundle and a statement never change, so their digests are enough as keys. Contents are bounded in bytes.

use evidence::trust_root::Mode;
use evidence::{Digest, Place};
use policy::Budget;
use review::contents::Contents;
use review::standing::Counting;
use review::tally::Counts;

use super::cache::Cache;

/// Values that pages about findings and components need again.
#[derive(Debug)]
pub struct ExposureCaches {
    /// Findings and components by the digest of the bundle; `None` for evidence that does not hold.
    pub contents: Cache<Digest, Option<Contents>>,
    /// Budgets of findings by policy, mode and place; `None` under a policy without one.
    pub budgets: Cache<(Digest, Mode, Place), Option<Budget>>,
    /// Counts of findings by the digest of the bundle; `None` for a bundle without a report of findings.
    pub counts: Cache<Digest, Option<Counts>>,
    /// Statements of people that settle findings, by the digest of their envelopes.
    pub statements: Cache<Digest, Counting>,
}

impl Default for ExposureCaches {
    fn default() -> Self {
        let bytes = |contents: &Option<Contents>| contents.as_ref().map_or(0, Contents::bytes);
        Self {
            contents: Cache::weighed(CONTENTS_MAX, CONTENTS_BYTES_MAX, bytes),
            budgets: Cache::new(BUDGETS_MAX),
            counts: Cache::new(COUNTS_MAX),
            statements: Cache::new(STATEMENTS_MAX),
        }
    }
}

/// Most releases whose findings and components are kept: more than places run at once.
const CONTENTS_MAX: usize = 4_096;
const CONTENTS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most budgets: more than places have policies at once.
const BUDGETS_MAX: usize = 4_096;
/// Most releases whose counts are kept; each has a few numbers.
const COUNTS_MAX: usize = 20_000;
/// Most statements. A project has at most 1,024 in force.
const STATEMENTS_MAX: usize = 4_096;
