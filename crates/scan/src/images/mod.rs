//! Images of containers: their packages, and faults of their files and their configuration.
//!
//! Input: the files of an OCI layout, or of what `docker save` writes. Output: a `components` and a `findings` document.
//! Invariant: an image that cannot be read whole, or whose digests are not right, is an error and never an empty document; a
//! file that is not read is a finding that is undecided. Nothing in an image switches a rule off. It deliberately omits to
//! unpack: no file of an image is written anywhere.

mod config;
mod content;
mod fault;
mod gunzip;
mod image;
mod judge;
mod layout;
mod manifest;
mod packages;
mod path;
mod read;
mod rules;
mod spelling;
pub mod toolchain;
mod tree;

use evidence::Digest;

pub use config::{Config, History};
pub use content::{LayerSecret, Scanned};
pub use fault::ImageFault;
pub use image::Image;
pub use judge::{CONFIGURATION, ImageScan, scan};
pub use layout::{Archive, Bytes, Layout, begins_as_tar, is_image};
pub use packages::{Packages, Release, of as packages_of};
pub use read::{Pass, is_program};
pub use rules::{Age, Asked, Judged, facts};
pub use tree::{Node, NodeKind, Tree};

impl Image {
    /// Reads the one image of a layout, or the one of this digest.
    ///
    /// # Errors
    /// `ImageFault` if it is missing, damaged, hostile or too large.
    pub fn read(layout: &dyn Layout, only: Option<&Digest>) -> Result<Self, ImageFault> {
        let chosen = manifest::choose(layout, only)?;
        let pass = read::layers(layout, &chosen.layers, &is_kept)?;
        Ok(Self { digest: chosen.digest, config: chosen.config, pass })
    }
}

/// Digests of the unpacked layers of an image, the lowest first: an image that begins with them was made on top of it.
///
/// # Errors
/// `ImageFault` if its documents cannot be read. Its layers are not read.
pub fn layers_of(layout: &dyn Layout, only: Option<&Digest>) -> Result<Vec<Digest>, ImageFault> {
    Ok(manifest::choose(layout, only)?.config.diff_ids().to_vec())
}

fn is_kept(path: &str) -> bool {
    matches!(path, "etc/passwd" | "etc/shadow") || packages::is_read(path)
}
