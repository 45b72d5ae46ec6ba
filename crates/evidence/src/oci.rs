//! Artifacts as OCI image manifests with one canonical tar layer (OCI image-spec v1.1, manifest and layer).
//!
//! Invariant: the same files and commit time give the same bytes: entries sorted by path, directories
//! before what lies in them, owner 0, modes 0755 or 0644, mtime the commit's, ustar headers and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};
use crate::tree_list::is_tree_path;

/// Media type of a manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an uncompressed layer.
pub const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
/// Media type of the empty config (image-spec, "Guidance for an Empty Descriptor").
pub const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// Bytes of the empty config.
pub const EMPTY: &[u8] = b"{}";

/// A file on its way into a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFile {
    /// Content.
    pub bytes: Vec<u8>,
    /// Whether it can be run.
    pub executable: bool,
}

/// A manifest, as canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Always `MANIFEST_TYPE`.
    pub media_type: String,
    /// What kind of artifact it is.
    pub artifact_type: String,
    /// The empty config.
    pub config: Descriptor,
    /// The layers.
    pub layers: Vec<Descriptor>,
    /// Who made it out of what.
    pub annotations: BTreeMap<String, String>,
}

/// A descriptor (image-spec, descriptor).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the bytes.
    pub media_type: String,
    /// Their digest.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
}

/// Why files cannot be an artifact.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// No files.
    #[error("an artifact without files is none")]
    Empty,
    /// A path that ustar cannot hold, or that is not plain.
    #[error(
        "`{0}` cannot be a path in a layer: plain parts, at most 100 bytes after a prefix of at most 155"
    )]
    Path(String),
    /// A file as another one's directory.
    #[error("`{0}` is both a file and a directory")]
    Both(String),
    /// Too large for ustar.
    #[error("`{0}` has more than 8 GiB")]
    Large(String),
    /// An archive that is not the canonical one of its files.
    #[error("the layer is not the canonical archive of its files")]
    NotCanonical,
    /// Not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// The layer's bytes: a ustar archive (POSIX.1-2017, pax, "ustar Interchange Format").
///
/// # Errors
/// `OciError` when a file cannot stand in it.
pub fn layer(files: &BTreeMap<String, LayerFile>, mtime_seconds: u64) -> Result<Vec<u8>, OciError> {
    if files.is_empty() {
        return Err(OciError::Empty);
    }
    let mut directories = BTreeSet::new();
    for path in files.keys() {
        if !is_tree_path(path) {
            return Err(OciError::Path(path.clone()));
        }
        for (at, _) in path.match_indices('/') {
            directories.insert(path.get(..at).unwrap_or_default());
        }
    }
    if let Some(both) = files.keys().find(|path| directories.contains(path.as_str())) {
        return Err(OciError::Both(both.clone()));
    }
    let mut entries: Vec<(String, Option<&LayerFile>)> =
        directories.into_iter().map(|path| (format!("{path}/"), None)).collect();
    entries.extend(files.iter().map(|(path, file)| (path.clone(), Some(file))));
    entries.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut archive = Vec::new();
    for (path, file) in entries {
        archive.extend_from_slice(&header(&path, file, mtime_seconds)?);
        if let Some(file) = file {
            archive.extend_from_slice(&file.bytes);
            archive.resize(archive.len().next_multiple_of(BLOCK), 0);
        }
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    Ok(archive)
}

/// Manifest over one layer.
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

/// The files of a layer, and its commit time; only the canonical archive of exactly these files is read.
///
/// # Errors
/// `OciError` when it is not one that `layer` makes.
pub fn open_layer(bytes: &[u8]) -> Result<(BTreeMap<String, LayerFile>, u64), OciError> {
    let damaged = || OciError::NotCanonical;
    let text = |block: &[u8], at: usize, most: usize| {
        let field = block.get(at..at + most).unwrap_or_default();
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(most);
        std::str::from_utf8(field.get(..end).unwrap_or_default()).map(str::to_owned).map_err(|_| damaged())
    };
    let number = |block: &[u8], at, most| {
        text(block, at, most).and_then(|digits| u64::from_str_radix(&digits, 8).map_err(|_| damaged()))
    };
    let (mut files, mut mtime, mut at) = (BTreeMap::new(), 0, 0);
    loop {
        let block = bytes.get(at..at + BLOCK).ok_or_else(damaged)?;
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        let (name, prefix) = (text(block, 0, 100)?, text(block, 345, 155)?);
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let size = usize::try_from(number(block, 124, 12)?).map_err(|_| damaged())?;
        mtime = number(block, 136, 12)?;
        at += BLOCK;
        if block.get(156) == Some(&b'0') {
            let content = bytes.get(at..at.saturating_add(size)).ok_or_else(damaged)?;
            let executable = number(block, 100, 8)? & 0o100 != 0;
            files.insert(path, LayerFile { bytes: content.to_vec(), executable });
            at += size.next_multiple_of(BLOCK);
        }
    }
    if layer(&files, mtime)? == bytes { Ok((files, mtime)) } else { Err(damaged()) }
}

fn header(path: &str, file: Option<&LayerFile>, mtime_seconds: u64) -> Result<[u8; BLOCK], OciError> {
    let (prefix, name) = split(path).ok_or_else(|| OciError::Path(path.to_owned()))?;
    let size = file.map_or(0, |file| file.bytes.len() as u64);
    if size > SIZE_MAX {
        return Err(OciError::Large(path.to_owned()));
    }
    let mode = if file.is_none_or(|file| file.executable) { 0o755 } else { 0o644 };
    let mut fields: Vec<(usize, Vec<u8>)> = vec![
        (0, name.as_bytes().to_vec()),
        (100, octal(mode, 7)),
        (108, octal(0, 7)),
        (116, octal(0, 7)),
        (124, octal(size, 11)),
        (136, octal(mtime_seconds, 11)),
        (148, b"        ".to_vec()),
        (156, if file.is_some() { b"0".to_vec() } else { b"5".to_vec() }),
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
    // Six digits, a NUL (which `octal` ends in) and a space.
    fields = vec![(148, checksum)];
    write(&mut block, &fields);
    Ok(block)
}

impl Manifest {
    /// Parses a manifest.
    ///
    /// # Errors
    /// `OciError` when it is not canonical.
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

/// `digits` octal digits and a NUL.
fn octal(value: u64, digits: usize) -> Vec<u8> {
    let mut text = format!("{value:0digits$o}").into_bytes();
    text.push(0);
    text
}

/// Splits a path into ustar's prefix and name at a slash, the name as long as it can be.
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
const SIZE_MAX: u64 = 0o77_777_777_777;
