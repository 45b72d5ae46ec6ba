//! OCI images of steps: a layout on disk in which each blob stands under its digest, and one unpacked tree for each image
//! (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>).
//!
//! Invariant: no byte of an image is used before it was hashed, when it is stored and again when it is unpacked; nothing
//! that an image says leads out of its tree, and the operator's bounds hold for everything in it. The crate knows nothing
//! of pipelines, receipts and sandboxes.

mod apply;
mod blobs;
mod bounds;
mod challenge;
mod credentials;
mod error;
mod load;
mod manifest;
mod place;
mod registry;
mod store;
mod tree;

pub use bounds::Bounds;
pub use credentials::{Registries, Registry};
pub use error::ImageError;
pub use load::load;
pub use manifest::{Descriptor, Document, platform};
pub use registry::pull;
pub use store::{Files, Held, Store};
pub use tree::Tree;
