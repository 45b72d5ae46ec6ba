//! Artifacts as OCI image manifests with one canonical tar layer
//! (<https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>, `layer.md` beside it).
//!
//! Invariant: the same files and commit time give the same bytes. Entries are sorted by path, directories come before
//! their contents, the owner is 0, modes are 0755 or 0644 (links 0777), mtime is the commit's, and headers are plain
//! ustar. No link leads out of the layer and nothing lies below a link, so unpacking writes nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};
use crate::link;
use crate::tree_list::{below_a_file, is_tree_path};

/// Media type of a manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an uncompressed layer.
pub const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
/// Media type of the empty config
/// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor>).
pub const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// Bytes of the empty config.
pub const EMPTY: &[u8] = b"{}";

/// A file that goes into a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFile {
    /// Content.
    pub bytes: Vec<u8>,
    /// Whether the file is executable.
    pub executable: bool,
}

/// An entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerEntry {
    /// A file.
    File(LayerFile),
    /// A symbolic link, with its target.
    Link(String),
    /// A directory. Parents of files and links follow from their paths and are not listed.
    Directory,
}

/// Entries of a layer, by path.
pub type LayerFiles = BTreeMap<String, LayerEntry>;

/// A manifest, as canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Always `MANIFEST_TYPE`.
    pub media_type: String,
    /// Type of the artifact.
    pub artifact_type: String,
    /// The empty config.
    pub config: Descriptor,
    /// The layers.
    pub layers: Vec<Descriptor>,
    /// Annotations that name the producer and the source.
    pub annotations: BTreeMap<String, String>,
}

/// A descriptor (<https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the bytes.
    pub media_type: String,
    /// Digest of the bytes.
    pub digest: Digest,
    /// Number of the bytes.
    pub size: u64,
}

/// Faults of an artifact.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The artifact has no files.
    #[error("an artifact needs at least one file")]
    Empty,
    /// A path is not plain, or does not fit into a ustar header.
    #[error(
        "`{0}` cannot be a path in a layer: plain parts, at most 100 bytes after a prefix of at most 155"
    )]
    Path(String),
    /// A file or link is also used as a directory.
    #[error("`{0}` is both a file or link and a directory")]
    Both(String),
    /// A link leads out of the layer, or does not fit into a ustar header.
    #[error("`{path}` cannot be a link to `{target}` in a layer: {why}")]
    Link {
        /// Path of the link.
        path: String,
        /// Target of the link.
        target: String,
        /// Description of the fault.
        why: &'static str,
    },
    /// The archive holds an entry that is neither a file nor a directory nor a symbolic link.
    #[error(
        "`{0}` is an entry of type `{1}` in the layer; only files, directories and symbolic links are unpacked"
    )]
    Entry(String, char),
    /// The archive holds a path twice.
    #[error("`{0}` stands twice in the layer")]
    Twice(String),
    /// A file is too large for ustar.
    #[error("`{0}` has more than 8 GiB")]
    Large(String),
    /// The archive is not the canonical one of its files.
    #[error("the layer is not the canonical archive of its files")]
    NotCanonical,
    /// The manifest is not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// Makes the bytes of a layer: a ustar archive
