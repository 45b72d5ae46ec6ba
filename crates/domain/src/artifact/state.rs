//! The fold of artifacts that can still be released.

use std::collections::BTreeMap;

use evidence::Digest;
use serde::Serialize;

use super::event::Built;

/// Artifacts as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    pub(super) built: BTreeMap<Digest, Artifact>,
}

/// An artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// What was recorded.
    pub facts: Built,
    /// Numbers of the entries that record its build.
    pub entries: Vec<u64>,
}

impl State {
    /// An artifact by the digest of its manifest.
    #[must_use]
    pub fn get(&self, manifest: &Digest) -> Option<&Artifact> {
        self.built.get(manifest)
    }

    /// All artifacts.
    pub fn all(&self) -> impl Iterator<Item = &Artifact> {
        self.built.values()
    }

    pub(crate) fn built(&mut self, event: &Built, mut entries: Vec<u64>, entry: u64) -> bool {
        entries.push(entry);
        self.built.insert(event.manifest, Artifact { facts: event.clone(), entries });
        true
    }
}
