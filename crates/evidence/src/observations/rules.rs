//! The parts of each kind of observations: a content, the rules of its form, and the release that it is about.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Digest;
use crate::configuration::Configuration;

/// The release that an observation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Number of the release at the place.
    pub release: u64,
    /// The artifact.
    pub artifact: Digest,
    /// The plan.
    pub plan: Digest,
}

/// The content of a kind.
pub(super) trait Content: Serialize + DeserializeOwned {
    /// A broken rule of the form.
    fn fault(&self) -> Option<&'static str>;

    /// The release that it is about; `None` if it is about the place, whatever runs there.
    fn about(&self) -> Option<About>;

    /// Whether a later one of the same kind and release says all that this one says, so that an agent that cannot reach its
    /// server keeps the later one alone.
    fn is_intermediate(&self) -> bool;

    /// Whether the release must not come again at this place until a person lifts that.
    fn bars(&self) -> bool;

    /// Whether a gate reads it of the place itself, and not of the environment before.
    const OF_ITSELF: bool = false;

    /// Whether it measures what this configuration of its place declares.
    fn fits(&self, _configuration: &Configuration) -> bool {
        true
    }

    /// Whether its agent applies no release until a later one of this kind.
    fn holds(&self) -> bool {
        false
    }

    /// Number of the statement of a preview that the agent removed with everything that it left.
    fn ends(&self) -> Option<u64> {
        None
    }

    /// The content as policies read it, with numbers and words alone.
    fn facts(&self) -> Value;

    /// The content in a few words.
    fn summary(&self) -> String;

    /// Why, in words with numbers; empty if there is nothing to explain.
    fn detail(&self) -> String;
}
