//! A rollout in the life of an agent: it is ticked, and ended once nobody wants it any more.
//!
//! Invariant: a tick waits for nobody but its own processes, so the first bad window is seen within a tick. Without the server a
//! step is not widened, and a number can still stop it.

use std::sync::Arc;
use std::time::Duration;

use evidence::bundle::Bundle;
use tokio::time::sleep;
use tracing::warn;

use crate::deployer::Deployer;
use crate::error::AgentError;
use crate::lookout::{Lookout, Unwanted};
use crate::rolled::Widening;
use crate::rolled_bundle;
use crate::serve::Life;
use crate::status_file::read_status;
use crate::timely;

impl Life {
    /// Ticks every rollout of this place.
    pub async fn roll(&self) {
        let mut complained = false;
        loop {
            sleep(TICK).await;
            let Ok(Some(release)) = self.running.run(|running| running.rolls_out()).await else { continue };
            let done = self.roll_out(release).await;
            if let (Err(error), false) = (&done, complained) {
                warn!("{error}; trying again");
            }
            complained = done.is_err();
            self.see().await;
        }
    }

    /// Ticks one rollout until it has ended.
    async fn roll_out(&self, release: u64) -> Result<(), AgentError> {
        let Ok(bundle) = rolled_bundle::read(&self.dir, release) else {
            // Its steps are not widened, and it is not ended by a status.
            self.running.run(|running| running.tick(None)).await??;
            return Ok(());
        };
        let bundle = Arc::new(bundle);
        let memory = self.running.run(|running: &mut Deployer| running.memory().clone()).await?;
        let lookout = Lookout {
            client: &self.client,
            dir: self.dir.clone(),
            by_hand: read_status(&self.dir).ok().flatten(),
            place: self.place.clone(),
            memory,
            bundle: Arc::clone(&bundle),
            proof: Arc::new(Vec::new()),
            now: self.now,
        };
        let unwanted = lookout.unwanted();
        tokio::pin!(unwanted);
        while self.running.run(|running| running.rolls_out()).await? == Some(release) {
            tokio::select! {
                biased;
                Unwanted { why, status } = &mut unwanted => {
                    self.running.run(move |running| running.interrupt(&why)).await??;
                    if let Some(status) = status {
                        self.running.run(move |running| running.meet(&bundle.roots, &status)).await??;
                    }
                    return Ok(());
                }
                () = sleep(TICK) => self.tick(&bundle).await?,
            }
        }
        Ok(())
    }

    async fn tick(&self, bundle: &Arc<Bundle>) -> Result<(), AgentError> {
        if self.running.run(|running| running.tick(None)).await?? {
            // Without the server nothing is widened; the next tick asks it again.
            let Ok(fresh) = timely::fresh(&self.client, bundle).await else { return Ok(()) };
            let widening = Widening { bundle: Arc::clone(bundle), fresh };
            self.running.run(move |running| running.tick(Some(&widening))).await??;
        }
        self.see().await;
        Ok(())
    }
}

/// Time between two ticks.
const TICK: Duration = Duration::from_millis(250);
