//! Events of observations, as facts.
//!
//! Invariant: facts hold no text and no measured number. These are in the signed observation, a blob.

use evidence::observations::{About, Observation, ObservationKind};
use evidence::{Digest, Name, Place};
use serde::{Deserialize, Serialize};

/// An agent observed something at its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Digest of the observation's payload.
    pub observation: Digest,
    /// Its kind. A program that does not know it stops.
    pub kind: ObservationKind,
    /// The place.
    pub place: Place,
    /// The agent.
    pub agent: Name,
    /// Number among the agent's reports and observations.
    pub sequence: u64,
    /// The release that it is about; absent if it is about the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<ObservedRelease>,
    /// Whether it bars the artifact of this release at the place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bars: bool,
    /// Whether its agent applies no release until a later one of this kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds: bool,
    /// Number of the statement of a preview that the agent removed. It counts for previews alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<u64>,
    /// Digest of the signed envelope, a blob.
    pub envelope: Digest,
}

/// A release that an agent observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedRelease {
    /// Number of the release.
    pub release: u64,
    /// The artifact.
    pub artifact: Digest,
    /// The plan.
    pub plan: Digest,
}

impl Observed {
    /// The facts of a signed observation. `payload` and `envelope` are the digests of its two forms.
    #[must_use]
    pub fn of(observation: &Observation, payload: Digest, envelope: Digest) -> Self {
        let about = observation.about();
        Self {
            observation: payload,
            kind: observation.kind(),
            place: observation.place.clone(),
            agent: observation.agent.clone(),
            sequence: observation.sequence,
            about: about.map(|About { release, artifact, plan }| ObservedRelease { release, artifact, plan }),
            bars: observation.barred().is_some(),
            holds: observation.body.holds(),
            ends: observation.ends(),
            envelope,
        }
    }
}
