//! An image that was read.

use std::collections::BTreeMap;

use evidence::Digest;

use super::config::Config;
use super::read::Pass;

/// An image that was read.
#[derive(Debug)]
pub struct Image {
    /// Digest of its manifest; of its configuration where it has no manifest.
    pub digest: Digest,
    /// Its configuration.
    pub config: Config,
    /// Its tree, secrets and kept files.
    pub pass: Pass,
}

impl Image {
    /// The content of a kept file that a path leads to.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.pass.kept.get(&self.pass.tree.resolve(path)?).map(Vec::as_slice)
    }

    /// Doubts about its files: paths and sentences.
    #[must_use]
    pub const fn unclear(&self) -> &BTreeMap<String, String> {
        &self.pass.unclear
    }
}
