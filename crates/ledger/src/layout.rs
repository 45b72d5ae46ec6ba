//! The layout of a data directory: its files, the format of its database, and the limits of one append.

/// Name of the database file inside the data directory.
pub const DATABASE: &str = "ledger.db";
/// Name of the directory of blobs inside the data directory.
pub const BLOBS: &str = "blobs";
/// Name of the directory of full tiles inside the data directory.
pub const TILES: &str = "tiles";
/// Name of the file that the writer locks.
pub const LOCK: &str = "writer.lock";
/// Format number of the database file, kept in `user_version`.
pub const FORMAT: i64 = 2;
/// Highest number of entries in one append.
pub const BATCH_ENTRIES_MAX: usize = 16_384;
/// Highest number of bytes of headers and payloads in one append.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;
