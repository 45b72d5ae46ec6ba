//! A release that is rolled out: it begins beside the one that runs, goes from step to step, and ends with all or without it.
//!
//! Invariant: the memory has every step before it is in force, and the end before it is carried out. The decisions are those of
//! `judge::rollout`; this file measures and acts. The release before counts as the running one until the end.

use std::sync::LazyLock;

use domain::release::{ROLLOUT_FAILED, ROLLOUT_INTERRUPTED};
use evidence::Digest;
use evidence::observations::{RolloutEnd, VerdictOfStep};
use evidence::report::ReleaseOutcome;
use evidence::rollout::Rollout;
use judge::rollout::{Action, Ending, Event, Hold, Progress, StepEvidence, next};
use tracing::{info, warn};

use crate::apply::ENDING;
use crate::deployer::{Deployer, RequestedRelease};
use crate::error::DeployError;
use crate::fault::Fault;
use crate::grouped::Equipped;
use crate::memory::{KnownRelease, Memory};
use crate::probe::INTERRUPTED;
use crate::rolled::{Rolling, Widening};
use crate::rollout_memory::{Against, RolloutMemory};
use crate::secrets::HeldSecrets;
use crate::verdicts::Seen;

type InForce = RolloutMemory<KnownRelease>;

impl Deployer {
    /// Number of the release that is rolled out now.
    #[must_use]
    pub fn rolls_out(&self) -> Option<u64> {
        self.memory.rollout.as_ref().map(|rollout| rollout.release)
    }

    /// Whether a release is under way here, step by step.
    #[must_use]
    pub fn is_under_way(&self, release: u64, artifact: &Digest) -> bool {
        let is_it = |one: &InForce| one.release == release && one.new.artifact == *artifact;
        self.memory.rollout.as_ref().is_some_and(is_it)
    }

    /// Whether a release can begin beside the one that runs: it is rolled out, and the other one works at the same port. The
    /// first release of a place has nothing to be beside, and one that does not run has no requests to share.
    pub(crate) fn can_roll(&mut self, new: &KnownRelease) -> bool {
        let Some(old) = self.memory.running.clone().filter(|_| new.plan.rollout.is_some()) else {
            return false;
        };
        let is_same_port =
            new.plan.target.port().is_some() && old.plan.target.port() == new.plan.target.port();
        is_same_port && self.is_up(&old)
    }

    /// Runs the steps before a release, and begins it beside the one that runs.
    pub(crate) fn begin_rollout(
        &mut self,
        asked: &RequestedRelease,
        new: &KnownRelease,
        secrets: &HeldSecrets,
    ) -> Result<evidence::dsse::Envelope, DeployError> {
        let before = self.hands.secrets().clone();
        let given = before.iter().chain(secrets).map(|(name, held)| (name.clone(), held.clone()));
        let given: HeldSecrets = given.collect();
        self.hands.give(given.clone());
        let stepped = self.hands.before(new, asked.release);
        self.hands.give(before);
        if let Err(fault) = stepped {
            if fault.code == ENDING {
                return Err(fault.into());
            }
            warn!("the release does not work: {fault}");
            return self.conclude(
                asked,
                ReleaseOutcome::Returned,
                vec![fault.code.to_owned()],
                &fault.what,
                None,
            );
        }
        let new = KnownRelease { release: Some(asked.release), ..new.clone() };
        let (release, plan) = (asked.release, asked.plan);
        let progress = Progress::begun((self.now)());
        let rollout = RolloutMemory {
            release,
            plan,
            new,
            secrets: given,
            progress,
            observed: Vec::new(),
            against: None,
            ordered: None,
        };
        self.memory.rollout = Some(rollout.clone());
        if let Err(error) = self.memory.write(&self.dir) {
            self.memory.rollout = None;
            return Err(error.into());
        }
        self.rolling = Rolling::default();
        info!(release, "release {release} begins with step 1 of {}", steps(&rollout).steps.len());
        self.put_in_force(&rollout)?;
        match self.reported(release, &asked.artifact) {
            Some(report) => Ok(report),
            None => Err(DeployError::UnderWay(release)),
        }
    }

    /// Does what the progress of a rollout demands.
    fn put_in_force(&mut self, rollout: &InForce) -> Result<(), DeployError> {
        match rollout.progress.in_force() {
            Action::Back(_) => self.go_back(rollout),
            Action::Done => self.finish(rollout),
            Action::Widen(_) | Action::Hold(_) => match self.arrange_step(rollout) {
                Ok(()) => {
                    self.rolling.is_arranged = true;
                    self.rolling.counting.begin_step();
                    self.rolling.time.look((self.now)());
                    Ok(())
                }
                Err(fault) if fault.code == ENDING => Err(fault.into()),
                Err(fault) if fault.code == INTERRUPTED => self.interrupt(&fault.what),
                Err(fault) => self.return_for(rollout, fault.code, &fault.what),
            },
        }
    }

