//! Handshakes that were refused: a line in the log for the first one of a while, and a count of the others.
//!
//! Invariant: strangers write at most one line for each pause, however often they try.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::peer::{Account, Peer};

/// The refused handshakes of a listener.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    last: Option<Instant>,
    untold: u64,
}

impl Refusals {
    /// Tells the log of a refused handshake, or counts it.
    pub fn tell(&self, peer: Peer, error: &io::Error, now: Instant) {
        let Some(untold) = self.next(now) else { return };
        let from = match peer.account {
            Account::Address(address) => address.to_string(),
            Account::User(user) => format!("user {user} of this machine"),
        };
        tracing::warn!(
            "a connection of {from} was refused in its handshake: {error} ({untold} others since the last such line)"
        );
    }

    /// The number of handshakes that were not told, if it is time for a line.
    fn next(&self, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            told.untold = told.untold.saturating_add(1);
            return None;
        }
        told.last = Some(now);
        Some(std::mem::take(&mut told.untold))
    }
}

/// Least time between two lines.
const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attack_handshakes_fill_no_log() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.next(start), Some(0));
        for _ in 0..1000 {
            assert_eq!(refusals.next(start + PAUSE / 2), None);
        }
        assert_eq!(refusals.next(start + PAUSE), Some(1000));
        assert_eq!(refusals.next(start + PAUSE * 2), Some(0));
    }
}
