//! A check of one release, as work of a runner: what a receipt is about, and what is due.
//!
//! Invariant: it names one release of one place and its artifact, so no receipt counts for another one.

use serde::{Deserialize, Serialize};

use crate::{Digest, Name, Place};

/// A check of one release, as work of a runner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseCheck {
    /// The place.
    pub place: Place,
    /// Number of the release that its agent brought up.
    pub release: u64,
    /// The artifact of that release.
    pub artifact: Digest,
    /// Name of the check in the release file.
    pub name: Name,
}
