//! The automaton that finds all texts of all values at once.
//!
//! Invariant: its `Debug` output has no value, although its states spell them. It knows nothing of streams.

use std::fmt;

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use crate::beginnings::Beginnings;
use crate::encodings::{self, Mark};

/// Finds the values of secrets. Making it is slow, using it is not: keep one for a step.
pub struct Masker {
    pub(crate) automaton: NFA,
    pub(crate) start: StateID,
    /// Facts about each text, in the automaton's order.
    marks: Vec<Mark>,
    /// For each state, the number of last bytes of the stream that may be the beginning of a text.
    depths: Vec<u16>,
    pub(crate) beginnings: Beginnings,
}

/// Errors of making a masker.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    /// The automaton would be too large.
    #[error("the values to hide make too large an automaton: {0}; give the step fewer or shorter secrets")]
    Large(#[from] aho_corasick::BuildError),
    /// The automaton has no start.
    #[error("the values to hide cannot be looked for: {0}")]
    Start(#[from] aho_corasick::MatchError),
}

impl Masker {
    /// A masker for these values. A value shorter than `BYTES_MIN` is not hidden.
    ///
    /// # Errors
    /// `MaskError` when the values are too many or too long.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, MaskError> {
        let (texts, marks): (Vec<_>, Vec<_>) = values.into_iter().flat_map(encodings::texts).unzip();
        let mut builder = NFA::builder();
        builder.match_kind(MatchKind::Standard);
        let automaton = builder.build(texts.iter().map(|text| text.as_slice()))?;
        let start = automaton.start_state(Anchored::No)?;
        let depths = depths(&automaton, start, texts.iter().map(|text| text.as_slice()));
        let beginnings = Beginnings::of(texts.iter().map(|text| text.as_slice()));
        Ok(Self { automaton, start, marks, depths, beginnings })
    }

    /// Memory of the automaton in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.automaton.memory_usage() + self.depths.capacity() * size_of::<u16>() + self.beginnings.memory()
    }

    /// Number of last bytes, without line breaks, that may be the beginning of a text.
    pub(crate) fn depth(&self, state: StateID) -> usize {
        self.depths.get(state.as_usize()).map_or(0, |depth| usize::from(*depth))
    }

    pub(crate) fn ends(&self, state: StateID) -> Ended {
        let mut ended = Ended { length: 0, rest: 0, whole: false };
        for at in 0..self.automaton.match_len(state) {
            let pattern = self.automaton.match_pattern(state, at);
            let mark = self.marks.get(pattern.as_usize()).copied().unwrap_or_default();
            ended.length = ended.length.max(self.automaton.pattern_len(pattern));
            ended.rest = ended.rest.max(mark.rest);
            ended.whole |= mark.whole;
        }
        ended
    }
}

/// The state after the first bytes of a text is as deep as they are many, and every state is one after the first bytes of
/// some text.
fn depths<'a>(automaton: &NFA, start: StateID, texts: impl Iterator<Item = &'a [u8]>) -> Vec<u16> {
    let mut depths = Vec::new();
    for text in texts {
        let mut state = start;
        for (before, byte) in text.iter().enumerate() {
            state = automaton.next_state(Anchored::No, state, *byte);
            if depths.len() <= state.as_usize() {
                depths.resize(state.as_usize() + 1, 0);
            }
            if let Some(depth) = depths.get_mut(state.as_usize()) {
                *depth = u16::try_from(before + 1).unwrap_or(u16::MAX);
            }
        }
    }
    depths
}

/// Without a value: the automaton's states spell them.
impl fmt::Debug for Masker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Masker").field("texts", &self.marks.len()).finish_non_exhaustive()
    }
}

/// The texts that end at a state of the automaton.
pub struct Ended {
    /// Length of the longest text, without line breaks.
    pub length: usize,
    /// Bytes behind it that belong to its value.
    pub rest: usize,
    /// Whether one of the texts stands for a whole value.
    pub whole: bool,
}
