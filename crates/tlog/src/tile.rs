//! Tiles and entry bundles (<https://c2sp.org/tlog-tiles>): paths, widths and bytes.
//!
//! Invariant: a path has exactly one spelling; a tile has between 1 and 256 hashes; a bundle decodes to the entries
//! that it was made from. This module does not store tiles.

use std::fmt;
use std::str::FromStr;

use crate::hash::{HASH_BYTES, Hash, node_hash};

/// Levels of the hash tree that one tile spans.
pub const TILE_HEIGHT: u8 = 8;
/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Largest entry that a bundle can hold: its length is a 16-bit number.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Kinds of tiles: hashes of some level, or entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of this tile level, 0 to 63.
    Level(u8),
    /// Log entries.
    Entries,
}

/// Path of a tile: `tile/<L>/<N>[.p/<W>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: u64,
}

/// Reasons why a text is not the path of a tile, or bytes are not a tile.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TileError {
    /// The path does not follow `tile/<L>/<N>[.p/<W>]`.
    #[error("`{0}` is not a tile path: expected `tile/<level or entries>/<index>[.p/<width>]`")]
    Path(String),
    /// The number of bytes does not match the width.
    #[error("a tile of width {width} has {expected} bytes, found {found}")]
    Length {
        /// Width of the tile in hashes.
        width: u64,
        /// Number of bytes expected.
        expected: u64,
        /// Number of bytes found.
        found: usize,
    },
    /// The node is not in this tile.
    #[error("node {index} at level {level} does not lie in the tile")]
    Node {
        /// Level of the node in the tree.
        level: u8,
        /// Index of the node at its level.
        index: u64,
    },
}

/// Reasons why bytes are not an entry bundle, or entries do not fit into one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BundleError {
    /// An entry is longer than 65,535 bytes.
    #[error("entry {0} of the bundle is longer than 65535 bytes")]
    Long(usize),
    /// The bytes end inside an entry.
    #[error("the bundle ends inside entry {0}")]
    Short(usize),
    /// There are more than 256 entries.
    #[error("the bundle has more than 256 entries")]
    Many,
}

impl TilePath {
    /// Creates the path of a tile; `None` if level, index or width are out of range.
    #[must_use]
    pub fn new(kind: TileKind, index: u64, width: u64) -> Option<Self> {
        let level_fits = !matches!(kind, TileKind::Level(level) if level > 63);
        (level_fits && (1..=TILE_WIDTH).contains(&width)).then_some(Self { kind, index, width })
    }

    /// Kind of the tile.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Index of the tile within its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes or entries, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u64 {
        self.width
    }

    /// Whether the tile is full, so that it never changes.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Level(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        f.write_str(&groups.join("/"))?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || TileError::Path(text.chars().take(120).collect());
        let parsed = parse_path(text).ok_or_else(wrong)?;
        // A path has one spelling only: a text that would be printed differently is refused.
        if parsed.to_string() == text { Ok(parsed) } else { Err(wrong()) }
    }
}

fn parse_path(text: &str) -> Option<TilePath> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = if kind == "entries" { TileKind::Entries } else { TileKind::Level(kind.parse().ok()?) };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok()?),
        None => (rest, TILE_WIDTH),
    };
    let mut number = 0_u64;
    for group in index.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let value: u64 = if digits.len() == 3 { digits.parse().ok()? } else { return None };
        number = number.checked_mul(1000)?.checked_add(value)?;
    }
    TilePath::new(kind, number, width)
}

/// Width of the partial tile at `level` for a tree of `size` leaves; 0 if all its tiles are full.
#[must_use]
pub fn partial_width(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0) % TILE_WIDTH
}

/// Hash of a node, from the bytes of the tile that contains it.
///
/// The tile is the one at tile level `level / 8`. It may be partial, as long as the node is complete.
///
/// # Errors
/// `TileError` when these bytes do not contain the node.
pub fn tile_node(bytes: &[u8], level: u8, index: u64) -> Result<Hash, TileError> {
    let wrong = || TileError::Node { level, index };
    let inner = level % TILE_HEIGHT;
    let first = (index << inner) % TILE_WIDTH;
    let from = usize::try_from(first).map_err(|_| wrong())? * HASH_BYTES;
    let to = from + (HASH_BYTES << inner);
    let hashes = bytes.get(from..to).ok_or_else(wrong)?.chunks_exact(HASH_BYTES).map(Hash::from_slice);
    fold(hashes.collect::<Result<_, _>>().map_err(|_| wrong())?).ok_or_else(wrong)
}

