//! Interrupts, which end the agent's long operations early.
//!
//! Invariant: the request to end the agent stays raised; the interrupt of a release is taken once, so that it does not
//! affect the release that is started next.

use std::sync::Arc;

use tokio::sync::watch;

/// Why a probe ends before its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// The agent was asked to end: the current work is done again at the next start.
    Ending,
    /// The release is not wanted any more, for this reason.
    Unwanted(String),
}

/// Interrupts, shared by their senders and the interrupted operation.
#[derive(Clone, Debug)]
pub struct Interrupts(Arc<watch::Sender<Option<Interrupt>>>);

impl Default for Interrupts {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Interrupts {
    /// Raises an interrupt.
    pub fn raise(&self, interrupt: Interrupt) {
        self.0.send_if_modified(|now| {
            let changes = *now != Some(Interrupt::Ending);
            if changes {
                *now = Some(interrupt);
            }
            changes
        });
    }

    /// Takes the raised interrupt.
    #[must_use]
    pub fn take(&self) -> Option<Interrupt> {
        let mut taken = None;
        self.0.send_if_modified(|now| {
            taken.clone_from(now);
            if matches!(now, Some(Interrupt::Unwanted(_))) {
                *now = None;
            }
            false
        });
        taken
    }

    /// Resolves once an interrupt is raised.
    pub async fn raised(&self) {
        // Waiting cannot fail: the sender lives as long as this value.
        drop(self.0.subscribe().wait_for(Option::is_some).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unwanted_is_taken_once_and_ending_stays() {
        let interrupts = Interrupts::default();
        assert_eq!(interrupts.take(), None);
        let other = interrupts.clone();
        other.raise(Interrupt::Unwanted("frozen".into()));
        interrupts.raised().await;
        assert_eq!(interrupts.take(), Some(Interrupt::Unwanted("frozen".into())));
        assert_eq!(interrupts.take(), None);
        other.raise(Interrupt::Ending);
        other.raise(Interrupt::Unwanted("late".into()));
        assert_eq!(interrupts.take(), Some(Interrupt::Ending));
        assert_eq!(interrupts.take(), Some(Interrupt::Ending));
    }
}
