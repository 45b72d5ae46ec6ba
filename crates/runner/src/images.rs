//! The images of this machine.
//!
//! Invariant: the directory is created when the first step needs an image, and is named by a path without links, because a
//! sandbox that looks for it cannot follow those of the host.

use std::path::{Path, PathBuf};

use image::{Bounds, ImageError, Store};

/// The images of a machine.
#[derive(Clone, Debug)]
pub struct Images {
    dir: PathBuf,
    bounds: Bounds,
}

impl Images {
    /// The images in a directory, with the operator's bounds on each.
    #[must_use]
    pub fn new(dir: &Path, bounds: Bounds) -> Self {
        Self { dir: dir.to_path_buf(), bounds }
    }

    /// The store in the directory, which is created if it is missing.
    ///
    /// # Errors
    /// `ImageError` if the file system fails.
    pub fn store(&self) -> Result<Store, ImageError> {
        disk::private_dir(&self.dir)?;
        let failed = |source| ImageError::Io { doing: "open", path: self.dir.clone(), source };
        Store::open(&std::fs::canonicalize(&self.dir).map_err(failed)?, self.bounds)
    }
}
