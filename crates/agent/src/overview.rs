//! The knowledge of an agent about its place, for a person who works on its host while the server is away.
//!
//! Invariant: it is read from the memory and changes nothing. No decision of the agent rests on it.

use evidence::{CommitId, Digest, Id, Name, Place};
use serde::{Deserialize, Serialize};

use crate::memory::{KnownRelease, Memory};

/// The knowledge of an agent about its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overview {
    /// Version of this format; 1.
    pub v: u8,
    /// Id of the installation.
    pub installation: Id,
    /// Name of the agent.
    pub agent: Name,
    /// Its place.
    pub place: Place,
    /// The running release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<KnownHere>,
    /// The release that is rolled out step by step beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling: Option<KnownHere>,
    /// Releases that ran before and lie on this host, the latest first, without those that were rolled back or are barred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<KnownHere>,
    /// Artifacts that failed their judgement here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barred: Vec<BarredHere>,
    /// Highest number of a release that was seen.
    pub seen_release: u64,
    /// Number of a return that a person brings by hand next.
    pub next_by_hand: u64,
    /// Highest version of a trust root that was seen.
    pub seen_root: u32,
    /// Highest number of a status that was seen.
    pub seen_status: u64,
    /// Highest number of an environment statement that was seen.
    pub seen_statement: u64,
    /// Returns by hand that the server has not recorded.
    pub unrecorded: usize,
}

/// A release on the agent's host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownHere {
    /// Its number.
    pub release: u64,
    /// Its artifact.
    pub artifact: Digest,
    /// Its commit.
    pub commit: CommitId,
}

/// An artifact that failed its judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BarredHere {
    /// The artifact.
    pub artifact: Digest,
    /// Number of the release that failed.
    pub release: u64,
    /// The judgement in a few words.
    pub why: String,
}

impl Memory {
    /// The knowledge of the agent about its place.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let rolling = self.rollout.as_ref().and_then(|rollout| here(&rollout.new));
        let before = self.before.iter().filter(|before| Some(before.artifact) != self.left);
        let before = before.chain(&self.earlier).filter(|known| !self.barred.contains_key(&known.artifact));
        let barred = self.barred.iter().map(|(artifact, bar)| BarredHere {
            artifact: *artifact,
            release: bar.release,
            why: bar.why.clone(),
        });
        Overview {
            v: 1,
            installation: self.installation,
            agent: self.agent.clone(),
            place: self.place.clone(),
            running: self.running.as_ref().and_then(here),
            rolling,
            before: before.filter_map(here).collect(),
            barred: barred.collect(),
            seen_release: self.seen_release,
            next_by_hand: self.number_by_hand(),
            seen_root: self.seen_root,
            seen_status: self.seen_status,
            seen_statement: self.seen_statement,
            unrecorded: self.carried_out.len(),
        }
    }
}

/// The release, unless an older program brought it up, which noted no number.
fn here(known: &KnownRelease) -> Option<KnownHere> {
    Some(KnownHere { release: known.release?, artifact: known.artifact, commit: known.commit.clone() })
}
