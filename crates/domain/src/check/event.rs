//! Events of checks, as facts.

use evidence::Place;
use evidence::receipt::Work;
use serde::{Deserialize, Serialize};

/// Nobody will do the remaining checks of a release: a runner gave one up or is gone, or the trust root no longer names
/// a runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecksLost {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// The check that will never be reported.
    pub because: Work,
}
