//! Rules about time that people may lift for one release.
//!
//! Invariant: a freeze is not among them.

use serde::{Deserialize, Serialize};

/// A rule about time that an override lifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifted {
    /// The time for which the environment before has to run the artifact.
    Soak,
    /// The windows of the place.
    Windows,
}

impl Lifted {
    /// The rule in a few words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Soak => "its soak time",
            Self::Windows => "the windows of the place",
        }
    }
}