/// (<https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06>).
///
/// # Errors
/// `OciError` when an entry does not fit into a layer.
pub fn layer(files: &LayerFiles, mtime_seconds: u64) -> Result<Vec<u8>, OciError> {
    if files.is_empty() {
        return Err(OciError::Empty);
    }
    let mut directories = BTreeSet::new();
    for (path, entry) in files {
        check(path, entry)?;
        directories.extend(path.match_indices('/').filter_map(|(at, _)| path.get(..at)));
        if *entry == LayerEntry::Directory {
            directories.insert(path);
        }
    }
    if let Some((_, both)) = below_a_file(files, |entry| *entry == LayerEntry::Directory) {
        return Err(OciError::Both(both.to_owned()));
    }
    let mut entries: Vec<(String, &LayerEntry)> =
        directories.into_iter().map(|path| (format!("{path}/"), &LayerEntry::Directory)).collect();
    let others = files.iter().filter(|(_, entry)| **entry != LayerEntry::Directory);
    entries.extend(others.map(|(path, entry)| (path.clone(), entry)));
    entries.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut archive = Vec::new();
    for (path, entry) in entries {
        archive.extend_from_slice(&header(&path, entry, mtime_seconds)?);
        if let LayerEntry::File(file) = entry {
            archive.extend_from_slice(&file.bytes);
            archive.resize(archive.len().next_multiple_of(BLOCK), 0);
        }
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    Ok(archive)
}

/// Whether a layer can hold this path. Callers check it early, before anything is built.
#[must_use]
pub fn is_layer_path(path: &str) -> bool {
    is_tree_path(path) && split(path).is_some()
}

fn check(path: &str, entry: &LayerEntry) -> Result<(), OciError> {
    if !is_tree_path(path) {
        return Err(OciError::Path(path.to_owned()));
    }
    let LayerEntry::Link(target) = entry else { return Ok(()) };
    let long = (target.len() > LINK_BYTES_MAX).then_some("its target has more than 100 bytes");
    let why = link::fault("", path, target).or(long);
    why.map_or(Ok(()), |why| Err(OciError::Link { path: path.to_owned(), target: target.clone(), why }))
}

/// Makes the manifest of one layer.
///
/// # Errors
/// `OciError` when it cannot be encoded.
pub fn manifest(
    artifact_type: &str,
    layer: &[u8],
    annotations: BTreeMap<String, String>,
) -> Result<Vec<u8>, OciError> {
    let describe = |media_type: &str, bytes: &[u8]| Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE.to_owned(),
        artifact_type: artifact_type.to_owned(),
        config: describe(EMPTY_TYPE, EMPTY),
        layers: vec![describe(LAYER_TYPE, layer)],
        annotations,
    };
    Ok(canonical::encode("manifest", &manifest)?)
}

/// Reads a layer: its entries and its commit time. Only the canonical archive of exactly these entries is accepted.
///
/// # Errors
/// `OciError` when `layer` would not make these bytes.
pub fn open_layer(bytes: &[u8]) -> Result<(LayerFiles, u64), OciError> {
    let damaged = || OciError::NotCanonical;
    let (mut files, mut mtime, mut at) = (BTreeMap::new(), 0, 0);
    loop {
        let block = bytes.get(at..at + BLOCK).ok_or_else(damaged)?;
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        let (name, prefix) = (text(block, 0, 100)?, text(block, 345, 155)?);
        let mut path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let size = usize::try_from(number(block, 124, 12)?).map_err(|_| damaged())?;
        mtime = number(block, 136, 12)?;
        at += BLOCK;
        let entry = match block.get(156) {
            Some(b'0') => {
                let content = bytes.get(at..at.saturating_add(size)).ok_or_else(damaged)?;
                at += size.next_multiple_of(BLOCK);
                let executable = number(block, 100, 8)? & 0o100 != 0;
                LayerEntry::File(LayerFile { bytes: content.to_vec(), executable })
            }
            Some(b'2') => LayerEntry::Link(text(block, 157, LINK_BYTES_MAX)?),
            Some(b'5') => {
                path.truncate(path.trim_end_matches('/').len());
                LayerEntry::Directory
            }
            other => return Err(OciError::Entry(path, char::from(*other.unwrap_or(&b'?')))),
        };
        if files.insert(path.clone(), entry).is_some() {
            return Err(OciError::Twice(path));
        }
    }
    drop_implied(&mut files);
    if layer(&files, mtime)? == bytes { Ok((files, mtime)) } else { Err(damaged()) }
}

/// Drops the directories that follow from the paths of their contents.
fn drop_implied(files: &mut LayerFiles) {
    let implied: BTreeSet<String> = files
        .keys()
        .flat_map(|path| path.match_indices('/').filter_map(|(at, _)| path.get(..at)))
        .map(str::to_owned)
        .collect();
    files.retain(|path, entry| *entry != LayerEntry::Directory || !implied.contains(path));
}

