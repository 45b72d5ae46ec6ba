//! The files that a browser loads: one style sheet, our own modules of JavaScript, an icon. Each is embedded, under a name that
//! holds a digest of its bytes, so a browser may keep it for ever.
//!
//! Invariant: a name that was made from other bytes is unknown. The digest only tells versions apart; it protects nothing.

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its bytes.
    pub bytes: &'static [u8],
    /// Its type, for the header.
    pub content_type: &'static str,
}

/// The file of a name, the last part of its address `/assets/NAME`.
#[must_use]
pub fn find(_name: &str) -> Option<Asset> {
    None
}
