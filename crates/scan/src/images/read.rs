//! One pass over the layers of an image: every digest is checked, every file is scanned for secrets, also one that a later
//! layer removes, and the files that name packages are kept.
//!
//! Invariant: nothing counts unless all digests are right and every entry could be applied. Memory is bounded: by the number
//! of entries, their paths and targets, the files that are kept, and one window of a file.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read};

use archive::{Entries, Entry, Kind};
use evidence::{Digest, Hasher};

use super::content::{Contents, Scanned};
use super::fault::ImageFault;
use super::gunzip::Gunzip;
use super::layout::Layout;
use super::manifest::{Compression, Layer};
use super::path;
use super::tree::{Applied, Change, Node, NodeKind, Tree};
use crate::INPUT_BYTES_MAX;

/// The result of the pass.
#[derive(Debug)]
pub struct Pass {
    /// The tree of the image.
    pub tree: Tree,
    /// Files of the tree that were kept, by their paths.
    pub kept: BTreeMap<String, Vec<u8>>,
    /// Secrets, and what was not scanned for them.
    pub scanned: Scanned,
    /// Files that were kept and that the tree does not have any more: their paths, with the last layer that has them.
    pub removed: BTreeMap<String, usize>,
    /// Doubts about entries: paths and sentences.
    pub unclear: BTreeMap<String, String>,
    /// Entries of all layers.
    pub entries: u64,
    /// Bytes of all layers without compression.
    pub bytes: u64,
}

/// A pass that is going on.
struct Reading<'k> {
    keeps: &'k dyn Fn(&str) -> bool,
    tree: Tree,
    kept: BTreeMap<String, (usize, Vec<u8>)>,
    kept_bytes: u64,
    contents: Contents,
    unclear: BTreeMap<String, String>,
    entries: u64,
    bytes: Cell<u64>,
}

/// Reads layers. `keeps` says whether the file at a path is kept.
///
/// # Errors
/// `ImageFault` names the layer or entry.
pub fn layers(
    layout: &dyn Layout,
    layers: &[Layer],
    keeps: &dyn Fn(&str) -> bool,
) -> Result<Pass, ImageFault> {
    let mut reading = Reading {
        keeps,
        tree: Tree::default(),
        kept: BTreeMap::new(),
        kept_bytes: 0,
        contents: Contents::default(),
        unclear: BTreeMap::new(),
        entries: 0,
        bytes: Cell::new(0),
    };
    for (number, layer) in layers.iter().enumerate() {
        reading.layer(layout, number, layer)?;
    }
    let Reading { tree, kept, contents, unclear, entries, bytes, .. } = reading;
    let is_last = |path: &str, layer: usize| {
        tree.node(path).is_some_and(|node| node.layer == layer && matches!(node.kind, NodeKind::File(_)))
    };
    let (mut left, mut removed) = (BTreeMap::new(), BTreeMap::new());
    for (path, (layer, bytes)) in kept {
        if is_last(&path, layer) {
            left.insert(path, bytes);
        } else if !tree
            .node(&path)
            .is_some_and(|node| matches!(node.kind, NodeKind::File(_) | NodeKind::Link(_)))
        {
            removed.insert(path, layer);
        }
    }
    let scanned = contents.finish();
    Ok(Pass { kept: left, removed, scanned, unclear, entries, bytes: bytes.get(), tree })
}

