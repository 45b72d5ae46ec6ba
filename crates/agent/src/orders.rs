//! Orders of people in the life of an agent: the file is looked for beside all other work, and the server hears of what was carried
//! out before any release begins.
//!
//! Invariant: a file ends a probe only if its order is genuine and goes back from the release that is probed.

use std::time::Duration;

use evidence::dsse::Envelope;
use tokio::time::sleep;
use tracing::warn;
use wire::{ByHandReport, ClientError};

use crate::deployer::Deployer;
use crate::error::AgentError;
use crate::interrupts::Interrupt;
use crate::memory::Memory;
use crate::observing;
use crate::order_files::read_order;
use crate::serve::Life;

impl Life {
    /// Takes orders that people bring, and tells the server of them.
    pub async fn take_orders(&self) {
        let mut complained = false;
        loop {
            sleep(LOOK_EVERY).await;
            let done = self.take_one().await;
            if let (Err(error), false) = (&done, complained) {
                warn!("{error}; trying again");
            }
            complained = done.is_err();
        }
    }

    async fn take_one(&self) -> Result<(), AgentError> {
        if let Ok(Some(order)) = read_order(&self.dir) {
            let applied = Memory::read(&self.dir)
                .ok()
                .and_then(|memory| Some((memory.begun.clone()?.artifact, memory)));
            if applied.is_some_and(|(artifact, memory)| memory.is_stopped_by(&order, &artifact, (self.now)()))
            {
                self.interrupts.raise(Interrupt::Unwanted("a person brought an order to return".into()));
            }
        }
        let took = self.running.run(Deployer::take_order).await?;
        // An interrupt that came too late must not affect other work.
        drop(self.interrupts.take());
        if took? {
            self.see().await;
        }
        self.tell_of_orders().await.map(drop)
    }

    /// Tells the server of every return that was carried out by hand. Returns whether there was one.
    ///
    /// # Errors
    /// `AgentError` if the server does not take one now; it stays.
    pub async fn tell_of_orders(&self) -> Result<bool, AgentError> {
        let mut told = false;
        while let Some((before, report)) = self.running.run(|running| running.unrecorded()).await? {
            observing::send(&self.running, &self.client).await?;
            self.tell(before, &report).await?;
            told = true;
        }
        Ok(told)
    }

    async fn tell(&self, before: Option<Envelope>, report: &ByHandReport) -> Result<(), AgentError> {
        if let Some(before) = before {
            // The server may have it, or may never want it; its place in the chain is what counts.
            match self.client.report_release(before).await {
                Err(error) if error.is_passing() => return Err(error.into()),
                _ => {}
            }
        }
        let digest = report.report.payload_digest();
        match self.client.report_by_hand(report).await {
            Ok(_) => Ok(self.running.run(move |running| running.recorded(&digest)).await??),
            Err(error) => {
                if is_taken(&error) {
                    self.running.run(move |running| running.renumber(&digest)).await??;
                }
                Err(error.into())
            }
        }
    }
}

/// Whether the server has given the number of a report to another release.
fn is_taken(error: &ClientError) -> bool {
    let ClientError::Problem(problem) = error else { return false };
    problem.reasons.iter().any(|reason| reason.code == NUMBER_TAKEN)
}

const NUMBER_TAKEN: &str = "number-taken";
const LOOK_EVERY: Duration = Duration::from_millis(500);
