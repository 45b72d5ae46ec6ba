//! Purposes of the keys in an enrolment. Format: `docs/formats/enrolment.md`.
//!
//! Invariant: the names and their order are part of the format.

use serde::{Deserialize, Serialize};

/// Kinds of statements that a key may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The key signs requests.
    SignIn,
    /// The key signs approvals and rejections.
    Approve,
    /// The key signs commits.
    Commit,
}