    fn arrange_step(&mut self, rollout: &InForce) -> Result<(), Fault> {
        let old = self.old()?;
        let secrets = self.hands.secrets().clone();
        let old = Equipped { known: &old, secrets: &secrets };
        let new = Equipped { known: &rollout.new, secrets: &rollout.secrets };
        let arranged = self.hands.arrange_step(old, new, rollout.progress.step);
        arranged.map_err(|failed| match failed.group {
            crate::arrangement::Group::Canary => failed.fault,
            group => Fault::new(failed.fault.code, format!("group {}: {}", group.name(), failed.fault)),
        })
    }

    /// The release that runs beside the new one.
    fn old(&self) -> Result<KnownRelease, Fault> {
        let old = self.memory.running.clone();
        old.ok_or_else(|| Fault::new("memory-damaged", "the release before is unknown"))
    }

    /// Measures, decides and acts, without a wider step. Returns whether one is due.
    ///
    /// # Errors
    /// `DeployError` when the memory, an observation or a report cannot be written, or processes cannot be arranged: what is
    /// not stored has not happened, and the next tick tries again.
    pub fn tick(&mut self) -> Result<bool, DeployError> {
        let mut is_due = false;
        self.tick_if(|_| {
            is_due = true;
            Ok(false)
        })?;
        Ok(is_due)
    }

    /// The same, with the wider step that is due, if the evidence of the release still allows it.
    ///
    /// # Errors
    /// Those of a tick, and `DeployError::StatusFile` when the status file in the directory cannot be read: then the step stays
    /// in force.
    pub fn widen(&mut self, widening: &Widening) -> Result<(), DeployError> {
        self.tick_if(|deployer| deployer.may_widen(widening))
    }

    /// Notes why the step that is due cannot even be judged; the next tick tells it.
    pub(crate) fn cannot_widen(&mut self, code: &str, why: String) {
        if let Some(words) = self.rolling.refuse(vec![code.to_owned()], Some(why)) {
            warn!("the next step of the rollout waits: {words}");
        }
    }

    /// One tick, with a wider step only if `may_widen` says so.
    fn tick_if(
        &mut self,
        may_widen: impl FnOnce(&mut Self) -> Result<bool, DeployError>,
    ) -> Result<(), DeployError> {
        let Some(rollout) = self.memory.rollout.clone() else { return Ok(()) };
        if !self.rolling.is_arranged {
            if self.restarts.is_due((self.now)()) {
                self.resume();
            }
            return Ok(());
        }
        let now = (self.now)();
        let was_ending = rollout.progress.ending.is_some();
        let evidence = self.evidence(&rollout);
        self.rolling.evidence = Some(evidence.clone());
        let (progress, action) = next(steps(&rollout), &rollout.progress, Event::Tick(&evidence), now);
        if matches!(action, Action::Widen(_)) {
            let may = may_widen(self);
            if let Err(error) = &may {
                self.rolling.refused = Some(error.to_string());
            }
            if !matches!(may, Ok(true)) {
                // The step in force goes on for as long as that takes.
                self.stay(&rollout, None);
                return may.map(drop);
            }
        }
        let passed = Seen { verdict: VerdictOfStep::Go, end: None, reasons: Vec::new() };
        match action {
            // Clients go back at once, also if the disk is full.
            Action::Back(_) => self.weigh_back(),
            Action::Widen(_) => self.observe_step(&rollout, passed)?,
            Action::Hold(Hold::Asks) if !rollout.progress.asked => self.observe_step(&rollout, passed)?,
            Action::Hold(_) | Action::Done => {}
        }
        let rollout = self.memory.rollout.clone().unwrap_or(rollout);
        let rollout = self.store(&rollout, progress)?;
        match action {
            Action::Hold(hold) => {
                // No wider step is due, so nothing refuses one. The codes stay: numbers that flap tell the same only once.
                self.rolling.refused = None;
                self.stay(&rollout, Some(hold));
            }
            Action::Widen(step) => {
                info!(release = rollout.release, "release {}: step {}", rollout.release, step + 1);
                self.put_in_force(&rollout)?;
            }
            Action::Back(_) => {
                // On a full disk each tick comes here.
                if !was_ending {
                    say_back(&rollout);
                }
                self.go_back(&rollout)?;
            }
            Action::Done => self.finish(&rollout)?,
        }
        Ok(())
    }

    /// Tells why the step stays in force, and looks after its processes.
    fn stay(&mut self, rollout: &InForce, hold: Option<Hold>) {
        self.rolling.hold = hold;
        self.tell_rollout(rollout, None);
        self.mend(rollout);
    }

