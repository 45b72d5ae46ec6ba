//! The agent's memory: its pin, the highest numbers that it has seen, the release that it runs, its last report.
//!
//! Invariant: one file, written completely or not at all, before anything that depends on it. A crash between a switch and
//! this file leaves behind the old file, and the switch is done again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::release::{EARLIER_MAX, LEAP_MAX};
use evidence::Place;
use evidence::dsse::Envelope;
use evidence::plan::Plan;
use evidence::report::Running;
use evidence::rollback_order::RollbackOrder;
use evidence::status::StatusFile;
use evidence::{CommitId, Digest, Id, Moment, Name};
use judge::FreshCheckpoint;
use serde::{Deserialize, Serialize};

use crate::carried_out::CarriedOut;
use crate::chain::{Barred, Link};
use crate::preview_memory::{PreviewMemory, RemovedPreview};
use crate::rollout_memory::RolloutMemory;
use crate::rules::KnownRules;
use crate::secrets::HeldSecrets;
use crate::undo::Undo;

/// An agent's memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Version of this format; 1.
    pub v: u8,
    /// Id of the installation.
    pub installation: Id,
    /// The agent's name in the environment statement.
    pub agent: Name,
    /// The place.
    pub place: Place,
    /// Version of the pinned trust root.
    pub root_version: u32,
    /// Its digest.
    pub root: Digest,
    /// Whether a rehearsal's root is accepted.
    pub rehearsal: bool,
    /// Highest version of a trust root.
    pub seen_root: u32,
    /// Highest number of a status.
    pub seen_status: u64,
    /// Highest number of an environment statement.
    pub seen_statement: u64,
    /// Highest number of a release.
    pub seen_release: u64,
    /// Begun work without a report: after a crash it is done again, instead of being refused as old.
    #[serde(default)]
    pub begun: Option<Begun>,
    /// Digests of rollback requests that were carried out, and until when each could be sent again.
    #[serde(default)]
    pub returned: BTreeMap<Digest, Moment>,
    /// Latest time that a quorum of witnesses vouched for.
    #[serde(default)]
    pub seen_time: Moment,
    /// The newest status, from the server or from a file.
    #[serde(default)]
    pub status: Option<StatusFile>,
    /// The newest status that a status signer signed and that this program cannot read: until a newer one can be read,
    /// nothing is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<StatusFile>,
    /// A status that lay in the agent's directory until one that cannot be read took its place. It is in a separate file.
    #[serde(skip)]
    pub aside: Option<StatusFile>,
    /// The rules of a statement that was verified. They are in separate files.
    #[serde(skip)]
    pub declared: Option<KnownRules>,
    /// A newer checkpoint than the one of the release that is judged next, for its time.
    #[serde(skip)]
    pub fresh: Option<FreshCheckpoint>,
    /// Reports of the agents before this one about the release that is judged next, as the server hands them out.
    #[serde(skip)]
    pub ahead: Vec<Envelope>,
    /// The environment statement in force, if it came after the release that is judged next.
    #[serde(skip)]
    pub newer: Option<Envelope>,
    /// Text of the newest checkpoint.
    pub checkpoint: String,
    /// The running release.
    pub running: Option<KnownRelease>,
    /// The release that ran before.
    pub before: Option<KnownRelease>,
    /// Earlier releases, the latest first.
    #[serde(default)]
    pub earlier: Vec<KnownRelease>,
    /// The release that ran before, if it was rolled back: it is not added to the earlier ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Digest>,
    /// The rollout in force: its release is begun, and the one before it still counts as the running one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutMemory<KnownRelease>>,
    /// The last report, kept until a newer one, so that it can be sent again.
    pub report: Option<(u64, Envelope)>,
    /// The secrets that were used, each with its highest number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: HeldSecrets,
    /// The last report or observation; absent in memories of programs that did not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
    /// Returns that people brought by hand and that the server has not recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried_out: Vec<CarriedOut>,
    /// Artifacts that failed their judgement here and must not come again, until a person lifts that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub barred: BTreeMap<Digest, Barred>,
    /// Whether the place is a template, and this agent keeps the previews that people make from it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub previews: bool,
    /// The previews that it removed, as long as their statements could be shown again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed: BTreeMap<Name, RemovedPreview>,
    /// The preview that this is the memory of; absent at places that stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<PreviewMemory>,
    /// Whether the newest statement that was verified names several agents.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Whether the last observation of drift named differences: their end has to be observed, too, also if they end while the
    /// agent is down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drifts: bool,
    /// The releases that ran before the one that came last, where the place has several agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Box<Undo<KnownRelease>>>,
}

/// A release or rollback whose application was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// Its number.
    pub release: u64,
    /// Its artifact.
    pub artifact: Digest,
    /// The highest number that was seen before it.
    pub after: u64,
}

