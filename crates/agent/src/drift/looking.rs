//! Looks for drift on events of files and every few seconds, as long as the agent runs.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use evidence::Digest;
use evidence::policy_files::BYTES_MAX;
use tokio::time::sleep;
use tracing::warn;

use super::events::Events;
use super::kept_layer::LayerRequests;
use crate::serve::Life;
use crate::told::told_if_new;

impl Life {
    /// Asks for the newest configuration of the place again and again, so that rules about drift need no release.
    pub async fn ask_for_rules(&self) {
        let (mut complained, mut unread) = (false, None);
        loop {
            let asked = self.client.place_configuration(&self.place).await;
            let done = match asked {
                Ok(order) => {
                    let taken = self.running.run(move |running| running.take_configuration(&order)).await;
                    match taken {
                        Ok(Ok(())) => self.ask_for_policy(&mut unread).await,
                        Ok(Err(refused)) => Err(refused.words.join("; ")),
                        Err(error) => Err(error.to_string()),
                    }
                }
                // The main loop says that the server cannot be reached.
                Err(error) if error.is_passing() => Ok(()),
                Err(error) => Err(error.to_string()),
            };
            if let (Err(error), false) = (&done, complained) {
                warn!("the newest rules of the place are not taken: {error}");
            }
            complained = done.is_err();
            sleep(RULES_EVERY).await;
        }
    }

    /// Asks for the policy that the newest statement names, unless it is here: a release that comes back is judged by it. One
    /// that this program cannot read is not asked for again.
    async fn ask_for_policy(&self, unread: &mut Option<(Digest, String)>) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let wanted =
            self.running.run(|running| running.wants_policy()).await.map_err(|error| text(&error))?;
        let Some(wanted) = wanted else { return Ok(()) };
        if let Some((_, error)) = unread.as_ref().filter(|(digest, _)| *digest == wanted) {
            return Err(error.clone());
        }
        let bytes = match self.client.blob(&wanted, BYTES_MAX).await {
            Err(error) if error.is_passing() => return Ok(()),
            asked => asked.map_err(|error| text(&error))?,
        };
        // The client compared the digest.
        let taken = self.running.run(move |running| running.take_policy_bytes(&wanted, &bytes)).await;
        let taken = taken.map_err(|error| text(&error))?;
        let taken = taken.map_err(|error| error.to_string());
        *unread = taken.as_ref().err().map(|error| (wanted, error.clone()));
        taken
    }

    /// Looks for drift until this future is dropped.
    pub async fn look_for_drift(&self) {
        let (mut events, mut complained): (Option<Arc<Events>>, _) = (None, false);
        let unwatched = Mutex::default();
        let mut requests = LayerRequests::default();
        loop {
            let begun = Instant::now();
            let looked = self.running.run(|running| running.look_for_drift()).await;
            let looked = match looked {
                Ok(Ok(looked)) => Ok(looked),
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let (Err(error), false) = (&looked, complained) {
                warn!("drift cannot be looked for: {error}; trying again");
            }
            complained = looked.is_err();
            let Ok(looked) = looked else {
                sleep(AGAIN).await;
                continue;
            };
            let took = begun.elapsed();
            if looked.observed {
                self.observed.notify_one();
            }
            if let Some(missing) = looked.missing
                && self.fetch_layer(missing, &mut requests).await
            {
                continue;
            }
            if events.as_ref().is_none_or(|events| !events.is_of(&looked.dirs)) {
                events = match Events::of(&looked.dirs) {
                    Ok(events) => Some(Arc::new(events)),
                    Err(error) => {
                        let every = looked.again.as_secs();
                        told_if_new(&unwatched, format!("files are only looked at every {every} s: {error}"));
                        None
                    }
                };
            } else if let Some(events) = &events {
                events.watch();
            }
            // The time is from look to look. One that takes long leaves the host as much time as it took.
            self.until_event(events.clone(), looked.again.saturating_sub(begun.elapsed()).max(took)).await;
        }
    }

    /// Waits for an event about the files, or for this time.
    async fn until_event(&self, events: Option<Arc<Events>>, again: Duration) {
        let until = Instant::now() + again;
        let Some(events) = events else { return sleep(again).await };
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let events = Arc::clone(&events);
            // A short wait, so that nothing holds up an agent that ends.
            let waited = tokio::task::spawn_blocking(move || events.wait(left.min(WAIT))).await;
            match waited {
                Ok(false) => {}
                // An editor seldom writes once.
                Ok(true) => return sleep(TOGETHER).await,
                Err(_) => return sleep(left).await,
            }
        }
    }
}

/// Pause between two questions for the configuration.
const RULES_EVERY: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_secs(5);
const TOGETHER: Duration = Duration::from_millis(100);
