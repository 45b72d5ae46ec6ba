//! The form of lines, and the tree over the lines of one entry.
//!
//! Invariant: a line has one encoding, and its leaf is the hash of exactly these bytes. A line carries random bytes, so that
//! a proof of one line, or an entry whose particulars were erased, does not let anybody guess the others.

use std::collections::BTreeSet;
use std::convert::Infallible;

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tlog::{Frontier, Hash, Nodes, inclusion_proof, leaf_hash, node_hash};

use super::record_error::RecordError;
use super::table::{Body, RecordKind};
use crate::canonical;
use crate::{Digest, Id};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// 16 random bytes.
    pub salt: Id,
    /// The content.
    pub body: Body,
}

/// The lines of one entry: its particulars. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    v: u8,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    kind: RecordKind,
    body: Value,
    salt: Id,
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_struct("Line", 3)?;
        line.serialize_field("body", &self.body)?;
        line.serialize_field("kind", &self.body.kind())?;
        line.serialize_field("salt", &self.salt)?;
        line.end()
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Raw { kind, body, salt } = Raw::deserialize(deserializer)?;
        let body = Body::read(kind, body).map_err(serde::de::Error::custom)?;
        Ok(Self { salt, body })
    }
}

impl Line {
    /// The bytes whose hash is the leaf.
    ///
    /// # Errors
    /// `RecordError` when the line breaks a rule.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        self.body.check()?;
        Ok(canonical::encode("line", self)?)
    }
}

impl Lines {
    /// The lines of as few entries as can hold them, in order; none for no line.
    ///
    /// # Errors
    /// `RecordError` when a line breaks a rule or does not fit an entry.
    pub fn split(lines: Vec<Line>) -> Result<Vec<Self>, RecordError> {
        let (mut all, mut bytes): (Vec<Self>, usize) = (Vec::new(), 0);
        for line in lines {
            let length = line.encode()?.len() + ", ".len();
            if length > LINES_BYTES_MAX {
                return Err(RecordError::Rule("a line has more than 60 KiB"));
            }
            match all.last_mut() {
                Some(last) if bytes + length <= LINES_BYTES_MAX => last.lines.push(line),
                _ => {
                    all.push(Self { v: 1, lines: vec![line] });
                    bytes = 0;
                }
            }
            bytes += length;
        }
        Ok(all)
    }

    /// Reads the particulars of an entry.
    ///
    /// # Errors
    /// `RecordError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let lines: Self = canonical::decode("lines", bytes, crate::entry::PAYLOAD_BYTES_MAX)?;
        if lines.v != 1 {
            return Err(RecordError::Version(lines.v));
        }
        if lines.lines.is_empty() {
            return Err(RecordError::Rule("there are no lines"));
        }
        lines.lines.iter().try_for_each(|line| line.body.check())?;
        Ok(lines)
    }

    /// The lines, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Line> {
        self.lines.iter()
    }

    /// The kinds of the lines.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<RecordKind> {
        self.lines.iter().map(|line| line.body.kind()).collect()
    }

    /// Root of the tree over the lines (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1>).
    ///
    /// # Errors
    /// `RecordError` when a line cannot be encoded.
    pub fn root(&self) -> Result<Digest, RecordError> {
        let mut tree = Frontier::default();
        self.leaves()?.into_iter().for_each(|leaf| tree.push(leaf));
        Ok(Digest::from_bytes(*tree.root().as_bytes()))
    }

    /// The audit path of one line in that tree; `None` if there is no such line.
    ///
    /// # Errors
    /// `RecordError` when a line cannot be encoded.
    pub fn proof(&self, index: usize) -> Result<Option<Vec<Hash>>, RecordError> {
        let leaves = Leaves(self.leaves()?);
        let (index, size) = (index as u64, leaves.0.len() as u64);
        if index >= size {
            return Ok(None);
        }
        let Ok(path) = inclusion_proof(&leaves, index, size);
        Ok(Some(path))
    }

    fn leaves(&self) -> Result<Vec<Hash>, RecordError> {
        self.lines.iter().map(|line| line.encode().map(|bytes| leaf_hash(&bytes))).collect()
    }
}

/// Leaves in memory. Inner nodes are computed when they are asked for: an entry has a few hundred lines.
struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        let Some(below) = level.checked_sub(1) else {
            let leaf = usize::try_from(index).ok().and_then(|index| self.0.get(index));
            return Ok(leaf.copied().unwrap_or_else(Hash::empty_tree));
        };
        Ok(node_hash(&self.node(below, 2 * index)?, &self.node(below, 2 * index + 1)?))
    }
}

/// Most bytes of lines in one entry.
pub const LINES_BYTES_MAX: usize = 60 * 1024;
