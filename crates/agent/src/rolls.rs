//! A rollout in the life of an agent: it is ticked, and ended once nobody wants it any more.
//!
//! Invariant: a tick waits for nobody but its own processes, so the first bad window is seen within a tick. A number can stop a
//! step also while the server is away. Where the place has windows, no step is widened without it: that needs a newer checkpoint.

use std::sync::Arc;
use std::time::Duration;

use evidence::bundle::Bundle;
use tokio::time::sleep;
use tracing::warn;

use crate::deployer::Deployer;
use crate::error::{AgentError, DeployError};
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
        let bundle = match rolled_bundle::read(&self.dir, release) {
            Ok(bundle) => bundle,
            Err(error) => {
                // Its steps are not widened, and it is not ended by a status. Numbers still stop it.
                let why = error.to_string();
                let ticked = move |running: &mut Deployer| {
                    if running.tick()? {
                        running.cannot_widen(UNREAD, why);
                    }
                    Ok::<_, DeployError>(())
                };
                self.running.run(ticked).await??;
                return Err(error.into());
            }
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
        if self.running.run(Deployer::tick).await?? {
            match timely::fresh(&self.client, bundle).await {
                Ok(fresh) => {
                    let widening = Widening { bundle: Arc::clone(bundle), fresh };
                    self.running.run(move |running| running.widen(&widening)).await??;
                }
                // The next tick asks again.
                Err(error) => {
                    let why =
                        format!("the windows of the place need the server's newest checkpoint: {error}");
                    self.running.run(move |running| running.cannot_widen(AWAY, why)).await?;
                }
            }
        }
        self.see().await;
        Ok(())
    }
}

/// Codes of steps that cannot be judged, by which the log tells one reason from another.
const UNREAD: &str = "evidence-unread";
const AWAY: &str = "server-away";
/// Time between two ticks.
const TICK: Duration = Duration::from_millis(250);
