//! The two outputs of a step, masked, in the order in which they came.
//!
//! Invariant: a byte that may begin a value is shown at the latest [`WAIT_MAX`] after it came. The time is the caller's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mask::{MaskedStream, Masker};
use sandbox::Stream;

/// Longest time for which a possible beginning of a value is held.
pub const WAIT_MAX: Duration = Duration::from_millis(100);

/// A masked log.
pub struct MaskedLog<'a> {
    out: Masked<'a>,
    error: Masked<'a>,
}

/// One of its streams, with the times at which pieces came.
struct Masked<'a> {
    stream: MaskedStream<'a>,
    /// Bytes until the end of each piece of which some are held, and when the piece came.
    came: VecDeque<(u64, Instant)>,
    taken: u64,
}

impl<'a> MaskedLog<'a> {
    /// An empty log.
    pub const fn new(masker: &'a Masker) -> Self {
        Self { out: Masked::new(masker), error: Masked::new(masker) }
    }

    /// Takes a piece, and returns what can be shown.
    pub fn push(&mut self, stream: Stream, piece: &[u8], now: Instant) -> Vec<u8> {
        let masked = match stream {
            Stream::Out => &mut self.out,
            Stream::Error => &mut self.error,
        };
        masked.push(piece, now)
    }

    /// Returns what has waited long enough by now.
    pub fn due(&mut self, now: Instant) -> [(Stream, Vec<u8>); 2] {
        [(Stream::Out, self.out.due(now)), (Stream::Error, self.error.due(now))]
    }

    /// Returns what is left at the end. Of a log that was cut nothing more is shown: it could be the beginning of a value.
    pub fn end(&mut self, cut: bool) -> [(Stream, Vec<u8>); 2] {
        [(Stream::Out, self.out.end(cut)), (Stream::Error, self.error.end(cut))]
    }
}

impl<'a> Masked<'a> {
    const fn new(masker: &'a Masker) -> Self {
        Self { stream: MaskedStream::new(masker), came: VecDeque::new(), taken: 0 }
    }

    fn push(&mut self, piece: &[u8], now: Instant) -> Vec<u8> {
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

    fn due(&mut self, now: Instant) -> Vec<u8> {
        let waited = |(_, since): &(u64, Instant)| now.saturating_duration_since(*since) >= WAIT_MAX;
        if self.came.front().is_some_and(waited) { self.end(false) } else { Vec::new() }
    }

    fn end(&mut self, cut: bool) -> Vec<u8> {
        let mut shown = Vec::new();
        self.stream.flush(&mut shown);
        self.came.clear();
        if cut { Vec::new() } else { shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_possible_beginning_waits_a_tenth_of_a_second_and_no_longer() {
        let masker = Masker::new([&b"hunter2-hunter2"[..]]).unwrap();
        let mut log = MaskedLog::new(&masker);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(log.push(Stream::Out, b"say hunter2-", at(0)), b"say ");
        assert_eq!(log.push(Stream::Error, b"hunter2-hunter2\n.", at(10)), b"***\n.", "streams are apart");
        assert_eq!(log.push(Stream::Out, b"hunt", at(60)), b"");
        assert_eq!(log.due(at(99)).map(|(_, shown)| shown), [b"", b""]);
        assert_eq!(log.push(Stream::Out, b"er2 and hunt", at(99)), b"*** and ", "in time");
        assert_eq!(log.due(at(198)).map(|(_, shown)| shown), [b"", b""], "this one came later");
        assert_eq!(log.due(at(199)).map(|(_, shown)| shown), [&b"hunt"[..], b""]);
        assert_eq!(log.push(Stream::Out, b"er2-hunter2 hunt", at(200)), b"*** ", "the rest is hidden");
        assert_eq!(log.end(true).map(|(_, shown)| shown), [b"", b""]);
        log.push(Stream::Out, b"hunt", at(300));
        assert_eq!(log.end(false).map(|(_, shown)| shown), [&b"hunt"[..], b""]);
    }
}
