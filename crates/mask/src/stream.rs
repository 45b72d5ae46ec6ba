//! A stream whose values are hidden while it comes.
//!
//! Invariant: a byte is shown only once no text that is looked for can end behind it, or at a `flush`. Line breaks within a
//! value are kept, so that lines keep their numbers.

use std::collections::VecDeque;
use std::mem;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use zeroize::Zeroize as _;

use crate::encodings::is_break;
use crate::masker::Masker;

/// Text that stands in the place of a value.
pub const MASK: &[u8] = b"***";

/// A stream.
pub struct MaskedStream<'a> {
    masker: &'a Masker,
    state: StateID,
    /// Bytes that are not shown yet, each with whether it is part of a value.
    held: VecDeque<Held>,
    /// Number of held bytes that are no line breaks.
    solid: usize,
    /// Bytes to come that belong to a value whose beginning was found.
    rest: usize,
    /// Whether the last byte shown was part of a value.
    hiding: bool,
}

#[derive(Clone, Copy)]
struct Held {
    byte: u8,
    hidden: bool,
}

impl<'a> MaskedStream<'a> {
    /// A stream at its beginning.
    #[must_use]
    pub const fn new(masker: &'a Masker) -> Self {
        Self { masker, state: masker.start, held: VecDeque::new(), solid: 0, rest: 0, hiding: false }
    }

    /// Takes a piece of the stream, and adds what can be shown.
    pub fn push(&mut self, piece: &[u8], shown: &mut Vec<u8>) {
        let masker = self.masker;
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            if self.is_clear() {
                let clear = masker.beginnings.clear(rest);
                if clear > 0 {
                    self.hiding = false;
                    shown.extend_from_slice(rest.get(..clear).unwrap_or_default());
                    at += clear;
                    continue;
                }
            }
            self.take(rest, shown);
            at += 1;
        }
    }

    /// Whether nothing that came may be the beginning of a text, or belongs to one.
    fn is_clear(&self) -> bool {
        self.state == self.masker.start && self.rest == 0 && self.held.is_empty()
    }

    /// Takes the first of these bytes.
    fn take(&mut self, bytes: &[u8], shown: &mut Vec<u8>) {
        let (masker, Some(byte)) = (self.masker, bytes.first().copied()) else { return };
        if is_break(byte) {
            self.held.push_back(Held { byte, hidden: false });
        } else {
            self.state = masker.automaton.next_state(Anchored::No, self.state, byte);
            self.hold(byte);
            if masker.depth(self.state) == 1 && !masker.beginnings.may_begin(bytes) {
                self.state = masker.start;
            }
        }
        let depth = masker.depth(self.state);
        while self.solid > depth || self.held.front().is_some_and(|held| is_break(held.byte)) {
            self.show_one(shown);
        }
    }

    /// Number of bytes that are held, because they may be the beginning of a value.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Shows what is held, at the end of the stream or after the longest wait. A value that goes on afterwards is still
    /// hidden, from there.
    pub fn flush(&mut self, shown: &mut Vec<u8>) {
        while !self.held.is_empty() {
            self.show_one(shown);
        }
    }

    fn hold(&mut self, byte: u8) {
        self.held.push_back(Held { byte, hidden: self.rest > 0 });
        self.solid += 1;
        self.rest = self.rest.saturating_sub(1);
        if self.masker.automaton.is_match(self.state) {
            let ended = self.masker.ends(self.state);
            self.rest = self.rest.max(ended.rest);
            self.hide(ended.length);
        }
    }

    /// Marks the last bytes of the stream, so many without line breaks, as part of a value.
    fn hide(&mut self, length: usize) {
        let mut left = length;
        for held in self.held.iter_mut().rev() {
            if left == 0 {
                break;
            }
            held.hidden = true;
            left -= usize::from(!is_break(held.byte));
        }
    }

    fn show_one(&mut self, shown: &mut Vec<u8>) {
        let Some(mut held) = self.held.pop_front() else { return };
        self.solid -= usize::from(!is_break(held.byte));
        if !held.hidden || is_break(held.byte) {
            shown.push(held.byte);
        } else if !self.hiding {
            shown.extend_from_slice(MASK);
        }
        self.hiding = held.hidden && (!is_break(held.byte) || mem::take(&mut self.hiding));
        held.byte.zeroize();
    }
}

impl Masker {
    /// Hides the values in the whole of these bytes.
    #[must_use]
    pub fn masked(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = MaskedStream::new(self);
        let mut shown = Vec::with_capacity(bytes.len());
        stream.push(bytes, &mut shown);
        stream.flush(&mut shown);
        shown
    }
}
