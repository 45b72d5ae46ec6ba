//! Images in which steps run, as a scan of the runner reads them.
//!
//! Input: blobs of the images of this machine. Output: one findings document. Invariant: the task sees the blobs of these images
//! alone, and checks the digest of each one; an image that it cannot read whole fails the scan.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use evidence::Digest;
use image::ImageError;
use scan::advisories::Database;
use scan::images::{Layout, toolchain};
use serde_json::{Value, json};

use crate::host::Host;
use crate::step_image::StepImage;
use crate::task::OwnTaskError;

/// Words and files for the task of a scan of images.
#[derive(Debug, Default)]
pub struct ShownImages {
    /// The directory of blobs, and the manifest and the name of each image.
    pub words: Vec<String>,
    /// The blobs.
    pub binds: Vec<PathBuf>,
}

impl ShownImages {
    /// Shows images that this machine holds.
    ///
    /// # Errors
    /// `ImageError` if one is gone or unsound.
    pub fn of(images: &[StepImage], host: &Host<'_>) -> Result<Self, ImageError> {
        let mut shown = Self::default();
        let Some(known) = host.isolation.images() else { return Ok(shown) };
        let store = known.store()?;
        for image in images {
            let files = store.files(&image.digest)?;
            if shown.words.is_empty() {
                shown.words.push(files.dir.to_string_lossy().into_owned());
            }
            shown.words.extend([files.manifest.to_string(), image.place.clone()]);
            shown.binds.extend(files.blobs.iter().map(|blob| files.dir.join(blob.hex())));
        }
        // Images share layers.
        shown.binds.sort();
        shown.binds.dedup();
        Ok(shown)
    }
}

/// Judges images, inside the sandbox. `words` are those of [`ShownImages`].
///
/// # Errors
/// `OwnTaskError` if an image cannot be read whole, or the document would be too large.
pub fn judge(words: &[&str], database: &Database) -> Result<Vec<u8>, OwnTaskError> {
    let (dir, mut rest) = words.split_first().map_or(("", words), |(dir, rest)| (*dir, rest));
    let mut images = Vec::new();
    while let [manifest, name, more @ ..] = rest {
        let manifest: Digest = manifest.parse().map_err(|_| OwnTaskError::Unknown)?;
        let layout = BlobLayout::of(Path::new(dir), &manifest)?;
        images.push(toolchain::StepImage { layout, manifest, name: (*name).to_owned() });
        rest = more;
    }
    Ok(toolchain::encoded(&images, database)?)
}

/// A directory of blobs as the layout of one image.
#[derive(Debug)]
struct BlobLayout<'a> {
    dir: &'a Path,
    index: Vec<u8>,
}

impl<'a> BlobLayout<'a> {
    fn of(dir: &'a Path, manifest: &Digest) -> io::Result<Self> {
        // The manifest is hashed when it is read as a blob; its media type only says which of two forms it has.
        let bytes = fs::read(dir.join(manifest.hex()))?;
        let parsed: Option<Value> = serde_json::from_slice(&bytes).ok();
        let kind = parsed.as_ref().and_then(|value| value.get("mediaType")?.as_str()).unwrap_or(MANIFEST);
        let image = json!({ "mediaType": kind, "digest": manifest, "size": bytes.len() });
        let index = json!({ "schemaVersion": 2, "manifests": [image] });
        Ok(Self { dir, index: index.to_string().into_bytes() })
    }
}

impl Layout for BlobLayout<'_> {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Read + '_>>> {
        if name == "index.json" {
            return Ok(Some(Box::new(self.index.as_slice())));
        }
        let Some(hex) = name.strip_prefix("blobs/sha256/") else { return Ok(None) };
        match File::open(self.dir.join(hex)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => Ok(Some(Box::new(file?))),
        }
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
