//! Groups of processes as services are asked for them, and what services say of them.
//!
//! Invariant: the files of a release are hashed right before a program of it starts, by `Seat::checked`.

use std::path::PathBuf;
use std::time::Duration;

use evidence::Digest;
use evidence::rollout::{Protocol, Sticky};
use evidence::rollout_counts::GroupCounts;
use judge::rollout::Probes;

use crate::arrangement::Group;
use crate::fault::Fault;
use crate::memory::KnownRelease;
use crate::secrets::{HeldSecrets, needed_by};
use crate::store::Releases;

/// The groups of a place, behind one port.
#[derive(Clone, Debug)]
pub struct Arrangement<'a> {
    /// The groups, the one that runs already first.
    pub seats: Vec<Seat<'a>>,
    /// The port of the place.
    pub port: u16,
    /// How a client stays with its group.
    pub sticky: Option<Sticky>,
    /// The protocol of the requests.
    pub protocol: Protocol,
    /// Time in which requests to a process may end before it is stopped.
    pub drain: Duration,
}

/// A group with its release.
#[derive(Clone, Debug)]
pub struct Seat<'a> {
    /// The group.
    pub group: Group,
    /// Its release.
    pub known: &'a KnownRelease,
    /// The secrets of its processes.
    pub secrets: &'a HeldSecrets,
    /// Number of its processes.
    pub instances: u32,
    /// Its share of the requests, in percent.
    pub weight: u32,
    /// Where releases lie.
    pub(crate) releases: &'a Releases,
}

/// A group that does not work.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}: {fault}", .group.name())]
pub struct GroupFault {
    /// The group.
    pub group: Group,
    /// Why.
    pub fault: Fault,
}

/// Counts and probes of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Requests of each group. Numbers only rise, also when a splitter was killed and another one began to count.
    pub totals: GroupCounts,
    /// Probes of the new release.
    pub probes: Probes,
}

impl Seat<'_> {
    /// The directory of its release, whose files were hashed just now.
    ///
    /// # Errors
    /// `Fault` when a file differs.
    pub fn checked(&self) -> Result<PathBuf, Fault> {
        self.releases
            .check(&self.known.artifact, &self.known.layer)
            .map_err(|error| Fault::new("artifact-differs", error.to_string()))?;
        Ok(self.releases.path(&self.known.artifact))
    }

    /// A digest of what a process of it is started with: processes of one digest can take each other's place.
    #[must_use]
    pub fn key(&self) -> Digest {
        let plan = self.known.plan.digest().ok();
        let secrets: Vec<_> = needed_by(&self.known.plan)
            .filter_map(|name| self.secrets.get(&name).map(|held| (name, held.number, held.value)))
            .collect();
        // Encoding cannot fail: these are digests and numbers.
        let text = serde_json::to_vec(&(self.known.artifact, plan, secrets)).unwrap_or_default();
        Digest::of(&text)
    }
}
