//! The way of a rollout from step to step.
//!
//! Invariant: an action follows from the progress alone, which is stored before the action is done. So a program that was
//! killed between the two does the same action again. Once a rollout has ended, it never goes on: evidence of the time after a
//! restart cannot turn a return into a success.

use evidence::Moment;
use evidence::rollout::Rollout;
use evidence::rollout_reason::Reason;
use serde::{Deserialize, Serialize};

use super::evidence::{Probes, StepEvidence};
use super::verdict::{Verdict, verdict};

/// How far a rollout is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The step in force, counted from 0.
    pub step: usize,
    /// Time at which it began or was resumed.
    pub since: Moment,
    /// Whether a person paused the rollout: it does not widen, and it can still return.
    #[serde(default, skip_serializing_if = "is_no")]
    pub paused: bool,
    /// Whether the step passed and waits for a person.
    #[serde(default, skip_serializing_if = "is_no")]
    pub asked: bool,
    /// Whether a person asked for the next step.
    #[serde(default, skip_serializing_if = "is_no")]
    pub promoted: bool,
    /// The end, once it is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
}

/// The end of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ending {
    /// The new release has everything, and the old one is stopped.
    Done {},
    /// The old release has everything again.
    Back {
        /// Why.
        reasons: Vec<Reason>,
    },
}

/// Something that happens to a rollout.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Time passed, and this is the evidence of the step.
    Tick(&'a StepEvidence),
    /// A person pauses it.
    Pause,
    /// A person lets it go on: the step is watched anew.
    Resume,
    /// A person asks for this step, counted from 0, now. An order for another step than the next one changes nothing. One for the
    /// step after the last asks for the end.
    Promote(usize),
}

/// The next action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put this step in force: its shares, its processes.
    Widen(usize),
    /// Keep the step in force.
    Hold(Hold),
    /// Give the old release everything and stop the new one.
    Back(Vec<Reason>),
    /// Give the new release everything and stop the old one.
    Done,
}

/// Why a step stays in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nothing was measured since the last event.
    Unmeasured,
    /// Its pause is not over.
    Waits {
        /// The rest of it, in milliseconds.
        left_ms: u64,
    },
    /// The evidence is too little.
    Undecided(Vec<Reason>),
    /// A person paused the rollout.
    Paused,
    /// The step passed and waits for a person.
    Asks,
}

impl Progress {
    /// The progress of a rollout that begins.
    #[must_use]
    pub const fn begun(now: Moment) -> Self {
        Self { step: 0, since: now, paused: false, asked: false, promoted: false, ending: None }
    }

    /// The action that the progress demands by itself: after a restart, it is done first.
    #[must_use]
    pub fn in_force(&self) -> Action {
        match &self.ending {
            None => Action::Widen(self.step),
            Some(Ending::Done {}) => Action::Done,
            Some(Ending::Back { reasons }) => Action::Back(reasons.clone()),
        }
    }
}

/// The progress after an event, which has to be stored, and then the action.
#[must_use]
pub fn next(rollout: &Rollout, progress: &Progress, event: Event<'_>, now: Moment) -> (Progress, Action) {
    if progress.ending.is_some() {
        return (progress.clone(), progress.in_force());
    }
    let held = |changed: Progress| (changed, Action::Hold(Hold::Unmeasured));
    match event {
        Event::Tick(evidence) => tick(rollout, progress, evidence, now),
        Event::Pause => held(Progress { paused: true, promoted: false, ..progress.clone() }),
        Event::Resume if progress.paused => held(Progress { paused: false, since: now, ..progress.clone() }),
        Event::Promote(step) if step == progress.step + 1 => {
            held(Progress { promoted: true, paused: false, ..progress.clone() })
        }
        Event::Resume | Event::Promote(_) => held(progress.clone()),
    }
}

fn tick(rollout: &Rollout, progress: &Progress, evidence: &StepEvidence, now: Moment) -> (Progress, Action) {
    let stay = |hold| (progress.clone(), Action::Hold(hold));
    let is_asking = rollout.steps.get(progress.step).is_none_or(|step| !step.automatic);
    let is_probed = evidence.probes == Probes::Pass;
    // Nobody decides on a paused step, so its time does not run out.
    let limited =
        StepEvidence { in_step_ms: evidence.in_step_ms.min(rollout.limit_ms() - 1), ..evidence.clone() };
    let evidence = if progress.paused { &limited } else { evidence };
    match verdict(rollout, progress.step, evidence) {
        Verdict::Stop { reasons } => end(progress, Ending::Back { reasons }),
        _ if progress.promoted && is_probed => widen(rollout, progress, now),
        _ if progress.paused => stay(Hold::Paused),
        Verdict::Wait { left_ms } => stay(Hold::Waits { left_ms }),
        Verdict::Undecided { reasons } => stay(Hold::Undecided(reasons)),
        Verdict::Go if is_asking => (Progress { asked: true, ..progress.clone() }, Action::Hold(Hold::Asks)),
        Verdict::Go => widen(rollout, progress, now),
    }
}

fn widen(rollout: &Rollout, progress: &Progress, now: Moment) -> (Progress, Action) {
    let step = progress.step + 1;
    if step >= rollout.steps.len() {
        return end(progress, Ending::Done {});
    }
    (Progress { step, ..Progress::begun(now.max(progress.since)) }, Action::Widen(step))
}

fn end(progress: &Progress, ending: Ending) -> (Progress, Action) {
    let ended = Progress { ending: Some(ending), ..progress.clone() };
    let action = ended.in_force();
    (ended, action)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_no(flag: &bool) -> bool {
    !*flag
}