    /// Whether the release may go a step further, under the newest known status and the time of a newer checkpoint.
    fn may_widen(&mut self, widening: &Widening) -> Result<bool, DeployError> {
        let by_hand = self.memory.take_files(&self.dir)?;
        let Widening { bundle, fresh } = widening;
        let decision =
            self.memory.judge_widening(bundle, &[], fresh.as_ref(), by_hand.as_ref(), (self.now)());
        let words = decision.apply.is_none().then(|| decision.words.join("; "));
        if let Some(words) = self.rolling.refuse(decision.reasons, words) {
            warn!("the next step of the rollout does not begin: {words}");
        }
        Ok(self.rolling.refused.is_none())
    }

    /// The evidence of the step in force.
    fn evidence(&mut self, rollout: &InForce) -> StepEvidence {
        let measured = self.hands.measure();
        let now = self.rolling.time.look((self.now)());
        self.rolling.counting.sample(now, measured.totals);
        StepEvidence {
            in_step_ms: self.rolling.time.in_step_ms(rollout.progress.step, rollout.progress.since),
            probes: measured.probes,
            step: self.rolling.counting.step(),
            windows: self.rolling.counting.windows(&steps(rollout).windows()),
            answers: self.rolling.answers.counting(rollout.progress.since, (self.now)()),
        }
    }

    /// Stores the progress, if it is another one.
    fn store(&mut self, rollout: &InForce, progress: Progress) -> Result<InForce, DeployError> {
        let next = RolloutMemory { progress, ..rollout.clone() };
        if next != *rollout {
            self.memory.rollout = Some(next.clone());
            if let Err(error) = self.memory.write(&self.dir) {
                self.memory.rollout = Some(rollout.clone());
                return Err(error.into());
            }
        }
        Ok(next)
    }

    /// Starts processes of the old release again that have ended by themselves. One of the new release fails the step instead.
    fn mend(&mut self, rollout: &InForce) {
        if self.down.is_none() {
            let Some(end) = self.hands.ended() else { return };
            self.fell(&end);
        }
        if !self.restarts.is_due((self.now)()) {
            return;
        }
        match self.arrange_step(rollout) {
            Ok(()) => {
                self.restarts.started((self.now)());
                self.down = None;
            }
            Err(fault) => self.fell(&fault.what),
        }
    }

    /// Ends the rollout because nobody wants it any more; the release before gets everything again.
    ///
    /// # Errors
    /// `DeployError` when the memory cannot be written.
    pub fn interrupt(&mut self, why: &str) -> Result<(), DeployError> {
        let Some(rollout) = self.memory.rollout.clone() else { return Ok(()) };
        if rollout.progress.ending.is_some() {
            return Ok(());
        }
        self.return_for(&rollout, ROLLOUT_INTERRUPTED, why)
    }

    fn return_for(&mut self, rollout: &InForce, code: &str, what: &str) -> Result<(), DeployError> {
        let against = Some(Against { code: code.to_owned(), what: what.to_owned() });
        let ending = Some(Ending::Back { reasons: Vec::new() });
        let rollout = RolloutMemory { against, ..rollout.clone() };
        let progress = Progress { ending, ..rollout.progress.clone() };
        self.weigh_back();
        let rollout = self.store(&rollout, progress)?;
        say_back(&rollout);
        self.go_back(&rollout)
    }

    fn weigh_back(&mut self) {
        if let Err(fault) = self.hands.weigh_back() {
            warn!("{fault}");
        }
    }

    /// Gives the release before everything again, and ends the new one.
    fn go_back(&mut self, rollout: &InForce) -> Result<(), DeployError> {
        self.weigh_back();
        let (verdict, end) = match &rollout.against {
            Some(_) => (VerdictOfStep::Undecided, RolloutEnd::Interrupted),
            None => (VerdictOfStep::Stop, RolloutEnd::Failed),
        };
        self.observe_step(rollout, Seen { verdict, end: Some(end), reasons: why(rollout) })?;
        self.tell_rollout(rollout, Some(end));
        let old = self.old()?;
        let secrets = self.hands.secrets().clone();
        let old = Equipped { known: &old, secrets: &secrets };
        let code = rollout.against.as_ref().map_or(ROLLOUT_FAILED, |against| against.code.as_str());
        let mut reasons = vec![code.to_owned()];
        let mut detail = words(rollout);
        match self.hands.arrange_alone(old, &rollout.new.plan) {
            Ok(()) => self.down = None,
            Err(failed) if failed.fault.code == ENDING => return Err(failed.fault.into()),
            Err(failed) => {
                self.fell(&failed.fault.what);
                if !self.hands.is_serving() {
                    reasons.push(failed.fault.code.to_owned());
                }
                detail = format!("{detail}\nthe release before it: {}", failed.fault);
            }
        }
        let before = self.memory.clone();
        self.ended(before, rollout, ReleaseOutcome::Returned, reasons, &detail)
    }

