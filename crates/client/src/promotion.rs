//! The promotion of a release that waits for people.
//!
//! Input: the view of a place. Output: the arguments of the request, and the release once it has ended. Invariant: the
//! request names the artifact that the person saw, so that no other one is promoted.

use std::time::Duration;

use evidence::Place;
use review::rollout_words;
use serde_json::{Value, json};
use wire::{Client, PlaceView, ReleaseStage, ReleaseView};

use crate::error::Error;
use crate::places::{look, nothing_pending};
use crate::waiting;

/// A pending release that a person promotes.
#[derive(Debug)]
pub struct Promotion {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Arguments of the request `promote`.
    pub arguments: Value,
}

impl Promotion {
    /// The promotion of the pending release of a place.
    pub fn of(view: &PlaceView) -> Result<Self, Error> {
        let open = view.open.as_ref().ok_or_else(|| nothing_pending(&view.place))?;
        let arguments = json!({ "place": view.place, "release": open.release, "artifact": open.artifact });
        Ok(Self { place: view.place.clone(), release: open.release, arguments })
    }

    /// Follows the release until it has ended; if `gate_only`, until its gate lets it pass. `tell` hears each thing that happens
    /// after the gate let it pass, more than once.
    pub async fn settled(
        &self,
        client: &Client,
        gate_only: bool,
        mut tell: impl FnMut(String),
    ) -> Result<ReleaseView, Error> {
        let (place, number) = (&self.place, self.release);
        let mut seen = 0;
        loop {
            let view = look(client, place).await?;
            let release = view.releases.iter().find(|release| release.release == Some(number));
            let release = release.ok_or_else(|| gone(place, number))?;
            match release.stage {
                ReleaseStage::Proposed | ReleaseStage::Judging => {}
                ReleaseStage::Due if !gate_only => {
                    tell(format!("release {number}: the gate let it pass; the agent judges on its own"));
                    waiting::agent(&view)?;
                    if let Some(now) = rollout_words::now(&view) {
                        tell(format!("release {number}: {}", rollout_words::stage(now, place)));
                    }
                }
                _ => return Ok(release.clone()),
            }
            let past = client.wait_past(seen);
            // No entry tells what an agent does until its report.
            seen = match waiting::is_due(&view) {
                true => tokio::time::timeout(LOOK_EVERY, past).await.unwrap_or(Ok(seen))?,
                false => past.await?,
            };
        }
    }
}

fn gone(place: &Place, number: u64) -> Error {
    Error::unusable(format!(
        "the server does not show the outcome of release {number} of {place}; see `countersign status`"
    ))
}

/// Interval at which a place is read while a release is due at its agent.
const LOOK_EVERY: Duration = Duration::from_secs(1);