/// Reads a header field up to its first NUL.
fn text(block: &[u8], at: usize, most: usize) -> Result<String, OciError> {
    let field = block.get(at..at + most).unwrap_or_default();
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(most);
    let text = std::str::from_utf8(field.get(..end).unwrap_or_default());
    text.map(str::to_owned).map_err(|_| OciError::NotCanonical)
}

fn number(block: &[u8], at: usize, most: usize) -> Result<u64, OciError> {
    u64::from_str_radix(&text(block, at, most)?, 8).map_err(|_| OciError::NotCanonical)
}

fn header(path: &str, entry: &LayerEntry, mtime_seconds: u64) -> Result<[u8; BLOCK], OciError> {
    let (prefix, name) = split(path).ok_or_else(|| OciError::Path(path.to_owned()))?;
    let (kind, mode, size, target) = match entry {
        LayerEntry::File(file) => {
            (b"0", if file.executable { 0o755 } else { 0o644 }, file.bytes.len() as u64, "")
        }
        LayerEntry::Link(target) => (b"2", 0o777, 0, target.as_str()),
        LayerEntry::Directory => (b"5", 0o755, 0, ""),
    };
    if size > NUMBER_MAX {
        return Err(OciError::Large(path.to_owned()));
    }
    let mut fields: Vec<(usize, Vec<u8>)> = vec![
        (0, name.as_bytes().to_vec()),
        (100, octal(mode, 7)),
        (108, octal(0, 7)),
        (116, octal(0, 7)),
        (124, octal(size, 11)),
        // A commit may carry a date after the year 2242, which this field cannot hold. Later dates are written as that
        // year.
        (136, octal(mtime_seconds.min(NUMBER_MAX), 11)),
        (148, b"        ".to_vec()),
        (156, kind.to_vec()),
        (157, target.as_bytes().to_vec()),
        (257, b"ustar\x0000".to_vec()),
        (329, octal(0, 7)),
        (337, octal(0, 7)),
        (345, prefix.as_bytes().to_vec()),
    ];
    let mut block = [0; BLOCK];
    write(&mut block, &fields);
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let mut checksum = octal(sum, 6);
    checksum.extend_from_slice(b" ");
    // Six digits, a NUL (which `octal` adds) and a space.
    fields = vec![(148, checksum)];
    write(&mut block, &fields);
    Ok(block)
}

impl Manifest {
    /// Parses a manifest.
    ///
    /// # Errors
    /// `OciError` when the bytes are not canonical.
    pub fn decode(bytes: &[u8]) -> Result<Self, OciError> {
        Ok(canonical::decode("manifest", bytes, MANIFEST_BYTES_MAX)?)
    }
}

fn write(block: &mut [u8; BLOCK], fields: &[(usize, Vec<u8>)]) {
    for (at, bytes) in fields {
        for (to, from) in block.iter_mut().skip(*at).zip(bytes) {
            *to = *from;
        }
    }
}

/// Writes `digits` octal digits and a NUL.
fn octal(value: u64, digits: usize) -> Vec<u8> {
    let mut text = format!("{value:0digits$o}").into_bytes();
    text.push(0);
    text
}

/// Splits a path at a slash into ustar's prefix and name. The name is as long as possible.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let cuts = path.match_indices('/').map(|(at, _)| at);
    let cut = cuts.into_iter().find(|at| path.len() - at - 1 <= 100 && at + 1 < path.len())?;
    (cut <= 155).then(|| (path.get(..cut).unwrap_or_default(), path.get(cut + 1..).unwrap_or_default()))
}

/// Largest manifest in bytes.
pub const MANIFEST_BYTES_MAX: usize = 1024 * 1024;
const BLOCK: usize = 512;
/// Longest target of a link in bytes: the size of the ustar field `linkname`.
const LINK_BYTES_MAX: usize = 100;
/// Largest number in a field of eleven octal digits.
const NUMBER_MAX: u64 = 0o77_777_777_777;
