//! The rollout of a release under way, and a person's orders about it.
//!
//! Input: the view of a place and the evidence of its release. Output: a page, and the arguments of the request `advance`. Invariant:
//! an order names release, plan and step, so an agent that is elsewhere by now refuses it. The step in force is what the server
//! says: the agent alone knows it.

use evidence::bundle::Bundle;
use evidence::request::{Advance, AdvanceDo};
use evidence::rollout::Rollout;
use evidence::{Digest, Place};
use review::differences::rollout_words;
use serde::Serialize;
use serde_json::{Value, json};
use wire::{PlaceView, ReleaseStage, RolloutNow, RolloutView};

use crate::error::Error;

/// The rollout of a release under way.
#[derive(Clone, Debug, Serialize)]
pub struct RolloutUnderWay {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Digest of its plan.
    pub plan: Digest,
    /// Steps and numbers of the plan.
    pub rollout: Rollout,
    /// How far it is, as the server says that its agent observed.
    pub seen: Option<RolloutView>,
    /// The same now, as its agent tells it; nobody signed that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<RolloutNow>,
    #[serde(skip)]
    words: Vec<(String, String)>,
}

impl RolloutUnderWay {
    /// The rollout of the release that is under way at a place.
    ///
    /// # Errors
    /// `Error` when none is under way there, or its release replaces the one before at once.
    pub fn of(view: &PlaceView, bundle: &Bundle) -> Result<Self, Error> {
        let place = &view.place;
        let open = view.open.as_ref().filter(|open| open.stage == ReleaseStage::Due);
        let open = open.filter(|open| open.release == bundle.release).ok_or_else(|| {
            Error::unusable(format!("no release is under way at {place}; see `countersign status`"))
        })?;
        let rollout = bundle.plan.rollout.clone().ok_or_else(|| {
            Error::unusable(format!("no rollout: release {} replaces what runs at {place}", open.release))
        })?;
        let plan = bundle.plan.digest().map_err(|error| Error::unusable(error.to_string()))?;
        let words = rollout_words(&bundle.plan);
        let seen = open.rollout.clone();
        let now = view.service.as_ref().and_then(|service| service.rollout.clone());
        let now = now.filter(|now| (now.release, now.plan) == (open.release, plan));
        Ok(Self { place: place.clone(), release: open.release, plan, rollout, seen, now, words })
    }

    /// The step in force, counted from 1.
    #[must_use]
    pub fn step(&self) -> u8 {
        self.seen.as_ref().map_or(1, |seen| u8::try_from(seen.step).unwrap_or(u8::MAX))
    }

    /// The next step, counted from 1. The one after the last is the end.
    #[must_use]
    pub fn next(&self) -> u8 {
        self.step().saturating_add(1)
    }

    /// Whether an order to begin this step can have an effect: it comes after the one in force, and the one after the last is the end.
    ///
    /// # Errors
    /// `Error` names the possible steps.
    pub fn has(&self, step: u8) -> Result<(), Error> {
        let (next, end) = (usize::from(self.next()), self.rollout.steps.len() + 1);
        if (next..=end).contains(&usize::from(step)) {
            return Ok(());
        }
        let what = format!("release {} of {} has no step {step} to begin", self.release, self.place);
        Err(Error::unusable(format!("{what}: name one from {next} to {end}, where {end} is the end")))
    }

    /// Arguments of the request `advance`.
    #[must_use]
    pub fn arguments(&self, step: u8, order: Option<AdvanceDo>, reason: Option<&str>) -> Value {
        json!(Advance {
            place: self.place.clone(),
            release: self.release,
            plan: self.plan,
            step,
            order,
            reason: reason.map(str::to_owned),
        })
    }

    /// The rollout in lines.
    #[must_use]
    pub fn page(&self) -> String {
        let mut lines = vec![format!("release {} to {}, plan {}", self.release, self.place, self.plan)];
        lines.extend(self.words.iter().map(|(name, value)| format!("  {name}: {value}")));
        lines.push(match &self.seen {
            None => "its agent has observed nothing yet".to_owned(),
            Some(seen) => rollout_line(seen),
        });
        lines.extend(
            self.seen.iter().flat_map(|seen| &seen.reasons).map(|why| format!("  {}", shown::line(why))),
        );
        lines.extend(self.now.iter().flat_map(now_lines));
        lines.join("\n")
    }
}

/// The words of an agent about a rollout, in lines.
fn now_lines(now: &RolloutNow) -> Vec<String> {
    let mut lines = vec![format!("now, as its agent tells it: {}", now.sentence())];
    lines.extend(now.reasons.iter().map(|why| format!("  {}", shown::line(why))));
    lines.extend(now.measures.iter().map(|measure| format!("  {}", measure.line())));
    lines
}

/// How far a rollout is, in words.
#[must_use]
pub fn rollout_line(seen: &RolloutView) -> String {
    let RolloutView { step, percent, began, verdict, .. } = seen;
    format!("step {step} with {percent}% of the requests since {began}: {}", verdict.as_str())
}
