//! The end of a preview: its agent removed the processes and everything that they left.
//!
//! Invariant: it is the last observation of a preview. It is made after the files are gone, so its numbers are of what was
//! removed. It says nothing about a release, and no gate reads it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rules::{About, Content};

/// The end of a preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewRemoved {
    /// Number of its statement, the time of its request in milliseconds.
    pub number: u64,
    /// Why it ended.
    pub because: RemovedBecause,
    /// Number of files that were removed.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why a preview ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemovedBecause {
    /// Its time was over.
    Expired,
    /// A person asked for it.
    Asked,
    /// The policy signers no longer allow it: the template was withdrawn or changed.
    Withdrawn,
}

impl RemovedBecause {
    /// The name in payloads and texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Asked => "asked",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Content for PreviewRemoved {
    fn fault(&self) -> Option<&'static str> {
        (self.number == 0).then_some("the number of a preview's statement starts at 1")
    }

    fn about(&self) -> Option<About> {
        None
    }

    fn is_intermediate(&self) -> bool {
        false
    }

    fn bars(&self) -> bool {
        false
    }

    fn ends(&self) -> Option<u64> {
        Some(self.number)
    }

    fn facts(&self) -> Value {
        json!({ "because": self.because, "files": self.files, "bytes": self.bytes })
    }

    fn summary(&self) -> String {
        format!("removed ({}): {} files, {} bytes", self.because.as_str(), self.files, self.bytes)
    }

    fn detail(&self) -> String {
        String::new()
    }
}
