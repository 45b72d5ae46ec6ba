//! The documents of an image: index, manifest and configuration
//! (<https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>), and the list that `docker save` writes
//! (<https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md>).
//!
//! Invariant: no byte of a document counts before it was hashed, but for the two lists at the root, which only name
//! digests and have to name the same image; and the number of layers is the same in the manifest and in the configuration.

use std::collections::BTreeSet;
use std::io::Read as _;

use evidence::Digest;
use serde::{Deserialize, Deserializer};

use super::config::Config;
use super::fault::ImageFault;
use super::layout::Layout;
use super::spelling;

/// An image that was chosen, with its layers.
#[derive(Debug)]
pub struct Chosen {
    /// Digest of its manifest; of its configuration where it has no manifest.
    pub digest: Digest,
    /// Its configuration.
    pub config: Config,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
}

/// A layer, as the documents describe it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// File of the layout.
    pub name: String,
    /// Digest and length of the file, where a manifest says them.
    pub blob: Option<(Digest, u64)>,
    /// Digest of its content without compression.
    pub diff_id: Digest,
    /// Compression by its media type; absent where its first bytes tell.
    pub compression: Option<Compression>,
}

/// Compressions of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// It is a tar.
    None,
    /// RFC 1952.
    Gzip,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: Option<std::collections::BTreeMap<String, String>>,
    #[serde(flatten, deserialize_with = "of_descriptor")]
    _others: (),
}

impl Descriptor {
    /// Whether it is about an image, and no image itself: builders say so by a platform that no host has. An annotation alone would hide
    /// an image that hosts run.
    fn is_attestation(&self) -> bool {
        let kind = self.annotations.as_ref().and_then(|all| all.get("vnd.docker.reference.type"));
        let nowhere = |of: &Platform| of.os == "unknown" && of.architecture == "unknown";
        kind.is_some_and(|kind| kind == "attestation-manifest") && self.platform.as_ref().is_some_and(nowhere)
    }
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(flatten, deserialize_with = "of_platform")]
    _others: (),
}

/// An index or a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    #[serde(flatten, deserialize_with = "of_document")]
    _others: (),
}

/// A row of the list of `docker save`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    layers: Vec<String>,
    #[serde(flatten, deserialize_with = "of_saved")]
    _others: (),
}

/// Chooses the one image of a layout, or the one of this digest.
///
/// # Errors
/// `ImageFault` if there is no image or several, or a document is missing, changed or unsound.
pub fn choose(layout: &dyn Layout, only: Option<&Digest>) -> Result<Chosen, ImageFault> {
    match (file(layout, INDEX_NAME)?, file(layout, LIST_NAME)?) {
        (None, None) => Err(ImageFault::NoImage),
        (None, Some(list)) => docker(layout, only, &list),
        (Some(index), None) => Ok(oci(layout, only, &index)?.0),
        (Some(index), Some(list)) => {
            let failed = |source| ImageFault::Read { name: LAYOUT_NAME.to_owned(), source };
            if !layout.has(LAYOUT_NAME).map_err(failed)? {
                let why = format!(
                    "it stands beside `{LIST_NAME}` without `{LAYOUT_NAME}`, so some tools read the one and some the other; save the image again"
                );
                return Err(ImageFault::document(INDEX_NAME, why));
            }
            let (chosen, config) = oci(layout, only, &index)?;
            is_same(layout, &config, only.is_some(), &list)?;
            Ok(chosen)
        }
    }
}

/// Whether the list of `docker save` names the image that the index names: tools read one of them.
fn is_same(
    layout: &dyn Layout,
    config: &Digest,
    is_one_of_several: bool,
    list: &[u8],
) -> Result<(), ImageFault> {
    let named = rows(list)?;
    let named = named.iter().map(|saved| configuration(layout, saved).map(|(digest, _)| digest));
    let named = named.collect::<Result<Vec<_>, _>>()?;
    let has = named.iter().filter(|found| *found == config).count();
    if has > 0 && (is_one_of_several || has == named.len()) {
        return Ok(());
    }
    let why = format!("it names another image than `{INDEX_NAME}`, and tools read the one or the other");
    Err(ImageFault::document(LIST_NAME, why))
}