impl Reading<'_> {
    fn layer(&mut self, layout: &dyn Layout, number: usize, layer: &Layer) -> Result<(), ImageFault> {
        let name = &layer.name;
        let failed = |source| ImageFault::Read { name: name.clone(), source };
        let wrong = |why: String| ImageFault::Layer { number: number + 1, name: name.clone(), why };
        let opened = layout.open(name).map_err(failed)?.ok_or_else(|| ImageFault::Missing(name.clone()))?;
        let (packed, bytes) = (Cell::new(0), Cell::new(0));
        let blob = Counted { from: opened, hash: Hasher::default(), bytes: &packed, bound: Bound::None };
        let mut blob = BufReader::with_capacity(BUFFER_BYTES, blob);
        let first = blob.fill_buf().map_err(failed)?;
        let compression = match (layer.compression, first) {
            (Some(compression), _) => compression,
            (None, [0x1f, 0x8b, ..]) => Compression::Gzip,
            (None, [0x28, 0xb5, 0x2f, 0xfd, ..]) => return Err(wrong(ZSTD.to_owned())),
            (None, _) => Compression::None,
        };
        let from: Box<dyn Read + '_> = match compression {
            Compression::None => Box::new(&mut blob),
            Compression::Gzip => Box::new(Gunzip::new(&mut blob, MEMBERS_MAX)),
        };
        let bound = Bound::Growth { packed: &packed, before: self.bytes.get() };
        let content = Counted { from, hash: Hasher::default(), bytes: &bytes, bound };
        let mut content = BufReader::with_capacity(BUFFER_BYTES, content);
        let applied = self.entries(&mut Entries::new(&mut content), number, layer);
        if self.bytes.get().saturating_add(bytes.get()) > BYTES_MAX {
            return Err(ImageFault::Bound { limit: BYTES_MAX, what: "bytes in its layers" });
        }
        applied?;
        let found = content.into_inner().hash.finish();
        // All that stands behind a compressed stream is part of the blob.
        io::copy(&mut blob, &mut io::sink()).map_err(failed)?;
        self.bytes.set(self.bytes.get().saturating_add(bytes.get()));
        if let Some((expected, size)) = layer.blob {
            if packed.get() != size {
                return Err(ImageFault::Size { name: name.clone(), expected: size, found: packed.get() });
            }
            differs(name, expected, blob.into_inner().hash.finish())?;
        }
        differs(&format!("{name}, unpacked"), layer.diff_id, found)
    }

    fn entries<R: Read>(
        &mut self,
        entries: &mut Entries<R>,
        number: usize,
        layer: &Layer,
    ) -> Result<(), ImageFault> {
        let wrong = |error: io::Error| ImageFault::Layer {
            number: number + 1,
            name: layer.name.clone(),
            why: error.to_string(),
        };
        let mut applied = Applied::new(number);
        while let Some(entry) = entries.next_entry().map_err(wrong)? {
            self.entries += 1;
            let fault = |why: String| {
                let entry = String::from_utf8_lossy(&entry.path).chars().take(SHOWN_MAX).collect();
                ImageFault::Entry { number: number + 1, entry, why }
            };
            let change = self.tree.apply(&entry, &mut applied).map_err(|why| fault(why.to_string()))?;
            self.fits()?;
            match change {
                Change::File(path) => self.file(entries, &entry, &path, number)?,
                Change::Again(path) => {
                    let why = format!("layer {} has it twice, and tools may take either", number + 1);
                    self.unclear.insert(path.clone(), why);
                    if entry.kind == Kind::File {
                        self.file(entries, &entry, &path, number)?;
                    }
                }
                Change::Other => {}
            }
            if entry.kind == Kind::HardLink {
                self.hard_link(&entry, number)?;
            }
        }
        entries.drain().map_err(wrong)
    }

    /// Whether the tree is within its bounds.
    fn fits(&self) -> Result<(), ImageFault> {
        let nodes = self.entries.max(self.tree.len() as u64);
        let (limit, what) = match (nodes > ENTRIES_MAX, self.tree.path_bytes() > PATHS_BYTES_MAX) {
            (true, _) => (ENTRIES_MAX, "files"),
            (_, true) => (PATHS_BYTES_MAX, "bytes of paths and targets of links"),
            _ => return Ok(()),
        };
        Err(ImageFault::Bound { limit, what })
    }

    fn file<R: Read>(
        &mut self,
        entries: &mut Entries<R>,
        entry: &Entry,
        path: &str,
        number: usize,
    ) -> Result<(), ImageFault> {
        let fault = |error: io::Error| ImageFault::Entry {
            number: number + 1,
            entry: path.chars().take(SHOWN_MAX).collect(),
            why: format!("cannot be read: {error}"),
        };
        let keeps = (self.keeps)(path);
        if keeps && entry.size > KEPT_FILE_BYTES_MAX {
            let why = format!("it has more than {KEPT_FILE_BYTES_MAX} bytes, so no packages are read of it");
            self.unclear.insert(path.to_owned(), why);
        } else if keeps {
            let mut bytes = Vec::new();
            entries.by_ref().take(entry.size).read_to_end(&mut bytes).map_err(fault)?;
            self.keep(entry.size)?;
            self.contents.add(path, number, &mut bytes.as_slice(), entry.size).map_err(fault)?;
            self.kept.insert(path.to_owned(), (number, bytes));
            return self.contents.fits();
        }
        self.contents.add(path, number, entries, entry.size).map_err(fault)?;
        self.contents.fits()
    }

    /// Counts bytes that are kept.
    fn keep(&mut self, bytes: u64) -> Result<(), ImageFault> {
        self.kept_bytes = self.kept_bytes.saturating_add(bytes);
        if self.kept_bytes > KEPT_BYTES_MAX {
            let what = "bytes in files that name packages";
            return Err(ImageFault::Bound { limit: KEPT_BYTES_MAX, what });
        }
        Ok(())
    }

    /// Another name of a file that is kept.
    fn hard_link(&mut self, entry: &Entry, number: usize) -> Result<(), ImageFault> {
        let (Ok(path), Ok(target)) = (path::plain(&entry.path), path::plain(&entry.target)) else {
            return Ok(());
        };
        if !(self.keeps)(&path) {
            return Ok(());
        }
        match self.kept.get(&target) {
            Some((_, bytes)) => {
                // Each name has its bytes, so a few large files with many names would fill the memory.
                let bytes = bytes.clone();
                self.keep(bytes.len() as u64)?;
                self.kept.insert(path, (number, bytes));
            }
            None => {
                let why = "it is a hard link to a file of another name, so no packages are read of it";
                self.unclear.insert(path, why.to_owned());
            }
        }
        Ok(())
    }
}

