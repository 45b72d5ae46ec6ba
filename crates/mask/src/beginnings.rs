//! The first three bytes of all texts, as bits: most bytes of a log begin no text, which this tells at once.
//!
//! Invariant: a beginning that is there is never denied. Others are seldom taken for one, which costs time alone.

use crate::encodings::is_break;

/// The beginnings of texts.
pub struct Beginnings(Vec<u64>);

impl Beginnings {
    /// The beginnings of these texts, each of which has at least three bytes.
    pub fn of<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut bits = vec![0; 1 << (BITS - 6)];
        for text in texts {
            let [a, b, c, ..] = text else { continue };
            let (word, bit) = place(*a, *b, *c);
            if let Some(word) = bits.get_mut(word) {
                *word |= bit;
            }
        }
        Self(bits)
    }

    /// Number of first bytes at which no text begins.
    pub fn clear(&self, bytes: &[u8]) -> usize {
        let windows = bytes.array_windows().position(|bytes| self.has(*bytes));
        // Nobody knows what follows the last two bytes.
        windows.unwrap_or(bytes.len().saturating_sub(2))
    }

    /// Whether a text may begin at the beginning of these bytes.
    pub fn may_begin(&self, bytes: &[u8]) -> bool {
        bytes.first_chunk().is_none_or(|bytes| self.has(*bytes))
    }

    fn has(&self, [a, b, c]: [u8; 3]) -> bool {
        // A line break is part of no text, and a text goes on behind one.
        if is_break(a) {
            return false;
        }
        let (word, bit) = place(a, b, c);
        is_break(b) || is_break(c) || self.0.get(word).is_none_or(|word| word & bit != 0)
    }

    /// Memory in bytes.
    pub const fn memory(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

/// The word and the bit of three bytes.
fn place(a: u8, b: u8, c: u8) -> (usize, u64) {
    let hash = u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9e37_79b1) >> (32 - BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// 32 KiB of bits, which stay in a processor's first cache.
const BITS: u32 = 18;