/// Hash over a full tile, which is a node in the tile above.
///
/// # Errors
/// `TileError::Length` when the tile is not full.
pub fn tile_root(bytes: &[u8]) -> Result<Hash, TileError> {
    let expected = TILE_WIDTH * HASH_BYTES as u64;
    let wrong = || TileError::Length { width: TILE_WIDTH, expected, found: bytes.len() };
    if bytes.len() as u64 != expected {
        return Err(wrong());
    }
    let hashes = bytes.chunks_exact(HASH_BYTES).map(Hash::from_slice).collect::<Result<Vec<_>, _>>();
    fold(hashes.map_err(|_| wrong())?).ok_or_else(wrong)
}

fn fold(mut hashes: Vec<Hash>) -> Option<Hash> {
    while hashes.len() > 1 {
        hashes = hashes.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    hashes.pop()
}

/// Bytes of an entry bundle: each entry after its length as a big-endian 16-bit number.
///
/// # Errors
/// `BundleError` when an entry is too long or there are too many.
pub fn encode_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::new();
    for (n, entry) in entries.into_iter().enumerate() {
        if n as u64 >= TILE_WIDTH {
            return Err(BundleError::Many);
        }
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::Long(n))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Entries of a bundle, in order.
///
/// # Errors
/// `BundleError` when the bytes end early or hold more than 256 entries.
pub fn decode_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let n = entries.len();
        if n as u64 >= TILE_WIDTH {
            return Err(BundleError::Many);
        }
        let (length, tail) = rest.split_first_chunk::<2>().ok_or(BundleError::Short(n))?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, tail) = tail.split_at_checked(length).ok_or(BundleError::Short(n))?;
        entries.push(entry);
        rest = tail;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_specification() {
        let path = |kind, index, width| TilePath::new(kind, index, width).unwrap().to_string();
        assert_eq!(path(TileKind::Level(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(TileKind::Level(2), 0, 1), "tile/2/000.p/1");
        assert_eq!(path(TileKind::Entries, 273, 112), "tile/entries/273.p/112");
        assert_eq!(TilePath::new(TileKind::Level(64), 0, 1), None);
        assert_eq!(TilePath::new(TileKind::Level(0), 0, 257), None);
    }

    #[test]
    fn a_path_has_one_spelling() {
        for good in ["tile/0/000", "tile/63/x001/000.p/255", "tile/entries/999"] {
            assert_eq!(good.parse::<TilePath>().unwrap().to_string(), good);
        }
        for bad in [
            "tile/0/0",
            "tile/00/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/64/000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/-1/000",
            "tile/0/+01",
            "tile/0/000/",
            "/tile/0/000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/entries",
            "",
        ] {
            assert!(bad.parse::<TilePath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn widths_of_the_example_in_the_specification() {
        assert_eq!([0, 1, 2, 3].map(|level| partial_width(level, 70_000)), [112, 17, 1, 0]);
        assert_eq!([0, 1].map(|level| partial_width(level, 256)), [0, 1]);
    }

    #[test]
    fn bundles_round_trip_and_refuse_damage() {
        let entries: [&[u8]; 3] = [b"", b"one", &[7; 65_535]];
        let bytes = encode_bundle(entries).unwrap();
        assert_eq!(decode_bundle(&bytes).unwrap(), entries);
        assert_eq!(decode_bundle(&bytes[..bytes.len() - 1]), Err(BundleError::Short(2)));
        assert_eq!(decode_bundle(&[0]), Err(BundleError::Short(0)));
        assert_eq!(encode_bundle([[0; 65_536].as_slice()]), Err(BundleError::Long(0)));
        assert_eq!(encode_bundle([b"".as_slice(); 257]), Err(BundleError::Many));
        assert_eq!(decode_bundle(&[0; 514]), Err(BundleError::Many));
    }
}
