//! The operator's bounds on images.
//!
//! Invariant: each is a number that the runner's operator sets; an image can only stay below it.

/// Bounds on images: on each one, but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of its blobs, as they are stored.
    pub stored_bytes: u64,
    /// Bytes of its layers after decompression.
    pub unpacked_bytes: u64,
    /// Files, directories and links of its layers.
    pub entries: u64,
    /// Layers.
    pub layers: usize,
    /// Bytes of all images together, stored and unpacked.
    pub all_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            stored_bytes: 8 << 30,
            unpacked_bytes: 16 << 30,
            entries: 500_000,
            layers: 127,
            all_bytes: 64 << 30,
        }
    }
}
