//! Images of containers on disk: an OCI layout in a directory, or a tar of one or of what `docker save` writes.
//!
//! Invariant: nothing outside of the layout is read: no link of a directory is followed, and a pipe is not waited for.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use evidence::Digest;
use rustix::fs::OFlags;
use scan::images::{self, Archive, Bytes, Layout};

use crate::error::Error;

/// The image at a path; `None` if there is something else. A directory of a repository is a source, whatever files it has.
///
/// # Errors
/// `Error` when the path cannot be read, or is a tar of an image that is damaged.
pub fn open(path: &Path) -> Result<Option<Box<dyn Layout>>, Error> {
    let failed = |error: io::Error| unusable(path, &error);
    let meta = fs::metadata(path).map_err(failed)?;
    if meta.is_dir() {
        let directory = Directory(path.to_path_buf());
        let is_repository = fs::symlink_metadata(path.join(".git")).is_ok();
        let is_image = !is_repository && images::is_image(&directory).map_err(failed)?;
        if !is_repository && !is_image && path.join("oci-layout").exists() && path.join("blobs").exists() {
            return Err(unusable(path, &images::ImageFault::NoImage));
        }
        return Ok(is_image.then(|| Box::new(directory) as Box<dyn Layout>));
    }
    if !meta.is_file() {
        return Ok(None);
    }
    let file = ImageFile(File::open(path).map_err(failed)?);
    let mut first = Vec::new();
    file.0.try_clone().map_err(failed)?.take(FIRST_BYTES).read_to_end(&mut first).map_err(failed)?;
    if !images::begins_as_tar(&first) {
        return Ok(None);
    }
    match Archive::open(file) {
        Ok(archive) => {
            let is_image = images::is_image(&archive).map_err(failed)?;
            if !is_image && archive.has_parts() {
                return Err(unusable(path, &images::ImageFault::NoImage));
            }
            Ok(is_image.then(|| Box::new(archive) as Box<dyn Layout>))
        }
        Err(error) => Err(unusable(path, &error)),
    }
}

/// The unpacked layers of the image at a path, by their digests, the lowest first.
///
/// # Errors
/// `Error` when there is no image, or several.
pub fn layers_of(path: &Path) -> Result<Vec<Digest>, Error> {
    let layout = open(path)?.ok_or_else(|| unusable(path, &images::ImageFault::NoImage))?;
    images::layers_of(layout.as_ref(), None).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::unusable(format!("cannot read `{}`: {error}", path.display()))
}

struct Directory(PathBuf);

impl Layout for Directory {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Read + '_>>> {
        let mut path = self.0.clone();
        for part in name.split('/') {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
                Ok(meta) if meta.is_symlink() => {
                    return Err(io::Error::other(format!(
                        "`{name}` is behind a link, which is not followed"
                    )));
                }
                Ok(_) => {}
            }
        }
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(&path)?;
        if file.metadata()?.is_file() {
            Ok(Some(Box::new(file)))
        } else {
            Err(io::Error::other(format!("`{name}` is no file")))
        }
    }
}

struct ImageFile(File);

impl Bytes for ImageFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(into, at)
    }
}

const FIRST_BYTES: u64 = 512;
