//! The ledger's storage: one append at a time, tiles, blobs, and verification of all three from disk.
//!
//! Invariant: an entry is durable, has its place in the tree and is covered by a signed checkpoint before `append`
//! returns. Nothing is ever changed in place. The crate knows only bytes, headers and commitments; the domain knows the
//! meaning of entries.

mod blobs;
mod checking;
mod claims;
mod cosigned;
mod error;
mod keys;
mod layout;
mod reader;
mod report;
mod rows;
mod schema;
mod store;
mod sweep;
mod tiles;
mod verify;

pub use blobs::{BLOB_BYTES_MAX, BlobError, Blobs, Incoming};
pub use checking::in_order;
pub use error::LedgerError;
pub use layout::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BLOBS, DATABASE, LOCK, TILES};
pub use reader::Reader;
pub use report::{Anchors, Breach, Report};
pub use rows::Head;
pub use schema::open_read_only;
pub use store::{Append, Ledger};
pub use tiles::Tiles;
pub use verify::verify;
