//! `countersign runner image`: the OCI images that the steps of a machine can run in.
//!
//! Invariant: an image is named by its digest alone; a directory, an archive or a registry only says where its bytes are.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use evidence::Digest;
use image::{Held, Store};
use runner::Images;
use serde::Serialize;

use crate::failure::Failure;
use crate::operator::{ImageBounds, default_images};
use crate::output::Output;

/// Subcommands of `runner image`.
#[derive(Debug, Subcommand)]
pub enum Image {
    /// Take images from an OCI image layout: a directory, or an uncompressed tar of one, as `skopeo copy docker://NAME oci:DIR`,
    /// `podman save --format oci-archive` or `docker save` write it.
    Load {
        /// The directory or tar.
        path: PathBuf,
        /// Digest of the image to take; default: all images that the layout names.
        #[arg(long, value_name = "DIGEST")]
        only: Option<Digest>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        bounds: ImageBounds,
    },
    /// Take an image from a registry, by its digest.
    Pull {
        /// The image: `HOST/NAME@sha256:...`.
        image: evidence::pipeline::Image,
        /// File of registries in the form of Docker's `config.json`, which has to name the registry under `auths`; default: the
        /// registry is not told who asks.
        #[arg(long, value_name = "FILE")]
        registries: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        bounds: ImageBounds,
    },
    /// List the images.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Remove images and their unpacked files, unless a step runs in them.
    Remove {
        /// Digest of an image; may be given several times.
        #[arg(required = true, value_name = "DIGEST")]
        digests: Vec<Digest>,
        #[command(flatten)]
        place: Place,
    },
}

/// The directory of a machine's images.
#[derive(Debug, Args)]
pub struct Place {
    /// Directory of a runner, whose images are in `images` there.
    #[arg(long, value_name = "DIR", conflicts_with = "images")]
    data: Option<PathBuf>,
    /// Directory of images; default: `countersign/images` in your data directory (`XDG_DATA_HOME`), where `up` and
    /// `pipeline run` look.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct ImagesReport {
    images: Vec<Held>,
    directory: PathBuf,
}

/// Runs a subcommand.
pub fn run(verb: &Image, output: Output) -> Result<(), Failure> {
    match verb {
        Image::Load { path, only, place, bounds } => load(path, only.as_ref(), place, *bounds, output),
        Image::Pull { image, registries, place, bounds } => {
            let directory = place.dir()?;
            let images = Images::new(&directory, bounds.bounds()).with_registries(registries.clone());
            images.pull(image, false, &|| true)?;
            let pulled = |held: &Held| held.image == image.digest();
            let images = images.store()?.list()?.into_iter().filter(pulled).collect();
            output.print(&ImagesReport { images, directory }, text)
        }
        Image::List { place } => {
            let (store, directory) = place.store(ImageBounds::default())?;
            output.print(&ImagesReport { images: store.list()?, directory }, text)
        }
        Image::Remove { digests, place } => {
            let (store, directory) = place.store(ImageBounds::default())?;
            for image in digests {
                store.remove(image, &|| true)?;
            }
            let said = serde_json::json!({ "removed": digests, "directory": directory });
            let lines = digests.iter().map(|image| format!("removed {image}")).collect::<Vec<_>>();
            output.print(&said, |_| lines.join("\n"))
        }
    }
}

fn load(
    path: &Path,
    only: Option<&Digest>,
    place: &Place,
    bounds: ImageBounds,
    output: Output,
) -> Result<(), Failure> {
    let (store, directory) = place.store(bounds)?;
    let loaded = image::load(&store, path, only, &|| true)?;
    let images = store.list()?.into_iter().filter(|held| loaded.contains(&held.image)).collect();
    output.print(&ImagesReport { images, directory }, text)
}

impl Place {
    /// The store, and its directory.
    fn store(&self, bounds: ImageBounds) -> Result<(Store, PathBuf), Failure> {
        let dir = self.dir()?;
        Ok((Images::new(&dir, bounds.bounds()).store()?, dir))
    }

    fn dir(&self) -> Result<PathBuf, Failure> {
        match (&self.images, &self.data) {
            (Some(dir), _) => Ok(dir.clone()),
            (None, Some(data)) => Ok(data.join("images")),
            (None, None) => default_images(),
        }
    }
}

fn text(report: &ImagesReport) -> String {
    let mut lines = vec![format!("images in `{}`: {}", report.directory.display(), report.images.len())];
    lines.extend(report.images.iter().map(|held| {
        let unpacked = if held.unpacked { ", unpacked" } else { "" };
        format!("  {} ({} MiB{unpacked})", held.image, held.bytes.div_ceil(1 << 20))
    }));
    lines.join("\n")
}
