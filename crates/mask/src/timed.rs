//! A masked stream in which no byte waits long.
//!
//! Invariant: a byte that may begin a value is shown at the latest [`WAIT_MAX`] after it came. The time is the caller's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::masker::Masker;
use crate::stream::MaskedStream;

/// Longest time for which a possible beginning of a value is held.
pub const WAIT_MAX: Duration = Duration::from_millis(100);

/// A masked stream with the times at which its pieces came.
pub struct TimedStream<'a> {
    stream: MaskedStream<'a>,
    /// Bytes until the end of each piece of which some are held, and when the piece came.
    came: VecDeque<(u64, Instant)>,
    taken: u64,
}

impl<'a> TimedStream<'a> {
    /// A stream at its beginning.
    #[must_use]
    pub const fn new(masker: &'a Masker) -> Self {
        Self { stream: MaskedStream::new(masker), came: VecDeque::new(), taken: 0 }
    }

    /// Takes a piece, and returns what can be shown.
    pub fn push(&mut self, piece: &[u8], now: Instant) -> Vec<u8> {
        let mut shown = Vec::with_capacity(piece.len());
        self.stream.push(piece, &mut shown);
        self.taken += piece.len() as u64;
        self.came.push_back((self.taken, now));
        let held = self.taken - self.stream.held() as u64;
        while self.came.front().is_some_and(|(until, _)| *until <= held) {
            self.came.pop_front();
        }
        shown
    }

    /// The moment at which something has waited long enough; `None` if nothing waits.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        self.came.front().map(|(_, since)| *since + WAIT_MAX)
    }

    /// Returns what is held, if some of it has waited long enough by now.
    pub fn due(&mut self, now: Instant) -> Vec<u8> {
        if self.due_at().is_some_and(|due| due <= now) { self.end() } else { Vec::new() }
    }

    /// Returns what is held, at the end of the stream.
    pub fn end(&mut self) -> Vec<u8> {
        let mut shown = Vec::new();
        self.stream.flush(&mut shown);
        self.came.clear();
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_possible_beginning_waits_a_tenth_of_a_second_and_no_longer() {
        let masker = Masker::new([&b"hunter2-hunter2"[..]]).unwrap();
        let mut stream = TimedStream::new(&masker);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(stream.push(b"say hunter2-", at(0)), b"say ");
        assert_eq!(stream.push(b"hunt", at(60)), b"");
        assert_eq!((stream.due(at(99)), stream.due_at()), (Vec::new(), Some(at(100))));
        assert_eq!(stream.push(b"er2 and hunt", at(99)), b"*** and ", "in time");
        assert_eq!(stream.due(at(198)), b"", "this one came later");
        assert_eq!((stream.due(at(199)), stream.due_at()), (b"hunt".to_vec(), None));
        assert_eq!(stream.push(b"er2-hunter2 hunt", at(200)), b"*** ", "the rest is hidden");
        assert_eq!(stream.end(), b"hunt");
    }

    /// A trickle of bytes, each of which could go on with a value, keeps the first one no longer.
    #[test]
    fn a_byte_waits_no_longer_because_others_follow() {
        let masker = Masker::new([&b"hunter2-hunter2"[..]]).unwrap();
        let mut stream = TimedStream::new(&masker);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(stream.push(b"h", at(0)), b"");
        assert_eq!(stream.push(b"u", at(50)), b"");
        assert_eq!(stream.push(b"n", at(99)), b"");
        assert_eq!(stream.due(at(100)), b"hun");
    }
}
