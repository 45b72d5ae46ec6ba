//! The OCI image that the commands of a pipeline see: `sha256:...`, or `NAME@sha256:...`.
//!
//! Invariant: the digest alone says which image it is. The name says only where a runner could pull it, and enters no
//! digest of a step.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// An image, by the digest of its manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Image {
    name: Option<String>,
    #[schemars(with = "String")]
    digest: Digest,
}

/// The text does not name an image by its digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImageError {
    /// There is no digest.
    #[error(
        "image `{0}` has no digest, and a tag can be moved to another image; write `NAME@sha256:...` or `sha256:...`"
    )]
    Undigested(String),
    /// The digest is not one.
    #[error("image `{0}` has no digest of `sha256:` and 64 lower-case hex digits")]
    Digest(String),
    /// The name is not one of the distribution specification.
    #[error(
        "image `{0}` has a name that no registry has: it is `HOST/PATH` of lower-case letters, digits and separators"
    )]
    Name(String),
}

impl Image {
    /// The digest of the image's manifest, as the pipeline names it.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Host of the registry and name of the repository there; `None` if the file names no registry.
    #[must_use]
    pub fn registry(&self) -> Option<(&str, &str)> {
        let (host, path) = self.name.as_deref()?.split_once('/')?;
        let is_host = host.contains(['.', ':']) || host == "localhost";
        is_host.then(|| (host, untagged(path)))
    }

    /// The part of its name that stays when the pipeline names a newer one: the name without tag; the digest if it has no name.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.registry(), &self.name) {
            (Some((host, path)), _) => format!("{host}/{path}"),
            (None, Some(name)) => untagged(name).to_owned(),
            (None, None) => self.digest.to_string(),
        }
    }

    /// The same image without a name.
    #[must_use]
    pub const fn nameless(&self) -> Self {
        Self { name: None, digest: self.digest }
    }
}

impl FromStr for Image {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let shown = || text.chars().take(SHOWN_MAX).collect::<String>();
        let (name, digest) = match text.rsplit_once('@') {
            Some((name, digest)) => (Some(name), digest),
            None if text.starts_with("sha256:") => (None, text),
            None => return Err(ImageError::Undigested(shown())),
        };
        let digest = digest.parse().map_err(|_| ImageError::Digest(shown()))?;
        if name.is_some_and(|name| !is_name(name)) {
            return Err(ImageError::Name(shown()));
        }
        Ok(Self { name: name.map(str::to_owned), digest })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}@{}", self.digest),
            None => write!(f, "{}", self.digest),
        }
    }
}

impl TryFrom<String> for Image {
    type Error = ImageError;

    fn try_from(text: String) -> Result<Self, ImageError> {
        text.parse()
    }
}

impl From<Image> for String {
    fn from(image: Image) -> Self {
        image.to_string()
    }
}

/// Whether a text is `[HOST[:PORT]/]PATH[:TAG]` of the distribution specification
/// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>).
fn is_name(name: &str) -> bool {
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, name),
    };
    let is_host = |host: &str| {
        let (name, port) = host.split_once(':').unwrap_or((host, "443"));
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
        !name.is_empty() && name.chars().all(known) && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    let is_part = |part: &str| {
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(ends)
            && part.ends_with(ends)
            && part.chars().all(|c| ends(c) || matches!(c, '.' | '_' | '-'))
    };
    name.len() <= NAME_MAX && host.is_none_or(is_host) && untagged(path).split('/').all(is_part)
}

/// A path without its tag, which says nothing beside a digest.
fn untagged(path: &str) -> &str {
    path.split_once(':').map_or(path, |(path, _)| path)
}

const NAME_MAX: usize = 255;
const SHOWN_MAX: usize = 100;