/// A release that this agent has verified and run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownRelease {
    /// The artifact.
    pub artifact: Digest,
    /// The layer.
    pub layer: Digest,
    /// The commit.
    pub commit: CommitId,
    /// The plan.
    pub plan: Plan,
    /// Number of the release that brought it up last; absent if an older program did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Digest of its evidence, by which it is judged again when it comes back; absent if an older program applied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
}

/// Why the memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The file system failed.
    #[error("cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, io::Error),
    /// The memory did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The file is damaged.
    #[error("`{0}`: {1}; join anew with `countersign agent join`")]
    Damaged(PathBuf, serde_json::Error),
    /// The memory has no text.
    #[error("`{0}`: it cannot be put into words: {1}")]
    Encode(PathBuf, serde_json::Error),
}

impl KnownRelease {
    /// The release as a report names it.
    #[must_use]
    pub fn running(&self) -> Running {
        let plan = self.release.and_then(|_| self.plan.digest().ok());
        Running { artifact: self.artifact, commit: self.commit.clone(), release: self.release, plan }
    }
}

impl Memory {
    /// Releases that this agent has verified and run and still has, the latest first.
    pub fn known(&self) -> impl Iterator<Item = &KnownRelease> {
        self.running.iter().chain(&self.before).chain(&self.earlier)
    }

    /// Notes that a release runs.
    pub fn runs(&mut self, new: &KnownRelease) {
        // Nobody applies a barred artifact unless a person has lifted its bar, so its new run counts.
        self.barred.remove(&new.artifact);
        let old = self.running.replace(new.clone());
        let Some(old) = old.filter(|old| old.artifact != new.artifact) else { return };
        let left = self.left.take();
        let before = self.before.replace(old).filter(|before| Some(before.artifact) != left);
        self.earlier.splice(..0, before);
        let kept = self.before.as_ref().map(|before| before.artifact);
        self.earlier.retain(|one| one.artifact != new.artifact && Some(one.artifact) != kept);
        self.earlier.truncate(EARLIER_MAX);
    }

    /// Notes that an artifact was rolled back, so that it is not added to the earlier ones. The server counts in the same way,
    /// so it never asks for a release that is forgotten here.
    pub fn leaves(&mut self, artifact: &Digest) {
        self.earlier.retain(|one| one.artifact != *artifact);
        if self.before.as_ref().is_some_and(|before| before.artifact == *artifact) {
            self.left = Some(*artifact);
        }
    }

    /// The begun work without a report, if it is this one.
    fn begun(&self, release: u64, artifact: &Digest) -> Option<&Begun> {
        self.begun.as_ref().filter(|begun| begun.release == release && begun.artifact == *artifact)
    }

    /// Why a number is refused: it is so high that no numbers would be left for later releases.
    pub fn leaps(&self, release: u64) -> Option<String> {
        let most = self.seen_release.saturating_add(LEAP_MAX);
        (release > most)
            .then(|| format!("release {release} is more than {LEAP_MAX} above {}", self.seen_release))
    }

    /// Notes that a rollback request is carried out; `false` if it was carried out before and is not the begun work.
    pub fn uses(&mut self, order: &RollbackOrder, until: Moment, now: Moment) -> bool {
        let request = order.request.payload_digest();
        let again =
            self.returned.contains_key(&request) && self.begun(order.release, &order.artifact).is_none();
        self.returned.retain(|_, until| *until >= now);
        self.returned.insert(request, until);
        !again
    }

    /// The highest number that counts against a release; the release's own number does not, if it was begun and has no report.
    #[must_use]
    pub fn newest_before(&self, release: u64, artifact: &Digest) -> u64 {
        self.begun(release, artifact).map_or(self.seen_release, |begun| begun.after)
    }

    /// Reads the memory of an agent's directory.
    ///
    /// # Errors
    /// `MemoryError` if the file is missing or damaged.
    pub fn read(dir: &Path) -> Result<Self, MemoryError> {
        let path = dir.join(FILE);
        let text = fs::read(&path).map_err(|error| MemoryError::Io("read", path.clone(), error))?;
        serde_json::from_slice(&text).map_err(|error| MemoryError::Damaged(path, error))
    }

    /// Writes the memory, durably.
    ///
    /// # Errors
    /// `MemoryError::Disk` if it cannot be written; the old file stays. `MemoryError::Encode` if it has no text.
    pub fn write(&self, dir: &Path) -> Result<(), MemoryError> {
        let path = dir.join(FILE);
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| MemoryError::Encode(path.clone(), error))?;
        Ok(disk::replace("agent.memory", &path, &text, 0o600)?)
    }
}

/// Name of the file in an agent's directory.
pub const FILE: &str = "memory.json";
