//! Lines that are written once a minute, however often something happens; the rest is counted, and written at `debug` alone.
//!
//! Invariant: a client that causes a line at will cannot fill the disk with it.

use std::time::{Duration, Instant};

/// One kind of line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seldom {
    said: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// How many were not said since the last one; `None` when this one is not said either.
    pub fn says(&mut self, now: Instant) -> Option<u64> {
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < SAID_EVERY) {
            self.unsaid += 1;
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// The end of a line before which others were not said.
pub fn more(unsaid: u64) -> String {
    if unsaid == 0 { String::new() } else { format!(" ({unsaid} more since the last line like this)") }
}

const SAID_EVERY: Duration = Duration::from_mins(1);
