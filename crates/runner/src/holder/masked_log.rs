//! The two outputs of a step, masked, in the order in which they came.
//!
//! Invariant: a value that begins in one stream does not go on in the other. Waits are those of [`TimedStream`].

use std::time::Instant;

use mask::{Masker, TimedStream};
use sandbox::Stream;

/// A masked log.
pub struct MaskedLog<'a> {
    out: TimedStream<'a>,
    error: TimedStream<'a>,
}

impl<'a> MaskedLog<'a> {
    /// An empty log.
    pub const fn new(masker: &'a Masker) -> Self {
        Self { out: TimedStream::new(masker), error: TimedStream::new(masker) }
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
        let rest = [(Stream::Out, self.out.end()), (Stream::Error, self.error.end())];
        if cut { rest.map(|(stream, _)| (stream, Vec::new())) } else { rest }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn streams_are_apart_and_a_log_that_was_cut_ends_where_it_was() {
        let masker = Masker::new([&b"hunter2-hunter2"[..]]).unwrap();
        let mut log = MaskedLog::new(&masker);
        let start = Instant::now();
        assert_eq!(log.push(Stream::Out, b"say hunter2-", start), b"say ");
        assert_eq!(log.push(Stream::Error, b"hunter2\nhunt", start), b"hunter2\n");
        assert_eq!(log.push(Stream::Out, b"hunter2.", start), b"***.");
        assert_eq!(log.due(start).map(|(_, shown)| shown), [b"", b""]);
        assert_eq!(
            log.due(start + Duration::from_millis(100)).map(|(_, shown)| shown),
            [b"".as_slice(), b"hunt"]
        );
        log.push(Stream::Out, b"hunt", start);
        assert_eq!(log.end(true).map(|(_, shown)| shown), [b"", b""]);
        log.push(Stream::Out, b"hunt", start);
        assert_eq!(log.end(false).map(|(_, shown)| shown), [b"hunt".as_slice(), b""]);
    }
}
