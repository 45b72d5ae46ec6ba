//! Reads a database of advisories: a few parts of it, each checked against its digest.
//!
//! Invariant: a damaged part is an error and never "no advisories". Parts that are not read are
//! not checked, and have no part in the answer.

use evidence::document::{Knowledge, text};
use evidence::{Digest, Moment};

use super::ecosystem::{Ecosystem, Package};
use super::error::AdvisoriesError;
use super::layout::{
    Cursor, DATABASE_BYTES_MAX, DIRECTORY_BYTES_MAX, HEADER_BYTES_MAX, Header, MAGIC, PRELUDE_BYTES, Row,
    key, rows,
};
use super::stored::Entry;

/// The bytes of a database, wherever they are.
pub trait Source: Send + Sync {
    /// Number of bytes.
    ///
    /// # Errors
    /// The error of the system.
    fn size(&self) -> std::io::Result<u64>;

    /// Fills the buffer from this place on.
    ///
    /// # Errors
    /// The error of the system, or `UnexpectedEof`.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()>;
}

impl<S: Source> Source for std::sync::Arc<S> {
    fn size(&self) -> std::io::Result<u64> {
        self.as_ref().size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        self.as_ref().read_at(offset, into)
    }
}

impl Source for Vec<u8> {
    fn size(&self) -> std::io::Result<u64> {
        Ok(u64::try_from(self.len()).unwrap_or(u64::MAX))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = self.get(start..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(part.ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A database that is open.
pub struct Database {
    source: Box<dyn Source>,
    header: Header,
    digest: Digest,
    rows: Vec<Row>,
    blocks_at: u64,
}

/// Looks up packages, and keeps the last block: packages come in order.
pub(super) struct Reader<'d> {
    database: &'d Database,
    block: Option<(usize, Vec<u8>)>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens a database: reads its header and its directory.
    ///
    /// # Errors
    /// `AdvisoriesError::Read`, or `AdvisoriesError::Damaged` with the part.
    pub fn open(source: impl Source + 'static) -> Result<Self, AdvisoriesError> {
        let source: Box<dyn Source> = Box::new(source);
        let size = source.size().map_err(AdvisoriesError::Read)?;
        if size < length(PRELUDE_BYTES) || size > DATABASE_BYTES_MAX {
            return Err(damaged(format!("{size} bytes are no database")));
        }
        let prelude = part(source.as_ref(), 0, PRELUDE_BYTES)?;
        let mut cursor = Cursor::new("first bytes", &prelude);
        if cursor.take(MAGIC.len())? != MAGIC {
            return Err(
                cursor.damaged("this is no database of advisories, or one by another version of the program")
            );
        }
        let header_bytes = usize::try_from(u32::from_be_bytes(cursor.array()?)).unwrap_or(usize::MAX);
        let header_digest: [u8; 32] = cursor.array()?;
        if header_bytes > HEADER_BYTES_MAX {
            return Err(cursor.damaged("the header is too large"));
        }
        let header = part(source.as_ref(), length(PRELUDE_BYTES), header_bytes)?;
        if *Digest::of(&header).as_bytes() != header_digest {
            return Err(damaged("the header differs from its digest".to_owned()));
        }
        let digest = Digest::of_parts(&[&prelude, &header]);
        let header: Header =
            serde_json::from_slice(&header).map_err(|error| damaged(format!("header: {error}")))?;
        if header.v != 1 || text(&header.source, 200) != header.source || header.source.is_empty() {
            return Err(damaged("header: a version or a source that this program does not know".to_owned()));
        }
        let directory_at = length(PRELUDE_BYTES + header_bytes);
        let blocks_at = directory_at.saturating_add(header.directory);
        if header.directory > DIRECTORY_BYTES_MAX || blocks_at.saturating_add(header.blocks) != size {
            return Err(damaged(format!("it has {size} bytes, which is not what its header says")));
        }
        let directory = usize::try_from(header.directory).unwrap_or(usize::MAX);
        let directory = part(source.as_ref(), directory_at, directory)?;
        if Digest::of(&directory) != header.digest {
            return Err(damaged("the directory differs from its digest".to_owned()));
        }
        let rows = rows(&directory)?;
        let blocks: u64 = rows.iter().map(|row| length(row.bytes)).sum();
        if blocks != header.blocks {
            return Err(damaged("the directory names other blocks".to_owned()));
        }
        Ok(Self { source, header, digest, rows, blocks_at })
    }

    /// Facts about the database itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The words of a receipt about this database: its source, its digest, its date.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge {
        let Header { source, modified, .. } = &self.header;
        Knowledge { source: source.clone(), digest: self.digest, modified: *modified }
    }

    /// Newest time of a change of a record.
    #[must_use]
    pub const fn modified(&self) -> Moment {
        self.header.modified
    }

    /// Whether it has records of this ecosystem.
    #[must_use]
    pub fn holds(&self, ecosystem: Ecosystem) -> bool {
        self.header.ecosystems.contains_key(ecosystem.as_str())
    }

    /// The advisories of a package; `None` if it has no advisory.
    ///
    /// # Errors
    /// `AdvisoriesError::Read`, or `AdvisoriesError::Damaged` with the part.
    pub fn find(&self, package: &Package) -> Result<Option<Entry>, AdvisoriesError> {
        self.reader().find(package)
    }

    /// Reads everything, as a test of a new file.
    ///
    /// # Errors
    /// `AdvisoriesError` names the first part that is damaged.
    pub fn check(&self) -> Result<u64, AdvisoriesError> {
        let mut reader = self.reader();
        let (mut packages, mut before) = (0, Vec::new());
        for at in 0..self.rows.len() {
            let mut cursor = Cursor::new("block", reader.block(at)?);
            while !cursor.is_empty() {
                let (key, entry) = (cursor.part()?, cursor.part()?);
                if key <= before.as_slice() {
                    return Err(cursor.damaged("its packages are out of order"));
                }
                before = key.to_vec();
                decode(entry)?;
                packages += 1;
            }
        }
        Ok(packages)
    }

    pub(super) const fn reader(&self) -> Reader<'_> {
        Reader { database: self, block: None }
    }
}

impl Reader<'_> {
    /// The advisories of a package; `None` if it has no advisory.
    pub(super) fn find(&mut self, package: &Package) -> Result<Option<Entry>, AdvisoriesError> {
        let wanted = key(package);
        let after = self.database.rows.partition_point(|row| row.key <= wanted);
        let Some(at) = after.checked_sub(1) else { return Ok(None) };
        let mut cursor = Cursor::new("block", self.block(at)?);
        while !cursor.is_empty() {
            let (key, entry) = (cursor.part()?, cursor.part()?);
            if key == wanted {
                return decode(entry).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether there is a record of the release of a distribution that a package is of; true for all other packages.
    pub(super) fn holds_release(&mut self, package: &Package) -> Result<bool, AdvisoriesError> {
        let Some(release) = package.release() else { return Ok(true) };
        let start = key(&Package { name: format!("{release}/"), ..package.clone() });
        let after = self.database.rows.partition_point(|row| row.key < start);
        if self.database.rows.get(after).is_some_and(|row| row.key.starts_with(&start)) {
            return Ok(true);
        }
        let Some(at) = after.checked_sub(1) else { return Ok(false) };
        let mut cursor = Cursor::new("block", self.block(at)?);
        while !cursor.is_empty() {
            let (key, _) = (cursor.part()?, cursor.part()?);
            if key.starts_with(&start) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn block(&mut self, at: usize) -> Result<&[u8], AdvisoriesError> {
        if self.block.as_ref().is_none_or(|(number, _)| *number != at) {
            self.block = None;
            let row = self.database.rows.get(at).ok_or_else(|| damaged("no such block".to_owned()))?;
            let offset = self.database.blocks_at.saturating_add(row.offset);
            let block = part(self.database.source.as_ref(), offset, row.bytes)?;
            if *Digest::of(&block).as_bytes() != row.digest {
                return Err(damaged(format!("block {at} differs from its digest")));
            }
            self.block = Some((at, block));
        }
        Ok(self.block.as_ref().map(|(_, block)| block.as_slice()).unwrap_or_default())
    }
}

fn decode(entry: &[u8]) -> Result<Entry, AdvisoriesError> {
    serde_json::from_slice(entry).map_err(|error| damaged(format!("entry: {error}")))
}

fn part(source: &dyn Source, offset: u64, bytes: usize) -> Result<Vec<u8>, AdvisoriesError> {
    let mut part = vec![0; bytes];
    source.read_at(offset, &mut part).map_err(AdvisoriesError::Read)?;
    Ok(part)
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

const fn damaged(what: String) -> AdvisoriesError {
    AdvisoriesError::Damaged { what }
}
