//! A time for which something may stand still.
//!
//! Invariant: its timer exists only while something is waited for, so what moves at once costs none.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A time for which something may stand still.
#[derive(Debug, Default)]
pub struct Patience {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl Patience {
    /// Something moved.
    pub const fn moved(&mut self) {
        self.armed = false;
    }

    /// Ready when nothing has moved for so long, counted from the first call since.
    pub fn poll_over(&mut self, context: &mut Context<'_>, time: Duration) -> Poll<()> {
        if !self.armed {
            let until = Instant::now() + time;
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(until),
                None => self.sleep = Some(Box::pin(sleep_until(until))),
            }
            self.armed = true;
        }
        self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(context))
    }
}
