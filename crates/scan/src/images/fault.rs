//! Why an image cannot be scanned.
//!
//! Invariant: each error names the document, layer or entry, and what to do where that is not obvious.

use evidence::Digest;

use crate::ScanError;

/// Why an image cannot be scanned.
#[derive(Debug, thiserror::Error)]
pub enum ImageFault {
    /// The bytes of the image cannot be read.
    #[error("cannot read `{name}` of the image: {source}")]
    Read {
        /// File of the layout.
        name: String,
        /// The system's error, or what is wrong with the archive.
        source: std::io::Error,
    },
    /// There is no image.
    #[error(
        "it is no image: it has neither the `index.json` of an OCI layout nor the `manifest.json` that `docker save` writes"
    )]
    NoImage,
    /// The layout has several images.
    #[error("it has several images ({0}); name the digest of one of them with `--image`")]
    Several(String),
    /// The layout has not the image that was asked for.
    #[error("it has no image {0}")]
    Unknown(Digest),
    /// A file that another one names is missing.
    #[error("`{0}` is missing; save the image again")]
    Missing(String),
    /// The bytes are others than the digest says.
    #[error(
        "`{name}`: its bytes have the digest {found} and not {expected}; the image was damaged or changed"
    )]
    Differs {
        /// File of the layout.
        name: String,
        /// The digest that it should have.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The file has another length than its descriptor says.
    #[error(
        "`{name}`: its descriptor says {expected} bytes, but it has {found}; the image was damaged or changed"
    )]
    Size {
        /// File of the layout.
        name: String,
        /// Bytes by the descriptor.
        expected: u64,
        /// Bytes that were found.
        found: u64,
    },
    /// A document of the image is unsound.
    #[error("`{name}`: {why}")]
    Document {
        /// File of the layout.
        name: String,
        /// The fault.
        why: String,
    },
    /// A layer cannot be read.
    #[error("layer {number} (`{name}`): {why}")]
    Layer {
        /// Place of the layer, counted from 1.
        number: usize,
        /// File of the layout.
        name: String,
        /// The fault.
        why: String,
    },
    /// An entry of a layer cannot be used.
    #[error("layer {number}: entry `{entry}` {why}")]
    Entry {
        /// Place of the layer, counted from 1.
        number: usize,
        /// Path of the entry, as far as it is shown.
        entry: String,
        /// The fault.
        why: String,
    },
    /// The image is larger than a scan reads.
    #[error("the image has more than {limit} {what}, the most that is scanned")]
    Bound {
        /// The bound.
        limit: u64,
        /// The things that are counted.
        what: &'static str,
    },
    /// The result is no sound document.
    #[error(transparent)]
    Scan(#[from] ScanError),
}

impl ImageFault {
    /// A document that is unsound.
    pub(super) fn document(name: &str, why: impl Into<String>) -> Self {
        Self::Document {
            name: evidence::document::text(name, 200),
            why: evidence::document::text(&why.into(), 400),
        }
    }
}

impl From<evidence::document::DocumentError> for ImageFault {
    fn from(error: evidence::document::DocumentError) -> Self {
        Self::Scan(error.into())
    }
}
