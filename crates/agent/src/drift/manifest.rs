//! The files of a release as its layer declares them.
//!
//! Invariant: a manifest comes from bytes with the digest of the layer, or from a directory that gives this digest again.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::oci::{LayerEntry, LayerFiles};

/// The declared files of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    entries: BTreeMap<String, Declared>,
}

/// A declared file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    File { digest: Digest, size: u64, executable: bool, script: bool },
    Link(String),
    Directory,
}

impl Manifest {
    /// The manifest of the files of a layer.
    pub fn of(files: &LayerFiles) -> Self {
        let mut entries = BTreeMap::new();
        for (path, entry) in files {
            for (at, _) in path.match_indices('/') {
                let above = path.get(..at).unwrap_or_default();
                entries.entry(above.to_owned()).or_insert(Declared::Directory);
            }
            let declared = match entry {
                LayerEntry::Directory => Declared::Directory,
                LayerEntry::Link(to) => Declared::Link(to.clone()),
                LayerEntry::File(file) => Declared::File {
                    digest: Digest::of(&file.bytes),
                    size: file.bytes.len() as u64,
                    executable: file.executable,
                    script: file.bytes.starts_with(b"#!"),
                },
            };
            entries.insert(path.clone(), declared);
        }
        Self { entries }
    }

    /// The declared file at a path.
    pub fn get(&self, path: &str) -> Option<&Declared> {
        self.entries.get(path)
    }

    /// All paths with their files.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Declared)> {
        self.entries.iter()
    }
}

impl Declared {
    /// The mode of the file on disk.
    pub const fn mode(&self) -> u32 {
        match self {
            Self::File { executable: true, .. } | Self::Directory => 0o555,
            Self::File { .. } => 0o444,
            Self::Link(_) => 0o777,
        }
    }

    /// The file in words.
    pub fn words(&self) -> String {
        match self {
            Self::File { digest, .. } => digest.to_string(),
            Self::Link(to) => format!("a link to {to}"),
            Self::Directory => "a directory".to_owned(),
        }
    }
}
