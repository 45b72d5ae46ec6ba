//! The unpacked tree of an image.
//!
//! Invariant: a tree has its name only when it is complete and durable, and a file in it then names the image; what a crash
//! left is removed first. Every blob is hashed again before it is unpacked. A tree that a step uses is locked, so nothing
//! removes it.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use evidence::Digest;

use crate::apply::Unpacking;
use crate::blobs::BlobDir;
use crate::error::{ImageError, failed};
use crate::manifest::{Config, Descriptor, compression};

/// An unpacked image, locked while this value lives.
#[derive(Debug)]
pub struct Tree {
    /// Directory of its files.
    pub root: PathBuf,
    /// Variables of the image.
    pub environment: Vec<(String, String)>,
    _used: File,
}

/// The parts of a manifest.
pub struct Parts {
    /// Digest of the manifest.
    pub digest: Digest,
    /// Its configuration.
    pub config: Descriptor,
    /// Its layers.
    pub layers: Vec<Descriptor>,
}

/// The tree of an image if it is unpacked, without the lock of the store.
///
/// # Errors
/// `ImageError` if the configuration is damaged.
pub fn ready(store: &BlobDir, parts: &Parts) -> Result<Option<Tree>, ImageError> {
    let dir = store.tree_dir(&parts.digest);
    let Ok(used) = used(&dir) else { return Ok(None) };
    if used.try_lock_shared().is_err() || !is_complete(&dir, &parts.digest) {
        return Ok(None);
    }
    // Since it was opened, another tree may have taken the place of the one that this lock protects.
    let (Ok(locked), Ok(present)) = (used.metadata(), fs::metadata(dir.join(USED))) else { return Ok(None) };
    if (locked.dev(), locked.ino()) != (present.dev(), present.ino()) {
        return Ok(None);
    }
    let config = Config::read(parts.config.digest, &store.read(&parts.config)?, parts.layers.len())?;
    Ok(Some(Tree { root: dir.join(ROOT), environment: config.environment(), _used: used }))
}

/// The tree of an image, unpacked if it is not yet. The caller holds the lock of the store.
///
/// # Errors
/// `ImageError`; then there is no tree.
pub fn tree(store: &BlobDir, parts: &Parts, going: &dyn Fn() -> bool) -> Result<Tree, ImageError> {
    let bytes = store.read(&parts.config)?;
    let config = Config::read(parts.config.digest, &bytes, parts.layers.len())?;
    let dir = store.tree_dir(&parts.digest);
    if !is_complete(&dir, &parts.digest) {
        unpack(store, parts, &config, &dir, going)?;
    }
    let used = used(&dir)?;
    used.try_lock_shared().map_err(|_| ImageError::Busy(parts.digest))?;
    Ok(Tree { root: dir.join(ROOT), environment: config.environment(), _used: used })
}

/// Whether an image is unpacked.
pub fn is_complete(dir: &Path, digest: &Digest) -> bool {
    fs::read_to_string(dir.join(COMPLETE)).is_ok_and(|text| text == digest.to_string())
}

/// Bytes of an unpacked image; none if it is not complete.
pub fn bytes(dir: &Path) -> u64 {
    fs::read_to_string(dir.join(BYTES)).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Removes a tree, unless a step uses it. The caller holds the lock of the store.
///
/// # Errors
/// `ImageError::Busy` if a step uses it.
pub fn remove(dir: &Path, digest: Digest) -> Result<(), ImageError> {
    if !dir.exists() {
        return Ok(());
    }
    if is_complete(dir, &digest) {
        used(dir)?.try_lock().map_err(|_| ImageError::Busy(digest))?;
        // From here on it is no tree, whatever happens.
        fs::remove_file(dir.join(COMPLETE)).map_err(failed("remove", dir))?;
    }
    fs::remove_dir_all(dir).map_err(failed("remove", dir))
}

fn used(dir: &Path) -> Result<File, ImageError> {
    let path = dir.join(USED);
    File::options().read(true).open(&path).map_err(failed("open", &path))
}

fn unpack(
    store: &BlobDir,
    parts: &Parts,
    config: &Config,
    dir: &Path,
    going: &dyn Fn() -> bool,
) -> Result<(), ImageError> {
    let new = dir.with_extension("new");
    for remains in [dir, &new] {
        if remains.exists() {
            fs::remove_dir_all(remains).map_err(failed("remove", remains))?;
        }
    }
    let made = fill(store, parts, config, &new, going).and_then(|bytes| {
        disk::write(&new.join(USED), b"", 0o600)?;
        disk::write(&new.join(BYTES), bytes.to_string().as_bytes(), 0o600)?;
        disk::write(&new.join(COMPLETE), parts.digest.to_string().as_bytes(), 0o600)?;
        Ok(disk::rename("runner.image", &new, dir)?)
    });
    if made.is_err() {
        // The next attempt removes it as well.
        drop(fs::remove_dir_all(&new));
    }
    made
}

fn fill(
    store: &BlobDir,
    parts: &Parts,
    config: &Config,
    new: &Path,
    going: &dyn Fn() -> bool,
) -> Result<u64, ImageError> {
    let root = new.join(ROOT);
    fs::create_dir_all(&root).map_err(failed("create", &root))?;
    let mut unpacking = Unpacking::new(&root, store.bounds, going)?;
    for (layer, expected) in parts.layers.iter().zip(config.diff_ids()) {
        let mut blob = store.hashed(layer)?;
        blob.seek(SeekFrom::Start(0)).map_err(failed("read", &root))?;
        unpacking.apply(layer.digest, *expected, &blob, compression(layer)?)?;
    }
    unpacking.finish()
}

const ROOT: &str = "root";
const COMPLETE: &str = "complete";
const USED: &str = "used";
const BYTES: &str = "bytes";
