//! Lines that are written once a minute, however often something happens; the rest is counted, and written at `debug` alone.
//!
//! Invariant: a client that causes a line at will cannot fill the disk with it.

use std::time::{Duration, Instant};

/// One kind of line.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineLimit {
    last: Option<Instant>,
    suppressed: u64,
}

impl LineLimit {
    /// The number of suppressed lines since the last written one; `None` if this line is suppressed too.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < LINE_EVERY) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// The end of a line that tells how many lines were suppressed before it.
pub fn suffix(suppressed: u64) -> String {
    if suppressed == 0 {
        String::new()
    } else {
        format!(" ({suppressed} more since the last line like this)")
    }
}

const LINE_EVERY: Duration = Duration::from_mins(1);
