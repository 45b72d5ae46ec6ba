//! The images of this machine.
//!
//! Invariant: the directory is created when the first step needs an image, and is named by a path without links, because a
//! sandbox that looks for it cannot follow those of the host.

use std::path::{Path, PathBuf};

use evidence::pipeline::Image;
use image::{Bounds, ImageError, Registries, Registry, Store};

/// The images of a machine.
#[derive(Clone, Debug)]
pub struct Images {
    dir: PathBuf,
    bounds: Bounds,
    registries: Option<PathBuf>,
}

impl Images {
    /// The images in a directory, with the operator's bounds on each.
    #[must_use]
    pub fn new(dir: &Path, bounds: Bounds) -> Self {
        Self { dir: dir.to_path_buf(), bounds, registries: None }
    }

    /// The same images, with the operator's file of registries from which missing ones are pulled.
    #[must_use]
    pub fn with_registries(self, registries: Option<PathBuf>) -> Self {
        Self { registries, ..self }
    }

    /// Whether missing images are pulled.
    #[must_use]
    pub const fn pulls(&self) -> bool {
        self.registries.is_some()
    }

    /// Pulls an image from the registry that its name says. Without a file of registries nobody is told who asks.
    /// One that a step pulls makes room for others later.
    ///
    /// # Errors
    /// `ImageError` if the file does not name the registry, or the registry does not give the image.
    pub fn pull(&self, image: &Image, by_step: bool, going: &dyn Fn() -> bool) -> Result<(), ImageError> {
        let place = image.registry().ok_or(ImageError::Nameless(image.digest()))?;
        let file = self.registries.as_deref().map(Registries::read).transpose()?;
        let unknown = Registry::default();
        let registry = file.as_ref().map_or(Ok(&unknown), |file| file.of(place.0))?;
        image::pull(&self.store()?, place, image.digest(), (registry, by_step), going)
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
