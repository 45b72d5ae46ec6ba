//! The fold of artifacts that can still be released.
//!
//! Invariant: an artifact is forgotten once no place wants it, runs it or can go back to it.

use std::collections::{BTreeMap, BTreeSet};

use evidence::Digest;
use serde::{Deserialize, Serialize};

use super::event::Built;
use crate::ids::RunId;

/// Artifacts as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) built: BTreeMap<RunId, BTreeMap<Digest, Artifact>>,
}

/// An artifact with the entries that prove its build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Facts as they were recorded.
    pub facts: Built,
    /// Numbers of the entries that record its build.
    pub entries: Vec<u64>,
}

impl State {
    /// An artifact of a run, by the digest of its manifest.
    #[must_use]
    pub fn get(&self, run: RunId, manifest: &Digest) -> Option<&Artifact> {
        self.built.get(&run)?.get(manifest)
    }

    /// An artifact by the digest of its manifest, of whichever run.
    #[must_use]
    pub fn named(&self, manifest: &Digest) -> Option<&Artifact> {
        self.built.values().find_map(|built| built.get(manifest))
    }

    /// Whether the state keeps the full history of this artifact at its places.
    ///
    /// Programs before 2026-11-28 kept less. Replay of their ledgers must give the same state, byte for byte, so the
    /// state keeps the additional history only for artifacts whose run says `again`.
    #[must_use]
    pub fn has_memory(&self, run: RunId, manifest: &Digest) -> bool {
        self.get(run, manifest).is_some_and(|artifact| artifact.facts.again.is_some())
    }

    /// Forgets the artifacts of all other runs.
    pub(crate) fn keep(&mut self, runs: &BTreeSet<RunId>) {
        self.built.retain(|run, _| runs.contains(run));
    }

    pub(crate) fn built(&mut self, event: &Built, mut entries: Vec<u64>, entry: u64) -> bool {
        entries.push(entry);
        let artifact = Artifact { facts: event.clone(), entries };
        self.built.entry(event.run).or_default().insert(event.manifest, artifact).is_none()
    }
}