/// The image of an index, and the digest of its configuration.
fn oci(layout: &dyn Layout, only: Option<&Digest>, index: &[u8]) -> Result<(Chosen, Digest), ImageFault> {
    let mut found = Collected::default();
    collect(layout, INDEX_NAME, index, DEPTH_MAX, &mut found)?;
    let mut images = found.images;
    if let Some(only) = only {
        images.retain(|image| image.digest == *only);
    }
    let image = match images.as_slice() {
        [image] => image,
        [] => return Err(only.map_or(ImageFault::NoImage, |only| ImageFault::Unknown(*only))),
        several => {
            let names = several.iter().take(SHOWN_MAX).map(|image| match &image.platform {
                Some(platform) => format!("{} for {}/{}", image.digest, platform.os, platform.architecture),
                None => image.digest.to_string(),
            });
            let names = evidence::document::text(&names.collect::<Vec<_>>().join(", "), 2_000);
            return Err(ImageFault::Several(names));
        }
    };
    let name = blob_name(&image.digest);
    let bytes = blob(layout, image)?;
    let document = parse(&name, &bytes)?;
    if document.manifests.is_some() || document.media_type.is_some_and(|kind| kind != image.media_type) {
        return Err(ImageFault::document(&name, "it has another media type than its descriptor says"));
    }
    let (Some(config), Some(layers)) = (document.config, document.layers) else {
        return Err(ImageFault::document(
            &name,
            "it is the manifest of an image, but has no `config` or no `layers`",
        ));
    };
    if !CONFIGS.contains(&config.media_type.as_str()) {
        let why =
            format!("its configuration has the media type `{}`, which is no image's", config.media_type);
        return Err(ImageFault::document(&name, why));
    }
    let (config_name, config_digest) = (blob_name(&config.digest), config.digest);
    let config = Config::read(&config_name, &blob(layout, &config)?, layers.len())?;
    let layers = layers.iter().zip(config.diff_ids()).map(|(layer, diff_id)| {
        Ok(Layer {
            name: blob_name(&layer.digest),
            blob: Some((layer.digest, layer.size)),
            diff_id: *diff_id,
            compression: Some(
                compression(&layer.media_type).map_err(|why| ImageFault::document(&name, why))?,
            ),
        })
    });
    let layers = layers.collect::<Result<_, ImageFault>>()?;
    Ok((Chosen { digest: image.digest, config, layers }, config_digest))
}

/// The descriptors that were found in indexes.
#[derive(Default)]
struct Collected {
    images: Vec<Descriptor>,
    /// Digests of the indexes that were read: several may name one.
    indexes: BTreeSet<Digest>,
}

/// The images of an index and of the indexes below it, without the attestations that build tools add.
fn collect(
    layout: &dyn Layout,
    name: &str,
    bytes: &[u8],
    depth: usize,
    found: &mut Collected,
) -> Result<(), ImageFault> {
    let document = parse(name, bytes)?;
    let is_index = document.media_type.as_deref().is_none_or(|kind| INDEXES.contains(&kind));
    let (Some(manifests), true, None, None) =
        (document.manifests, is_index, &document.config, &document.layers)
    else {
        return Err(ImageFault::document(name, "it is no index of images"));
    };
    for descriptor in manifests {
        let is_attestation = descriptor.is_attestation();
        if MANIFESTS.contains(&descriptor.media_type.as_str()) {
            if !is_attestation && found.images.iter().all(|image| image.digest != descriptor.digest) {
                found.images.push(descriptor);
            }
        } else if INDEXES.contains(&descriptor.media_type.as_str()) {
            let below = blob_name(&descriptor.digest);
            if depth == 0 {
                return Err(ImageFault::document(
                    &below,
                    format!("it lies more than {DEPTH_MAX} indexes deep"),
                ));
            }
            if !found.indexes.insert(descriptor.digest) {
                continue;
            }
            let bytes = blob(layout, &descriptor)?;
            collect(layout, &below, &bytes, depth - 1, found)?;
        } else {
            let kind = &descriptor.media_type;
            return Err(ImageFault::document(
                name,
                format!("it names a `{kind}`, which is neither an image nor an index"),
            ));
        }
        if found.images.len().max(found.indexes.len()) > IMAGES_MAX {
            return Err(ImageFault::document(name, format!("it names more than {IMAGES_MAX} images")));
        }
    }
    Ok(())
}

fn docker(layout: &dyn Layout, only: Option<&Digest>, list: &[u8]) -> Result<Chosen, ImageFault> {
    let mut images = Vec::new();
    for saved in rows(list)? {
        let (digest, bytes) = configuration(layout, &saved)?;
        images.push((digest, saved.config, bytes, saved.layers));
    }
    images.dedup_by(|one, other| one.0 == other.0);
    if let Some(only) = only {
        images.retain(|image| image.0 == *only);
    }
    let names = images.iter().take(SHOWN_MAX).map(|image| image.0.to_string()).collect::<Vec<_>>().join(", ");
    let mut images = images.into_iter();
    let (Some((digest, name, bytes, layers)), None) = (images.next(), images.next()) else {
        return Err(match only {
            _ if !names.is_empty() => ImageFault::Several(names),
            Some(only) => ImageFault::Unknown(*only),
            None => ImageFault::NoImage,
        });
    };
    let config = Config::read(&name, &bytes, layers.len())?;
    let layers = layers.iter().zip(config.diff_ids()).map(|(layer, diff_id)| {
        Ok(Layer { name: safe(layer)?.to_owned(), blob: None, diff_id: *diff_id, compression: None })
    });
    let layers = layers.collect::<Result<_, ImageFault>>()?;
    Ok(Chosen { digest, config, layers })
}

