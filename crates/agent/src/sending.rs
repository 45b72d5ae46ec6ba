//! Sends observations as long as the agent runs: those that wait, again and again, and a new one about drift at once.

use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use crate::observing::send;
use crate::serve::Life;

impl Life {
    /// Sends observations that wait.
    pub async fn observe(&self) {
        let mut complained = false;
        loop {
            drop(timeout(OBSERVE_EVERY, self.observed.notified()).await);
            let done = send(&self.running, &self.client).await;
            if let (Err(error), false) = (&done, complained) {
                warn!("observations wait for the server: {error}; trying again");
            }
            complained = done.is_err();
        }
    }
}

/// Pause between two looks for observations that wait.
const OBSERVE_EVERY: Duration = Duration::from_secs(1);
