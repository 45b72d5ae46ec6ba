//! The files of an image: an OCI layout, or what `docker save` writes, in a directory or in one tar
//! (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>).
//!
//! Invariant: a name leads to a file of the layout, or to nothing: links of the tar are resolved within it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use archive::{Entries, Kind};

use super::fault::ImageFault;
use super::path::plain;
use crate::links;

/// The files of an image.
pub trait Layout {
    /// Opens a file; `None` if there is no such file. No name has an empty part, `.` or `..`.
    ///
    /// # Errors
    /// The error of the system.
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Read + '_>>>;

    /// Whether there is such a file.
    ///
    /// # Errors
    /// The error of the system.
    fn has(&self, name: &str) -> io::Result<bool> {
        Ok(self.open(name)?.is_some())
    }
}

/// Bytes that can be read from any place.
pub trait Bytes {
    /// Reads some bytes from this place on; 0 at the end.
    ///
    /// # Errors
    /// The error of the system.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
}

impl<B: Bytes + ?Sized> Bytes for &B {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        (**self).read_at(into, at)
    }
}

impl Bytes for [u8] {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let mut rest = rest;
        rest.read(into)
    }
}

impl Bytes for Vec<u8> {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.as_slice().read_at(into, at)
    }
}

impl Layout for BTreeMap<String, Vec<u8>> {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Read + '_>>> {
        Ok(self.get(name).map(|bytes| Box::new(bytes.as_slice()) as Box<dyn Read>))
    }
}

/// A tar with the files of an image.
#[derive(Debug)]
pub struct Archive<B> {
    bytes: B,
    places: BTreeMap<String, (u64, u64)>,
    links: BTreeMap<String, String>,
}

impl<B: Bytes> Archive<B> {
    /// Reads the names of a tar. The contents of its files are passed over.
    ///
    /// # Errors
    /// `ImageFault` if it is no tar, it has too many files, or two of one name.
    pub fn open(bytes: B) -> Result<Self, ImageFault> {
        let mut places: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut links: BTreeMap<String, String> = BTreeMap::new();
        let (mut at, mut count, mut name_bytes) = (0_u64, 0, 0);
        let failed = |source| ImageFault::Read { name: "the archive".to_owned(), source };
        loop {
            // A new reader for each entry, because the last one would read the content that it passes over.
            let mut entries = Entries::new(Part { bytes: &bytes, at, left: u64::MAX });
            let Some(entry) = entries.next_entry().map_err(failed)? else { break };
            let begin = entries.source().at;
            at = begin.saturating_add(entry.size.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX));
            count += 1;
            if count > FILES_MAX {
                return Err(ImageFault::Bound { limit: FILES_MAX, what: "files in its archive" });
            }
            let wrong = |why: &str| {
                let entry = String::from_utf8_lossy(&entry.path).chars().take(200).collect::<String>();
                ImageFault::document("the archive", format!("its entry `{entry}` {why}"))
            };
            let name = plain(&entry.path).map_err(|fault| wrong(&fault.to_string()))?;
            name_bytes += name.len() + entry.target.len();
            if name_bytes > NAME_BYTES_MAX {
                let (limit, what) = (NAME_BYTES_MAX as u64, "bytes in the names of its archive");
                return Err(ImageFault::Bound { limit, what });
            }
            if entry.kind != Kind::Directory && (places.contains_key(&name) || links.contains_key(&name)) {
                return Err(wrong("stands in it twice, so nobody can say which one is meant"));
            }
            if entry.kind == Kind::File && entry.size > 0 {
                let last = begin.saturating_add(entry.size - 1);
                if bytes.read_at(&mut [0], last).map_err(failed)? == 0 {
                    return Err(wrong("is longer than the archive; is it cut?"));
                }
            }
            match entry.kind {
                Kind::File => {
                    places.insert(name, (begin, entry.size));
                }
                Kind::Link => {
                    links.insert(name, String::from_utf8_lossy(&entry.target).into_owned());
                }
                Kind::HardLink => {
                    let target = plain(&entry.target).map_err(|fault| wrong(&fault.to_string()))?;
                    let place = places.get(&target).copied();
                    places.insert(name, place.ok_or_else(|| wrong("is a hard link to no file"))?);
                }
                Kind::Directory => {}
                Kind::Special => return Err(wrong("is a device or a pipe")),
            }
        }
        Ok(Self { bytes, places, links })
    }

    /// Whether it has parts of an image: then it is one that lost its list of contents, and no other archive.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        let is_part = |name: &String| name.starts_with("blobs/sha256/") || name.ends_with("/layer.tar");
        self.places.keys().any(is_part)
    }
}

impl<B: Bytes> Layout for Archive<B> {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Read + '_>>> {
        let target = |path: &str| self.links.get(path).cloned();
        let found = links::resolve(name, target)
            .map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault.to_string()))?;
        let place = self.places.get(&found);
        Ok(place
            .map(|(at, size)| Box::new(Part { bytes: &self.bytes, at: *at, left: *size }) as Box<dyn Read>))
    }
}

/// A part of bytes.
struct Part<'b, B> {
    bytes: &'b B,
    at: u64,
    left: u64,
}

impl<B: Bytes> Read for Part<'_, B> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let count = self.bytes.read_at(into.get_mut(..wanted).unwrap_or_default(), self.at)?;
        self.at = self.at.saturating_add(count as u64);
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

/// Whether bytes begin like a tar. The caller has read at least the first 512 of them.
#[must_use]
pub fn begins_as_tar(first: &[u8]) -> bool {
    // Headers from before the mark was invented have a sum, and programs that load images read them.
    first.get(257..262) == Some(b"ustar") || matches!(Entries::new(first).next_entry(), Ok(Some(_)))
}

/// Whether a layout is that of an image.
///
/// # Errors
/// The error of the system.
pub fn is_image(layout: &dyn Layout) -> io::Result<bool> {
    Ok((layout.has("oci-layout")? && layout.has("index.json")?) || layout.has("manifest.json")?)
}

/// Files of an archive: layers, configurations and manifests of its images.
const FILES_MAX: u64 = 100_000;
/// Names and targets of links of all these files.
const NAME_BYTES_MAX: usize = 64 << 20;
const BLOCK: u64 = 512;