    /// Writes the report of a rollout. Until it is on the disk the rollout has not ended, and the next tick tries again.
    fn ended(
        &mut self,
        before: Memory,
        rollout: &InForce,
        outcome: ReleaseOutcome,
        reasons: Vec<String>,
        detail: &str,
    ) -> Result<(), DeployError> {
        let concluded = self.conclude(&requested(rollout), outcome, reasons, detail, None);
        if concluded.is_err() {
            self.memory = before;
        }
        concluded.map(drop)
    }

    /// Gives the new release everything, and ends the one before.
    fn finish(&mut self, rollout: &InForce) -> Result<(), DeployError> {
        let new = Equipped { known: &rollout.new, secrets: &rollout.secrets };
        match self.hands.arrange_alone(new, &rollout.new.plan) {
            Ok(()) => {}
            // The disk says nothing about the release: the next tick tries again.
            Err(failed) if [ENDING, "switch-failed"].contains(&failed.fault.code) => {
                return Err(failed.fault.into());
            }
            // Only after a restart: its processes have to start again, and do not.
            Err(failed) => return self.return_for(rollout, failed.fault.code, &failed.fault.what),
        }
        let (verdict, end) = (VerdictOfStep::Go, Some(RolloutEnd::Done));
        self.observe_step(rollout, Seen { verdict, end, reasons: Vec::new() })?;
        self.tell_rollout(rollout, end);
        let before = self.memory.clone();
        self.hands.give(rollout.secrets.clone());
        self.memory.secrets = rollout.secrets.clone();
        self.memory.takes_in_turn(&requested(rollout), &rollout.new);
        self.down = None;
        self.restarts = crate::restarts::Restarts::default();
        self.restarts.started((self.now)());
        self.ended(before, rollout, ReleaseOutcome::Running, Vec::new(), "")
    }

    /// Puts the rollout of an agent that has ended in force again: first the release that ran, then the step.
    pub(crate) fn resume_rollout(&mut self) {
        let Some(rollout) = self.memory.rollout.clone() else { return };
        let resumed = self.resume_step(&rollout);
        match resumed {
            Ok(()) => {
                self.restarts.started((self.now)());
                self.down = None;
            }
            Err(DeployError::Ending(fault)) => self.down = Some(fault.what),
            Err(error) => self.fell(&error.to_string()),
        }
    }

    fn resume_step(&mut self, rollout: &InForce) -> Result<(), DeployError> {
        if rollout.progress.ending.is_none() {
            let old = self.old()?;
            let secrets = self.hands.secrets().clone();
            let equipped = Equipped { known: &old, secrets: &secrets };
            // Clients wait for nothing but the release that they had.
            self.hands.arrange_alone(equipped, &rollout.new.plan).map_err(|failed| failed.fault)?;
        }
        // Its counts are gone with the splitter: the step is judged anew.
        let since = (self.now)();
        let rollout = match rollout.progress.ending {
            None => self.store(rollout, Progress { since, ..rollout.progress.clone() })?,
            Some(_) => rollout.clone(),
        };
        self.rolling = Rolling::default();
        self.put_in_force(&rollout)
    }
}

/// The steps of a rollout. A plan without them has none, and nothing is decided about it.
pub(crate) fn steps(rollout: &InForce) -> &Rollout {
    static NONE: LazyLock<Rollout> = LazyLock::new(Rollout::default);
    rollout.new.plan.rollout.as_ref().unwrap_or(&NONE)
}

const fn requested(rollout: &InForce) -> RequestedRelease {
    RequestedRelease { release: rollout.release, artifact: rollout.new.artifact, plan: rollout.plan }
}

/// Why a rollout is undone.
pub(crate) fn why(rollout: &InForce) -> Vec<String> {
    match (&rollout.against, &rollout.progress.ending) {
        (Some(against), _) => vec![against.what.clone()],
        (None, Some(Ending::Back { reasons })) => reasons.iter().map(ToString::to_string).collect(),
        (None, _) => Vec::new(),
    }
}

fn say_back(rollout: &InForce) {
    let (release, why) = (rollout.release, why(rollout).join("; "));
    warn!(release, "release {release} goes back: {why}");
}

/// The same with the step, in words.
fn words(rollout: &InForce) -> String {
    let (step, of) = (rollout.progress.step + 1, steps(rollout).steps.len());
    format!("at step {step} of {of}: {}", why(rollout).join("; "))
}

#[cfg(test)]
mod pretend;
#[cfg(test)]
mod tests;