fn differs(name: &str, expected: Digest, found: Digest) -> Result<(), ImageFault> {
    if expected == found {
        Ok(())
    } else {
        Err(ImageFault::Differs { name: name.to_owned(), expected, found })
    }
}

/// The bound of a stream.
enum Bound<'a> {
    None,
    /// It may only grow so far over the bytes that were read to make it, and all layers have a bound together.
    Growth {
        packed: &'a Cell<u64>,
        before: u64,
    },
}

/// Hashes and counts what is read.
struct Counted<'a, R> {
    from: R,
    hash: Hasher,
    bytes: &'a Cell<u64>,
    bound: Bound<'a>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        let bytes = self.bytes.get().saturating_add(count as u64);
        self.bytes.set(bytes);
        if let Bound::Growth { packed, before } = &self.bound {
            if bytes > packed.get().saturating_mul(GROWTH_MAX).max(GROWTH_FREE_BYTES) {
                return Err(io::Error::other(format!(
                    "it grows more than {GROWTH_MAX} times when it is unpacked"
                )));
            }
            if before.saturating_add(bytes) > BYTES_MAX {
                return Err(io::Error::other("it is larger than a scan reads"));
            }
        }
        self.hash.update(into.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Whether a node is a program: a file that somebody may run.
#[must_use]
pub const fn is_program(node: &Node) -> bool {
    matches!(node.kind, NodeKind::File(_)) && node.mode & 0o111 != 0
}

const ZSTD: &str = "it is compressed with zstd, which this program cannot read; save the image with gzip";
const BUFFER_BYTES: usize = 64 << 10;
/// Members of one compressed layer: some builders write one for each file.
const MEMBERS_MAX: u32 = 2_000_000;
/// A layer of a runtime or of a compiler has some 100,000 files.
const ENTRIES_MAX: u64 = 1_000_000;
const PATHS_BYTES_MAX: u64 = 256 << 20;
const BYTES_MAX: u64 = 32 << 30;
/// Programs and texts shrink to a third or a tenth. A gzip of zeros grows a thousand times.
const GROWTH_MAX: u64 = 200;
/// A layer that stays below this size may grow as it likes.
const GROWTH_FREE_BYTES: u64 = 64 << 20;
const KEPT_FILE_BYTES_MAX: u64 = 4 * INPUT_BYTES_MAX as u64;
const KEPT_BYTES_MAX: u64 = 512 << 20;
const SHOWN_MAX: usize = 200;