/// The rows of the list. Each has a document that is read, so their number has a bound.
fn rows(list: &[u8]) -> Result<Vec<Saved>, ImageFault> {
    let rows: Vec<Saved> = serde_json::from_slice(list).map_err(|error| {
        ImageFault::document(LIST_NAME, format!("it is not the list of `docker save`: {error}"))
    })?;
    if rows.len() > IMAGES_MAX {
        return Err(ImageFault::document(LIST_NAME, format!("it names more than {IMAGES_MAX} images")));
    }
    Ok(rows)
}

/// The configuration that a row names. The name of its file is its digest: HEX.json, or blobs/sha256/HEX.
fn configuration(layout: &dyn Layout, saved: &Saved) -> Result<(Digest, Vec<u8>), ImageFault> {
    let name = safe(&saved.config)?;
    let bytes = file(layout, name)?.ok_or_else(|| ImageFault::Missing(name.to_owned()))?;
    let found = Digest::of(&bytes);
    let stem = super::path::name(name);
    let stem = stem.strip_suffix(".json").unwrap_or(stem);
    let expected = format!("sha256:{stem}").parse::<Digest>().map_err(|_| {
        let why = format!("`{name}` does not have the digest of the configuration as its name");
        ImageFault::document(LIST_NAME, why)
    })?;
    if expected == found {
        Ok((found, bytes))
    } else {
        Err(ImageFault::Differs { name: name.to_owned(), expected, found })
    }
}

/// A name of the list, which leads to a file of the layout alone.
fn safe(name: &str) -> Result<&str, ImageFault> {
    match super::path::plain(name.as_bytes()) {
        Ok(plain) if plain == name && !name.is_empty() => Ok(name),
        _ => Err(ImageFault::document(LIST_NAME, format!("`{name}` is no name of a file of the image"))),
    }
}

fn parse(name: &str, bytes: &[u8]) -> Result<Document, ImageFault> {
    serde_json::from_slice(bytes).map_err(|error| {
        ImageFault::document(name, format!("it is neither a manifest nor an index: {error}"))
    })
}

/// A whole document that a descriptor names.
fn blob(layout: &dyn Layout, descriptor: &Descriptor) -> Result<Vec<u8>, ImageFault> {
    let name = blob_name(&descriptor.digest);
    let bytes = file(layout, &name)?.ok_or_else(|| ImageFault::Missing(name.clone()))?;
    let found = bytes.len() as u64;
    if found != descriptor.size {
        return Err(ImageFault::Size { name, expected: descriptor.size, found });
    }
    match Digest::of(&bytes) {
        digest if digest == descriptor.digest => Ok(bytes),
        found => Err(ImageFault::Differs { name, expected: descriptor.digest, found }),
    }
}

/// A whole file of at most 4 MiB.
fn file(layout: &dyn Layout, name: &str) -> Result<Option<Vec<u8>>, ImageFault> {
    let failed = |source| ImageFault::Read { name: name.to_owned(), source };
    let Some(opened) = layout.open(name).map_err(failed)? else { return Ok(None) };
    let mut bytes = Vec::new();
    opened.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(ImageFault::document(name, format!("it has more than {DOCUMENT_BYTES_MAX} bytes")));
    }
    Ok(Some(bytes))
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Keys of a descriptor that are not read.
fn of_descriptor<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    spelling::other(from, &["mediaType", "digest", "size", "platform", "annotations"])
}

/// Keys of a platform that are not read.
fn of_platform<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    spelling::other(from, &["architecture", "os"])
}

/// Keys of an index or a manifest that are not read.
fn of_document<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    spelling::other(from, &["mediaType", "manifests", "config", "layers"])
}

/// Keys of a row that are not read.
fn of_saved<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    spelling::other(from, &["Config", "Layers"])
}

fn compression(kind: &str) -> Result<Compression, String> {
    match kind {
        "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
            Ok(Compression::None)
        }
        "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Ok(Compression::Gzip),
        "application/vnd.oci.image.layer.v1.tar+zstd" => {
            Err("a layer is compressed with zstd, which this program cannot read; save the image with gzip"
                .into())
        }
        other => Err(format!("a layer has the media type `{other}`, which is no layer's")),
    }
}

const LAYOUT_NAME: &str = "oci-layout";
const INDEX_NAME: &str = "index.json";
const LIST_NAME: &str = "manifest.json";
const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// Largest manifest, index or configuration: what registries have to take
/// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests>).
const DOCUMENT_BYTES_MAX: u64 = 4 << 20;
const DEPTH_MAX: usize = 4;
const IMAGES_MAX: usize = 100;
const SHOWN_MAX: usize = 10;
