//! How what the agent does at length is told to end.
//!
//! Invariant: the wish that the agent end stays; that a release is unwanted is taken once, so that it does not
//! reach what is started in the release's place.

use std::sync::Arc;

use tokio::sync::watch;

/// Why a probe ends before it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// The agent was asked to end: what it does now is done again when it starts.
    Ending,
    /// Nobody wants the release any more, for this reason.
    Unwanted(String),
}

/// Interrupts between those who raise them and the one who is interrupted.
#[derive(Clone, Debug)]
pub struct Interrupts(Arc<watch::Sender<Option<Interrupt>>>);

impl Default for Interrupts {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Interrupts {
    /// Raises one.
    pub fn raise(&self, interrupt: Interrupt) {
        self.0.send_if_modified(|now| {
            let changes = *now != Some(Interrupt::Ending);
            if changes {
                *now = Some(interrupt);
            }
            changes
        });
    }

    /// Takes what was raised.
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

    /// Resolves once something is raised.
    pub async fn raised(&self) {
        // The sender lives as long as this does.
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
