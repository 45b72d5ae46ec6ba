//! A search for values in bytes that come in pieces, such as a file that a step leaves.
//!
//! Invariant: only whole values count. A word of a value of several lines may be a public part of it, such as an address.

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};

use crate::encodings::is_break;
use crate::masker::Masker;

/// A search.
pub struct Search<'a> {
    masker: &'a Masker,
    state: StateID,
}

impl<'a> Search<'a> {
    /// A search at the beginning of the bytes.
    #[must_use]
    pub const fn new(masker: &'a Masker) -> Self {
        Self { masker, state: masker.start }
    }

    /// Whether a value ends in this piece.
    pub fn push(&mut self, piece: &[u8]) -> bool {
        let (masker, mut at) = (self.masker, 0);
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            if self.state == masker.start {
                let clear = masker.beginnings.clear(rest);
                if clear > 0 {
                    at += clear;
                    continue;
                }
            }
            let byte = rest.first().copied().filter(|byte| !is_break(*byte));
            if let Some(byte) = byte {
                self.state = masker.automaton.next_state(Anchored::No, self.state, byte);
                if masker.automaton.is_match(self.state) && masker.ends(self.state).whole {
                    return true;
                }
                if masker.depth(self.state) == 1 && !masker.beginnings.may_begin(rest) {
                    self.state = masker.start;
                }
            }
            at += 1;
        }
        false
    }
}

impl Masker {
    /// Whether the bytes have one of the values, as a whole or its first [`TEXT_MAX`] bytes.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        Search::new(self).push(bytes)
    }
}
