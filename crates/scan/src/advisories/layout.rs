//! The bytes of a database: `docs/formats/advisories.md`.
//!
//! Invariant: each part is fixed by a digest in the part before it, the first by the digest that names the database. So
//! a reader that looks at a few parts still detects damage in each of them.

use std::collections::BTreeMap;

use evidence::{Digest, Moment};
use serde::{Deserialize, Serialize};

use super::error::AdvisoriesError;

/// First bytes of a database, with the version of the format.
pub(super) const MAGIC: &[u8] = b"countersign-advisories-1\n";
/// Bytes before the header: the magic, its length, its digest.
pub(super) const PRELUDE_BYTES: usize = MAGIC.len() + 4 + 32;
/// Largest header in bytes.
pub(super) const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Largest directory in bytes.
pub(super) const DIRECTORY_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Bytes at which a block is full. A block has more if its last package has.
pub(super) const BLOCK_BYTES: usize = 4 * 1024;
/// Largest block in bytes.
pub(super) const BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest database in bytes.
pub(super) const DATABASE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Facts about a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the format; 1.
    pub v: u8,
    /// Name of the source.
    pub source: String,
    /// Newest time of a change of a record.
    pub modified: Moment,
    /// Ecosystems, with what is held of each.
    pub ecosystems: BTreeMap<String, Held>,
    /// Number of entries of the catalogue of exploited vulnerabilities (KEV), if one was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exploited: Option<u64>,
    /// Number of probabilities of exploitation (EPSS), if they were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<u64>,
    /// Packages of each ecosystem whose documents of an index were read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub index: BTreeMap<String, u64>,
    /// Length of the directory in bytes.
    pub directory: u64,
    /// Digest of the directory.
    pub digest: Digest,
    /// Length of all blocks in bytes.
    pub blocks: u64,
}

/// Counts of an ecosystem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Records that are not withdrawn.
    pub records: u64,
    /// Packages that they name.
    pub packages: u64,
}

/// A row of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Key of the first package of the block.
    pub key: Vec<u8>,
    /// Start of the block, counted from the first block.
    pub offset: u64,
    /// Length of the block in bytes.
    pub bytes: usize,
    /// SHA-256 of the block.
    pub digest: [u8; 32],
}

/// Reads parts of a buffer one after the other.
pub(super) struct Cursor<'b> {
    rest: &'b [u8],
    what: &'static str,
}

impl<'b> Cursor<'b> {
    pub(super) const fn new(what: &'static str, rest: &'b [u8]) -> Self {
        Self { rest, what }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'b [u8], AdvisoriesError> {
        let (part, rest) = self.rest.split_at_checked(bytes).ok_or_else(|| self.damaged("it is cut"))?;
        self.rest = rest;
        Ok(part)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], AdvisoriesError> {
        let part = self.take(N)?;
        part.try_into().map_err(|_| self.damaged("it is cut"))
    }

    /// A part with its length before it.
    pub(super) fn part(&mut self) -> Result<&'b [u8], AdvisoriesError> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    pub(super) fn damaged(&self, why: &str) -> AdvisoriesError {
        AdvisoriesError::Damaged { what: format!("{}: {why}", self.what) }
    }
}

/// Adds a part with its length before it.
pub(super) fn put(out: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
}

/// The rows of a directory, in the order of their keys.
pub(super) fn rows(directory: &[u8]) -> Result<Vec<Row>, AdvisoriesError> {
    let mut cursor = Cursor::new("directory", directory);
    let mut rows: Vec<Row> = Vec::new();
    let mut offset = 0_u64;
    while !cursor.is_empty() {
        let key = cursor.part()?.to_vec();
        let bytes = usize::try_from(u32::from_be_bytes(cursor.array()?)).unwrap_or(usize::MAX);
        let digest = cursor.array()?;
        if bytes > BLOCK_BYTES_MAX || rows.last().is_some_and(|last| last.key >= key) {
            return Err(cursor.damaged("its rows are out of order, or a block is too large"));
        }
        rows.push(Row { key, offset, bytes, digest });
        offset = offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
    Ok(rows)
}

/// The key of a package: ecosystem and name, with a byte between them that neither has.
pub(super) fn key(package: &super::ecosystem::Package) -> Vec<u8> {
    [package.ecosystem.as_str().as_bytes(), b"\0", package.name.as_bytes()].concat()
}
