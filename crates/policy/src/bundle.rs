//! A bundle of policy files, named by one digest.
//!
//! Invariant: the digest covers every file's path and content; two bundles with the same digest decide alike.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::canonical::CanonicalError;
use evidence::policy_files::PolicyFiles;
use evidence::tree_list::is_tree_path;

/// Most files in a bundle.
pub const BUNDLE_FILES_MAX: usize = 256;
/// Largest file in bytes.
pub const FILE_BYTES_MAX: usize = 256 * 1024;

/// Policy files by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    files: BTreeMap<String, String>,
    digest: Digest,
}

/// Why some files are not a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// None, or too many.
    #[error("a policy bundle has between 1 and {BUNDLE_FILES_MAX} files ending in `.rego`, found {0}")]
    Count(usize),
    /// A file that cannot be in a bundle.
    #[error(
        "policy file `{0}`: not a plain relative path ending in `.rego`, or more than {FILE_BYTES_MAX} bytes"
    )]
    File(String),
    /// The digest cannot be computed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl Bundle {
    /// Makes a bundle of files by relative path.
    ///
    /// # Errors
    /// `BundleError` when a file cannot be in one.
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
