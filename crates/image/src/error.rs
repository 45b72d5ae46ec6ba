//! Why an image cannot be stored or used.
//!
//! Invariant: each error names the image, blob or entry, and what to do where that is not obvious.

use std::io;
use std::path::{Path, PathBuf};

use evidence::Digest;

/// Why an image cannot be stored or used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The file system failed.
    #[error("cannot {doing} `{path}`: {source}", path = path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Nobody loaded the image.
    #[error(
        "this runner has no image {0}; its operator loads it with `countersign runner image load` or `countersign runner image pull`"
    )]
    Missing(Digest),
    /// The bytes are others than the digest says.
    #[error("blob {0}: its bytes have the digest {1}; the image was damaged or changed, get it again")]
    Differs(Digest, Digest),
    /// The blob has another length than its descriptor says.
    #[error("blob {digest}: its descriptor says {said} bytes, but it has {found}")]
    Size {
        /// The blob.
        digest: Digest,
        /// Bytes by the descriptor.
        said: u64,
        /// Bytes that were found; with `more`, at least these.
        found: String,
    },
    /// A manifest, index, configuration or layout cannot be used.
    #[error("{0}: {1}")]
    Document(String, String),
    /// An entry of a layer cannot be unpacked.
    #[error("layer {layer}: entry `{entry}` {what}")]
    Entry {
        /// The layer.
        layer: Digest,
        /// Path of the entry, as far as it is known.
        entry: String,
        /// The fault.
        what: String,
    },
    /// The bytes of a layer cannot be read as one.
    #[error("layer {0}: {1}")]
    Layer(Digest, String),
    /// The image is larger than the operator allows.
    #[error("the image has more than {limit} {what}, the most that this runner's operator allows ({option})")]
    Bound {
        /// The bound.
        limit: u64,
        /// The things that are counted.
        what: &'static str,
        /// The option that sets the bound.
        option: &'static str,
    },
    /// A registry does not give the image.
    #[error("registry `{0}`: {1}")]
    Registry(String, String),
    /// The operator allows no such registry.
    #[error(
        "the file of registries does not name `{0}`; this machine's operator adds it under `auths`, or loads the image with `countersign runner image load`"
    )]
    Unlisted(String),
    /// The image's name in the pipeline has no registry.
    #[error("the image {0} is named without a registry; write `HOST/NAME@{0}`")]
    Nameless(Digest),
    /// A step runs in the image.
    #[error("a step runs in image {0}; remove it when the step has ended")]
    Busy(Digest),
    /// The caller no longer wanted it.
    #[error("the image is not prepared, because its step is no longer wanted")]
    Unwanted,
}

/// An error of the file system at a path.
pub fn failed<E: Into<io::Error>>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> ImageError {
    let path = path.to_path_buf();
    move |source| ImageError::Io { doing, path, source: source.into() }
}
