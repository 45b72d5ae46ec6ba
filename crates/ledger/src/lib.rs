//! The ledger's storage: one append at a time, tiles, blobs, and verification of all three from disk.
//!
//! Invariant: an entry is durable, has its place in the tree and is covered by a signed checkpoint before `append`
//! returns. Nothing is ever changed in place. The crate knows only bytes, headers and commitments; the domain knows the
//! meaning of entries.

mod blobs;
mod checking;
mod cosigned;
mod keys;
mod reader;
mod schema;
mod store;
mod sweep;
mod tiles;
mod verify;

pub use blobs::{BLOB_BYTES_MAX, BlobError, Blobs, Incoming};
pub use checking::in_order;
pub use reader::Reader;
pub use schema::open_read_only;
pub use store::{Append, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Head, Ledger, LedgerError};
pub use tiles::Tiles;
pub use verify::{Anchors, Breach, Report, verify};

/// Name of the database file inside the data directory.
pub const DATABASE: &str = "ledger.db";
/// Name of the directory of blobs inside the data directory.
pub const BLOBS: &str = "blobs";
/// Name of the directory of full tiles inside the data directory.
pub const TILES: &str = "tiles";
/// Name of the file that the writer locks.
pub const LOCK: &str = "writer.lock";
