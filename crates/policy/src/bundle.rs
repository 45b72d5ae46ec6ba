//! A bundle of policy files, named by one digest.
//!
//! Invariant: the digest covers the path and content of every file, so two bundles with one digest decide alike.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::canonical::CanonicalError;
use evidence::policy_files::PolicyFiles;
use evidence::tree_list::is_tree_path;

/// Highest number of files in a bundle.
pub const BUNDLE_FILES_MAX: usize = 256;
/// Largest file in bytes.
pub const FILE_BYTES_MAX: usize = 256 * 1024;

/// Policy files by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    files: BTreeMap<String, String>,
    digest: Digest,
}

/// Reasons why files are not a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The bundle has no file, or too many.
    #[error("a policy bundle has between 1 and {BUNDLE_FILES_MAX} files ending in `.rego`, found {0}")]
    Count(usize),
    /// A file cannot be in a bundle.
    #[error(
        "policy file `{0}`: not a plain relative path ending in `.rego`, or more than {FILE_BYTES_MAX} bytes"
    )]
    File(String),
    /// The digest cannot be computed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl Bundle {
    /// Creates a bundle from files by relative path.
    ///
    /// # Errors
    /// `BundleError` when a file cannot be in a bundle.
    pub fn new(files: BTreeMap<String, String>) -> Result<Self, BundleError> {
        if files.is_empty() || files.len() > BUNDLE_FILES_MAX {
            return Err(BundleError::Count(files.len()));
        }
        let unfit = |(path, text): &(&String, &String)| {
            !is_tree_path(path) || !path.ends_with(".rego") || text.len() > FILE_BYTES_MAX
        };
        if let Some((path, _)) = files.iter().find(unfit) {
            return Err(BundleError::File(path.clone()));
        }
        let files = PolicyFiles::new(files);
        let digest = files.digest()?;
        Ok(Self { files: files.files, digest })
    }

    /// Digest that names the bundle.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The files.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }
}
