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
        let automaton = &self.masker.automaton;
        piece.iter().filter(|byte| !is_break(**byte)).any(|byte| {
            self.state = automaton.next_state(Anchored::No, self.state, *byte);
            automaton.is_match(self.state) && self.masker.ends(self.state).whole
        })
    }
}

impl Masker {
    /// Whether the bytes have one of the values, as a whole or its first [`TEXT_MAX`] bytes.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        Search::new(self).push(bytes)
    }
}
