//! The image in which one step runs.
//!
//! Invariant: a step sees the image whose digest its pipeline names, or does not run. Of its configuration only the
//! variables count, below those of this machine and of the pipeline; its user, entry point and directory do not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use evidence::pipeline::Image;
use evidence::{Digest, Name};
use image::Tree;

use crate::finished::StepLog;
use crate::host::Host;
use crate::step_error::StepError;

/// The image of one step, which nobody removes while this value lives.
#[derive(Debug)]
pub struct StepImage {
    /// Its digest, as the pipeline names it.
    pub digest: Digest,
    /// Its name without tag and digest.
    pub place: String,
    tree: Tree,
}

impl StepImage {
    /// The image of a step, unpacked.
    ///
    /// # Errors
    /// `StepError` if this machine has no such image, or cannot unpack it.
    pub fn prepare(
        image: &Image,
        step: &Name,
        host: &Host<'_>,
        log: &StepLog<'_>,
    ) -> Result<Self, StepError> {
        let images = host.isolation.images().ok_or_else(|| StepError::NoImages(step.clone()))?;
        let digest = image.digest();
        let tree = images.store().and_then(|store| {
            if images.pulls() && image.registry().is_some() && !store.has(&digest)? {
                log.say(&format!("pulling {image}"));
                images.pull(image, true, host.wanted)?;
            }
            store.tree(&digest, host.wanted)
        });
        let tree = tree.map_err(|error| StepError::Image(step.clone(), Box::new(error)))?;
        Ok(Self { digest, place: image.place(), tree })
    }

    /// Directory of its files.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.tree.root.clone()
    }

    /// Variables of a step in it, to which those of the pipeline are added: the image's, and those of this machine that
    /// name places which every sandbox has. Only the runner says what is `COUNTERSIGN_*`.
    #[must_use]
    pub fn environment(&self, machine: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut variables =
            BTreeMap::from([("PATH".to_owned(), PATH.to_owned()), ("LANG".to_owned(), "C.UTF-8".to_owned())]);
        let own = |name: &str| name.is_empty() || name.starts_with("COUNTERSIGN_");
        variables.extend(self.tree.environment.iter().filter(|(name, _)| !own(name)).cloned());
        let places = machine.iter().filter(|(name, _)| PLACES.contains(&name.as_str()));
        variables.extend(places.map(|(name, value)| (name.clone(), value.clone())));
        variables
    }
}

/// `PATH` of a step in an image that sets none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Variables of this machine that hold in an image too.
const PLACES: [&str; 3] = ["HOME", "CARGO_HOME", "TZ"];
