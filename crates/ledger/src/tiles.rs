//! Tiles and entry bundles of a ledger (<https://c2sp.org/tlog-tiles>), and the nodes of the tree from them.
//!
//! Invariant: full tiles are files, derived after the commit, and never change. Partial tiles are made on request from
//! the durable rows. A crash leaves at most missing files, which `derive` writes again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tlog::{
    HASH_BYTES, Hash, Nodes, TILE_HEIGHT, TILE_WIDTH, TileKind, TilePath, encode_bundle, partial_width,
    tile_node, tile_root,
};

use crate::error::LedgerError;
use crate::{Reader, TILES};

/// Bytes of tiles by level, index and width.
type TileCache = BTreeMap<(u8, u64, u64), Rc<Vec<u8>>>;

/// Tiles of one data directory.
#[derive(Debug)]
pub struct Tiles<'a> {
    dir: PathBuf,
    reader: &'a Reader,
    /// Tiles that the current proof has read. A proof needs several nodes of each.
    read: RefCell<TileCache>,
}

impl<'a> Tiles<'a> {
    /// Tiles of the ledger that `reader` reads.
    #[must_use]
    pub fn new(data: &Path, reader: &'a Reader) -> Self {
        Self { dir: data.join(TILES), reader, read: RefCell::default() }
    }

    /// The bytes of a tile or bundle, if the tree has it at its current size.
    ///
    /// # Errors
    /// `LedgerError` when rows or files cannot be read.
    pub fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, LedgerError> {
        let size = self.reader.head()?.frontier.size();
        if !exists(path, size) {
            return Ok(None);
        }
        match path.kind() {
            TileKind::Level(level) => self.hashes(level, path.index(), path.width()).map(Some),
            TileKind::Entries => self.bundle(path).map(Some),
        }
    }

    /// Writes every full tile and bundle of the tree that is missing in the directory.
    ///
    /// # Errors
    /// `LedgerError` when rows cannot be read or a file cannot be written.
    pub fn derive(&self) -> Result<(), LedgerError> {
        let size = self.reader.head()?.frontier.size();
        for level in 0..=LEVEL_MAX {
            let full = size >> (u32::from(TILE_HEIGHT) * (u32::from(level) + 1));
            for index in self.missing_from(TileKind::Level(level), full)..full {
                let bytes = self.hashes(level, index, TILE_WIDTH)?;
                self.write(TileKind::Level(level), index, &bytes)?;
            }
        }
        let full = size / TILE_WIDTH;
        for index in self.missing_from(TileKind::Entries, full)..full {
            if let Some(path) = TilePath::new(TileKind::Entries, index, TILE_WIDTH) {
                let bytes = self.bundle(path)?;
                self.write(TileKind::Entries, index, &bytes)?;
            }
        }
        Ok(())
    }

    /// The first missing index below `full`. Files are written in order, so the search goes back from the end.
    fn missing_from(&self, kind: TileKind, full: u64) -> u64 {
        let lacks = |index: &u64| !self.path(kind, *index).is_file();
        (0..full).rev().take_while(lacks).last().unwrap_or(full)
    }

    fn hashes(&self, level: u8, index: u64, width: u64) -> Result<Vec<u8>, LedgerError> {
        if width == TILE_WIDTH
            && let Ok(bytes) = fs::read(self.path(TileKind::Level(level), index))
            && bytes.len() as u64 == TILE_WIDTH * HASH_BYTES as u64
        {
            return Ok(bytes);
        }
        let first = index * TILE_WIDTH;
        let hashes = match level.checked_sub(1) {
            None => self.reader.leaves(first, first + width)?,
            Some(below) => {
                (first..first + width).map(|tile| self.root(below, tile)).collect::<Result<_, _>>()?
            }
        };
        Ok(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
    }

    /// Root of a full tile. The reader caches it, because it never changes: a partial tile needs the roots of up to 255
    /// tiles below it each time it is read.
    fn root(&self, level: u8, index: u64) -> Result<Hash, LedgerError> {
        if let Some(known) = self.reader.known_root(level, index) {
            return Ok(known);
        }
        let bytes = self.hashes(level, index, TILE_WIDTH)?;
        let root = tile_root(&bytes).map_err(|error| bad(level, &error))?;
        self.reader.keep_root(level, index, root);
        Ok(root)
    }

    fn bundle(&self, path: TilePath) -> Result<Vec<u8>, LedgerError> {
        let first = path.index() * TILE_WIDTH;
        let entries = self.reader.entries(first, first + path.width())?;
        let headers = entries.iter().map(|entry| entry.header.as_slice());
        encode_bundle(headers).map_err(|error| bad(0, &error))
    }

    fn path(&self, kind: TileKind, index: u64) -> PathBuf {
        let path = TilePath::new(kind, index, TILE_WIDTH).map(|path| path.to_string());
        self.dir.join(path.unwrap_or_default())
    }

    fn write(&self, kind: TileKind, index: u64, bytes: &[u8]) -> Result<(), LedgerError> {
        let path = self.path(kind, index);
        let parent = path.parent().unwrap_or(&self.dir);
        disk::make_dir(parent)?;
        Ok(disk::replace("ledger.tile", &path, bytes, 0o644)?)
    }
}

impl Nodes for Tiles<'_> {
    type Error = LedgerError;

    fn node(&self, level: u8, index: u64) -> Result<Hash, LedgerError> {
        let (tile_level, inner) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let tile = (index << inner) / TILE_WIDTH;
        let size = self.reader.head()?.frontier.size();
        let full = size >> (u32::from(TILE_HEIGHT) * (u32::from(tile_level) + 1));
        let width = if tile < full { TILE_WIDTH } else { partial_width(tile_level, size) };
        let key = (tile_level, tile, width);
        let known = self.read.borrow().get(&key).cloned();
        let bytes = match known {
            Some(bytes) => bytes,
            None => Rc::new(self.hashes(tile_level, tile, width)?),
        };
        let mut read = self.read.borrow_mut();
        if read.len() < READ_MAX {
            read.insert(key, Rc::clone(&bytes));
        }
        tile_node(&bytes, level, index).map_err(|error| bad(level, &error))
    }
}

/// Whether a tree of `size` leaves has this tile. Older, narrower partial tiles count, too.
fn exists(path: TilePath, size: u64) -> bool {
    let level = if let TileKind::Level(level) = path.kind() { level } else { 0 };
    let shift = u32::from(level) * u32::from(TILE_HEIGHT);
    let hashes = size.checked_shr(shift).unwrap_or(0);
    path.index()
        .checked_mul(TILE_WIDTH)
        .and_then(|first| first.checked_add(path.width()))
        .is_some_and(|end| end <= hashes)
}

fn bad(level: u8, error: &dyn std::fmt::Display) -> LedgerError {
    LedgerError::Row { place: format!("tile level {level}"), what: error.to_string() }
}

/// Highest number of tiles in memory for one proof.
const READ_MAX: usize = 64;
/// Tiles of level 7 span 2^64 leaves.
const LEVEL_MAX: u8 = 6;
