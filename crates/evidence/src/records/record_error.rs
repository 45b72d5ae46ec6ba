//! The reasons why lines are unsound.

use crate::canonical::CanonicalError;

/// Why lines are unsound.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// This program does not know the version.
    #[error("lines: version {0} is newer than this program knows (1)")]
    Version(u8),
    /// There is no line, or one that breaks a rule.
    #[error("lines: {0}")]
    Rule(&'static str),
}
