//! Manifests, indexes and configurations of images: OCI image-spec 1.1, and Docker's image manifest v2, schema 2.
//!
//! Invariant: a document is either a manifest or an index, never both (CVE-2021-41190), and an index stands for exactly one
//! image on this platform.

use evidence::Digest;
use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
use crate::error::ImageError;

/// A descriptor (<https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the bytes.
    pub media_type: String,
    /// Digest of the bytes.
    pub digest: Digest,
    /// Number of the bytes.
    pub size: u64,
    /// Platform of a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// A platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Processor, in Go's words.
    pub architecture: String,
    /// Operating system, in Go's words.
    pub os: String,
}

/// A manifest or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// An image.
    Manifest {
        /// Its configuration.
        config: Descriptor,
        /// Its layers, the lowest first.
        layers: Vec<Descriptor>,
    },
    /// Several images, of which this one is for this platform.
    Index(Descriptor),
}

/// The fields of both documents.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

/// The parts of a configuration that count.
#[derive(Debug, Deserialize)]
pub struct Config {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    config: Option<ConfigOfRun>,
    rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigOfRun {
    #[serde(default)]
    env: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

/// Compressions of layers that this program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// A plain tar.
    None,
    /// gzip.
    Gzip,
}

impl Document {
    /// Reads the bytes of a manifest or an index, which were hashed.
    ///
    /// # Errors
    /// `ImageError` if it is neither, or has no image for this platform alone, or too many layers.
    pub fn read(digest: Digest, bytes: &[u8], bounds: &Bounds) -> Result<Self, ImageError> {
        let wrong = |what: String| ImageError::Document(format!("image {digest}"), what);
        let fields: Fields = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if fields.schema_version != 2 {
            return Err(wrong("`schemaVersion` is not 2".into()));
        }
        let kind = fields.media_type.as_deref();
        match (fields.manifests, fields.config, fields.layers) {
            (None, Some(config), Some(layers)) if kind.is_none_or(is_manifest) => {
                if layers.len() > bounds.layers {
                    let limit = bounds.layers as u64;
                    return Err(ImageError::Bound { limit, what: "layers", option: "--image-layers" });
                }
                Ok(Self::Manifest { config, layers })
            }
            (Some(manifests), None, None) if kind.is_none_or(is_index) => {
                chosen(manifests).map(Self::Index).map_err(wrong)
            }
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => Err(wrong(
                "has `manifests` beside `config` or `layers`: nobody can say which of both it is".into(),
            )),
            _ => {
                let kind = kind.unwrap_or("nothing");
                Err(wrong(format!("its media type `{kind}` is not that of an image whose fields it has")))
            }
        }
    }
}

/// The one manifest of an index that is for this platform.
fn chosen(manifests: Vec<Descriptor>) -> Result<Descriptor, String> {
    let (os, architecture) = platform();
    let is_ours = |it: &Descriptor| {
        it.platform.as_ref().is_some_and(|it| it.os == os && it.architecture == architecture)
    };
    let mut ours = manifests.into_iter().filter(is_ours);
    match (ours.next(), ours.next()) {
        (Some(only), None) if is_manifest(&only.media_type) => Ok(only),
        (Some(_), None) => Err(format!("its entry for {os}/{architecture} is not an image")),
        (None, _) => {
            Err(format!("has no image for {os}/{architecture}; name the digest of one that is for it"))
        }
        (Some(_), Some(_)) => {
            Err(format!("has several images for {os}/{architecture}; name the digest of one of them"))
        }
    }
}

/// Operating system and processor of this machine, in the words of images.
#[must_use]
pub fn platform() -> (&'static str, &'static str) {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    (std::env::consts::OS, architecture)
}

/// Whether a media type is that of a manifest.
pub fn is_manifest(kind: &str) -> bool {
    [MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"].contains(&kind)
}

/// Whether a media type is that of an index.
pub fn is_index(kind: &str) -> bool {
    [INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"].contains(&kind)
}

/// The compression of a layer.
///
/// # Errors
/// `ImageError` if this program cannot read it.
pub fn compression(layer: &Descriptor) -> Result<Compression, ImageError> {
    match layer.media_type.as_str() {
        "application/vnd.oci.image.layer.v1.tar" => Ok(Compression::None),
        "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Ok(Compression::Gzip),
        "application/vnd.oci.image.layer.v1.tar+zstd" => Err(ImageError::Layer(
            layer.digest,
            "is compressed with zstd, which this program cannot read; push the image with gzip".into(),
        )),
        other => {
            let other: String = other.chars().take(100).collect();
            Err(ImageError::Layer(layer.digest, format!("has the media type `{other}`, which is no layer's")))
        }
    }
}

impl Config {
    /// Reads the bytes of a configuration, which were hashed.
    ///
    /// # Errors
    /// `ImageError` if it is unsound, or is of another platform or of other layers.
    pub fn read(digest: Digest, bytes: &[u8], layers: usize) -> Result<Self, ImageError> {
        let wrong = |what: String| ImageError::Document(format!("configuration {digest}"), what);
        let config: Self = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        let (os, architecture) = platform();
        if (config.os.as_str(), config.architecture.as_str()) != (os, architecture) {
            let found = format!("{}/{}", config.os, config.architecture);
            return Err(wrong(format!(
                "the image is for `{found}`, and this machine is {os}/{architecture}"
            )));
        }
        if config.rootfs.diff_ids.len() != layers {
            return Err(wrong("`rootfs` has another number of layers than the manifest".into()));
        }
        Ok(config)
    }

    /// Digests of the layers without their compression.
    pub fn diff_ids(&self) -> &[Digest] {
        &self.rootfs.diff_ids
    }

    /// Variables of the image. Text without `=` names none.
    pub fn environment(&self) -> Vec<(String, String)> {
        let all = self.config.iter().flat_map(|config| config.env.iter().flatten());
        let pairs = all.filter_map(|text| text.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// Media types of OCI documents.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Largest manifest, index or configuration: what registries have to take
/// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests>).
pub const DOCUMENT_MAX: u64 = 4 << 20;
