//! The rollout of a release under way, and a person's orders about it.
//!
//! Input: the view of a place and the evidence of its release. Output: a page, and the arguments of the request `advance`. Invariant:
//! an order names release, plan and step, so an agent whose rollout is at another step by now refuses it. The step in force is what the server
//! and the agent say: the agent alone knows it.

use std::time::{Duration, Instant};

use evidence::bundle::Bundle;
use evidence::observations::VerdictOfStep;
use evidence::request::{Advance, AdvanceDo};
use evidence::rollout::Rollout;
use evidence::{Digest, Place};
use review::differences::rollout_words as plan_words;
use review::{outcome, rollout_words};
use serde::Serialize;
use serde_json::{Value, json};
use wire::{Client, OrderAnswer, OrderView, PlaceView, ReleaseStage, RolloutNow, RolloutView};

use crate::error::Error;
use crate::places;

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
    /// The newest order of a person about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderView>,
    /// The command that goes on, if it waits for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(skip)]
    ordered: Option<String>,
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
        let words = plan_words(&bundle.plan);
        let seen = open.rollout.clone();
        let now = view.service.as_ref().and_then(|service| service.rollout.clone());
        let now = now.filter(|now| (now.release, now.plan) == (open.release, plan));
        let next = now.as_ref().filter(|now| now.waits_for_person());
        let next = next.map(|_| rollout_words::promote(place));
        let (order, ordered) = (open.order.clone(), rollout_words::order(view));
        let place = place.clone();
        Ok(Self { place, release: open.release, plan, rollout, seen, now, order, next, ordered, words })
    }

    /// The step in force, counted from 1: what the agent tells now, else what follows from its last observation.
    #[must_use]
    pub fn step(&self) -> u8 {
        let now = self.now.as_ref().map(|now| now.step);
        let step = now.unwrap_or_else(|| self.seen.as_ref().map_or(1, |seen| self.after(seen)));
        u8::try_from(step).unwrap_or(u8::MAX)
    }

    /// The step in force after an observation: a step that passed has ended, unless it waits for a person.
    fn after(&self, seen: &RolloutView) -> u32 {
        let planned = self.rollout.steps.get((seen.step as usize).saturating_sub(1));
        let is_over = seen.verdict == VerdictOfStep::Go && planned.is_some_and(|step| step.automatic);
        if is_over { seen.step.saturating_add(1) } else { seen.step }
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
        lines.extend(self.now.iter().flat_map(now_lines));
        match &self.seen {
            None if self.now.is_none() => lines.push("its agent has observed nothing yet".to_owned()),
            None => {}
            Some(seen) => {
                let observed = rollout_words::observed(seen);
                lines.push(format!("signed by its agent last, as entry {}: {observed}", seen.entry));
                lines.extend(seen.reasons.iter().map(|why| format!("  {}", shown::line(why))));
            }
        }
        lines.extend(self.ordered.clone());
        lines.extend(self.next.iter().map(|next| format!("it waits for you: {next}")));
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

/// The answer of the agent to an order, by the digest of the request's envelope; absent if it comes not within `most`, or if the
/// agent is gone.
///
/// # Errors
/// `Error` when the server does not answer.
pub async fn answered(
    client: &Client,
    place: &Place,
    request: &Digest,
    most: Duration,
) -> Result<Option<OrderAnswer>, Error> {
    let began = Instant::now();
    loop {
        let view = places::look(client, place).await?;
        let told = view.service.as_ref().and_then(|service| service.rollout.as_ref()?.order.clone());
        let answer = told.filter(|answer| answer.request == *request);
        if answer.is_some() || began.elapsed() >= most || outcome::gone(view.agents.iter()).is_some() {
            return Ok(answer);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Pause between two looks: no entry tells what an agent did with an order.
const LOOK_EVERY: Duration = Duration::from_millis(250);
