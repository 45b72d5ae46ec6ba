//! Records: lines that no decision reads, of all that happened in one commit of the ledger.
//!
//! Invariant: the entry's particulars hold the lines, its facts the root of the tree over them. The state counts the entry
//! and keeps nothing of it.

use std::collections::BTreeSet;

use evidence::Digest;
use evidence::records::{Lines, RecordError, RecordKind};
use serde::{Deserialize, Serialize};

/// Lines were recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Number of lines.
    pub lines: u32,
    /// Root of the tree over them.
    pub root: Digest,
    /// Their kinds. A program that does not know one of them stops.
    pub kinds: BTreeSet<RecordKind>,
}

impl Recorded {
    /// The facts of these lines.
    ///
    /// # Errors
    /// `RecordError` when a line breaks a rule.
    pub fn of(lines: &Lines) -> Result<Self, RecordError> {
        Ok(Self {
            lines: u32::try_from(lines.iter().len()).unwrap_or(u32::MAX),
            root: lines.root()?,
            kinds: lines.kinds(),
        })
    }
}
