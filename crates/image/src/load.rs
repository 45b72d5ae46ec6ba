//! Images from a layout: a directory, or a tar of one, as image tools write it.
//!
//! Invariant: a layout is read and never written; what it says is believed only as far as digests prove it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use archive::{Entries, Kind};
use evidence::Digest;
use rustix::fs::OFlags;

use crate::blobs::{Blobs, limited};
use crate::error::{ImageError, failed};
use crate::place::plain;
use crate::store::{Index, Store};

/// Loads all images of a layout, or the one of this digest; returns their digests.
///
/// # Errors
/// `ImageError` if one cannot be loaded. Those before it stay.
pub fn load(
    store: &Store,
    path: &Path,
    only: Option<&Digest>,
    going: &dyn Fn() -> bool,
) -> Result<Vec<Digest>, ImageError> {
    let is_dir = std::fs::metadata(path).map_err(failed("read", path))?.is_dir();
    let mut layout: Box<dyn Layout> = if is_dir {
        Box::new(Directory(path.to_path_buf()))
    } else {
        Box::new(Archive::open(path, store.bounds().entries)?)
    };
    let place = format!("{}: index.json", path.display());
    let bytes = layout.file("index.json")?;
    let mut index = Index::read(&place, &bytes)?;
    index.manifests.retain(|image| only.is_none_or(|only| image.digest == *only));
    if index.manifests.is_empty() {
        return Err(ImageError::Document(place, "names no image that was asked for".into()));
    }
    let mut loaded = Vec::new();
    for image in index.manifests {
        store.add(&mut LayoutBlobs(layout.as_mut()), image.digest, (Some(image.size), false), going)?;
        loaded.push(image.digest);
    }
    Ok(loaded)
}

/// A layout.
trait Layout {
    /// Opens a file of it.
    fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, ImageError>;

    /// A whole file of it.
    fn file(&self, name: &str) -> Result<Vec<u8>, ImageError> {
        limited(self.open(name)?).map_err(failed("read", Path::new(name)))
    }
}

struct LayoutBlobs<'a>(&'a mut dyn Layout);

impl Blobs for LayoutBlobs<'_> {
    fn open(&mut self, digest: &Digest, _: bool) -> Result<Box<dyn Read + '_>, ImageError> {
        self.0.open(&format!("blobs/sha256/{}", digest.hex()))
    }
}

struct Directory(PathBuf);

impl Layout for Directory {
    fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, ImageError> {
        let path = self.0.join(name);
        // Neither waits for the writer of a pipe nor follows a link.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let opened = File::options().read(true).custom_flags(flags).open(&path);
        let file = opened.map_err(failed("open", &path))?;
        if !file.metadata().map_err(failed("read", &path))?.is_file() {
            return Err(failed("read", &path)(io::Error::other("it is no file")));
        }
        Ok(Box::new(file))
    }
}

/// A tar of a layout, with the places of its files.
struct Archive {
    path: PathBuf,
    file: File,
    places: BTreeMap<PathBuf, (u64, u64)>,
}

impl Archive {
    fn open(path: &Path, entries_max: u64) -> Result<Self, ImageError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let mut places = BTreeMap::new();
        let reader = file.try_clone().map_err(failed("open", path))?;
        let mut entries = Entries::new(PositionReader { from: io::BufReader::new(reader), at: 0 });
        let mut count = 0;
        while let Some(entry) = entries.next_entry().map_err(failed("read", path))? {
            count += 1;
            if count > entries_max {
                let (limit, what) = (entries_max, "files");
                return Err(ImageError::Bound { limit, what, option: "--image-entries" });
            }
            if let (Ok(name), Kind::File) = (plain(&entry.path), entry.kind) {
                places.insert(name, (entries.source().at, entry.size));
            }
        }
        Ok(Self { path: path.to_path_buf(), file, places })
    }
}

impl Layout for Archive {
    fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, ImageError> {
        let found = self.places.get(Path::new(name));
        let missing =
            || failed("read", &self.path)(io::Error::other(format!("it is no layout: it has no `{name}`")));
        let (at, size) = found.ok_or_else(missing)?;
        Ok(Box::new(Part { file: &self.file, at: *at, left: *size }))
    }
}

/// A part of a file.
struct Part<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let count = self.file.read_at(into.get_mut(..wanted).unwrap_or_default(), self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// A stream with the number of bytes that were read of it.
struct PositionReader<R> {
    from: R,
    at: u64,
}

impl<R: Read> Read for PositionReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.at += count as u64;
        Ok(count)
    }
}
