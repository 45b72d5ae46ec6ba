//! The blobs of a directory of images, each under its digest.
//!
//! Invariant: a blob has its name only if its bytes have that digest; it is hashed again whenever it is read.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use evidence::{Digest, Hasher};

use crate::bounds::Bounds;
use crate::error::{ImageError, failed};
use crate::manifest::{DOCUMENT_MAX, Descriptor};

/// A directory of images.
#[derive(Clone, Debug)]
pub struct BlobDir {
    /// Its path.
    pub dir: PathBuf,
    /// Bounds on each image.
    pub bounds: Bounds,
}

/// Gives the bytes of blobs, which nobody has hashed yet.
pub trait Blobs {
    /// Opens a blob. `is_document` is true for manifests and indexes.
    ///
    /// # Errors
    /// `ImageError` if it is not there.
    fn open(&mut self, digest: &Digest, is_document: bool) -> Result<Box<dyn Read + '_>, ImageError>;
}

impl BlobDir {
    /// Creates the directories that are missing.
    ///
    /// # Errors
    /// `ImageError` if the file system fails.
    pub fn open(dir: &Path, bounds: Bounds) -> Result<Self, ImageError> {
        let made = Self { dir: dir.to_path_buf(), bounds };
        for dir in [dir, &made.blobs(), &made.trees(), &made.marks()] {
            disk::private_dir(dir)?;
        }
        Ok(made)
    }

    /// Stores a blob, unless it is there; its bytes are hashed in both cases.
    ///
    /// # Errors
    /// `ImageError` if it has another digest or size, or the file system fails.
    pub fn put(&self, digest: Digest, size: u64, from: &mut dyn Blobs) -> Result<(), ImageError> {
        let path = self.blob(&digest);
        let descriptor = Descriptor { media_type: String::new(), digest, size, platform: None };
        if path.exists() && self.hashed(&descriptor).is_ok() {
            return Ok(());
        }
        let new = path.with_extension("new");
        let mut file = disk::create(&new, 0o600)?;
        let mut bytes = from.open(&digest, false)?;
        hashed(&mut bytes, digest, size, &mut |piece| file.write_all(piece).map_err(failed("write", &new)))?;
        disk::sync(&file, &new)?;
        Ok(disk::rename("runner.image", &new, &path)?)
    }

    /// Opens a blob whose bytes were hashed just now.
    ///
    /// # Errors
    /// `ImageError` if it is missing, or has another digest or size.
    pub fn hashed(&self, blob: &Descriptor) -> Result<File, ImageError> {
        let path = self.blob(&blob.digest);
        let mut file = File::open(&path).map_err(failed("open", &path))?;
        hashed(&mut file, blob.digest, blob.size, &mut |_| Ok(()))?;
        Ok(file)
    }

    /// Bytes of a manifest, index or configuration, hashed.
    ///
    /// # Errors
    /// `ImageError`, as above.
    pub fn read(&self, blob: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let path = self.blob(&blob.digest);
        let mut file = File::open(&path).map_err(failed("open", &path))?;
        whole(&mut file, blob.digest, Some(blob.size))
    }

    /// Mark of an image that a step has pulled, which makes room for others. Its time is that of the last use.
    pub fn mark(&self, image: &Digest) -> PathBuf {
        self.marks().join(image.hex())
    }

    /// Directory of the marks.
    pub fn marks(&self) -> PathBuf {
        self.dir.join(MARKS)
    }

    /// Directory of the unpacked files of all images.
    pub fn trees(&self) -> PathBuf {
        self.dir.join(TREES)
    }

    /// Directory of all blobs.
    pub fn blobs(&self) -> PathBuf {
        self.dir.join(BLOBS)
    }

    /// Directory of the unpacked files of an image.
    pub fn tree_dir(&self, manifest: &Digest) -> PathBuf {
        self.trees().join(manifest.hex())
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }
}

/// Bytes that were read already.
pub struct Given(pub Vec<u8>);

impl Blobs for Given {
    fn open(&mut self, _: &Digest, _: bool) -> Result<Box<dyn Read + '_>, ImageError> {
        Ok(Box::new(self.0.as_slice()))
    }
}

/// A manifest or index from somewhere, hashed.
///
/// # Errors
/// `ImageError` if it has another digest or size.
pub fn document(from: &mut dyn Blobs, digest: Digest, size: Option<u64>) -> Result<Vec<u8>, ImageError> {
    whole(&mut from.open(&digest, true)?, digest, size)
}

fn whole(from: &mut dyn Read, digest: Digest, size: Option<u64>) -> Result<Vec<u8>, ImageError> {
    let most = size.unwrap_or(DOCUMENT_MAX);
    if most > DOCUMENT_MAX {
        return Err(ImageError::Document(
            format!("blob {digest}"),
            format!("has more than {DOCUMENT_MAX} bytes"),
        ));
    }
    let read = |error: io::Error| ImageError::Document(format!("blob {digest}"), error.to_string());
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes).map_err(read)?;
    let found = bytes.len() as u64;
    if found > most || size.is_some_and(|size| size != found) {
        let found = if found > most { format!("more than {most}") } else { found.to_string() };
        return Err(ImageError::Size { digest, said: most, found });
    }
    let other = Digest::of(&bytes);
    if other == digest { Ok(bytes) } else { Err(ImageError::Differs(digest, other)) }
}

/// Reads bytes that have to have this digest and size, piece by piece.
fn hashed(
    from: &mut dyn Read,
    digest: Digest,
    size: u64,
    take: &mut dyn FnMut(&[u8]) -> Result<(), ImageError>,
) -> Result<(), ImageError> {
    let mut hash = Hasher::default();
    let mut from = from.take(size.saturating_add(1));
    let mut buffer = vec![0; 128 << 10];
    let mut found = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => {
                read.map_err(|error| ImageError::Document(format!("blob {digest}"), error.to_string()))?
            }
        };
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        found += count as u64;
        hash.update(piece);
        take(piece)?;
    }
    if found != size {
        let found = if found > size { format!("more than {size}") } else { found.to_string() };
        return Err(ImageError::Size { digest, said: size, found });
    }
    let other = hash.finish();
    if other == digest { Ok(()) } else { Err(ImageError::Differs(digest, other)) }
}

/// The bytes of a document, if they are not more than one may have.
pub fn limited(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(DOCUMENT_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > DOCUMENT_MAX { Err(io::Error::other("more than 4 MiB")) } else { Ok(bytes) }
}

const BLOBS: &str = "blobs/sha256";
const TREES: &str = "trees";
const MARKS: &str = "pulled";
