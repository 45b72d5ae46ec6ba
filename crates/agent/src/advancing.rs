//! Orders of people about the rollout in force: pause it, let it go on, begin its next step.
//!
//! Invariant: this agent judges an order itself, and remembers it before it has an effect. So one that the server shows again, or
//! an older one, changes nothing. An order never widens a step by itself: the next tick does, with its own evidence. The person
//! who gave it is told what became of it.

use domain::Reason;
use evidence::advance_order::AdvanceOrder;
use evidence::request::{Advance, AdvanceDo};
use evidence::status::StatusFile;
use evidence::{Digest, Moment};
use judge::rollout::{Event, Progress, next};
use judge::{CheckedAdvance, Reasons, RolloutUnderWay, check_advance};
use tracing::{info, warn};
use wire::OrderAnswer;

use crate::deployer::Deployer;
use crate::error::DeployError;
use crate::memory::Memory;
use crate::rolling::steps;
use crate::rollout_memory::RolloutMemory;

impl Deployer {
    /// Carries out an order about the rollout in force. One that does not count changes nothing.
    ///
    /// # Errors
    /// `DeployError` when the memory cannot be written: then nothing has changed.
    pub fn advance(&mut self, order: &AdvanceOrder) -> Result<(), DeployError> {
        if self.memory.rollout.is_none() {
            return Ok(());
        }
        let by_hand = self.memory.take_files(&self.dir)?;
        match self.memory.judge_advance(order, by_hand.as_ref(), (self.now)()) {
            Ok(checked) => {
                info!("{} orders step {} of the rollout", checked.person, checked.advance.step);
                let idle = self.ordered(&checked.advance, checked.issued)?;
                self.answer(order, idle.into_iter().collect());
            }
            // The server shows an order for as long as the release is under way, so also one that was carried out.
            Err(reasons) if reasons.are_only("advance-not-newer") => {}
            Err(reasons) => {
                let all = reasons.against.iter().chain(&reasons.unclear).take(REASONS_MAX);
                let against = all.map(|reason| Reason::new(&reason.code, &reason.what, &reason.remedy));
                self.answer(order, against.collect());
            }
        }
        Ok(())
    }

    /// Tells what became of an order: people in the next figures of the rollout, the log once.
    fn answer(&mut self, order: &AdvanceOrder, against: Vec<Reason>) {
        let Ok(request) = order.request.encode().map(|bytes| Digest::of(&bytes)) else { return };
        let known = self.rolling.order.as_ref();
        if known.is_some_and(|known| known.request == request && codes(&known.against) == codes(&against)) {
            return;
        }
        for reason in &against {
            warn!("an order about the rollout does not count: {}: {}", reason.code, reason.what);
        }
        self.rolling.order = Some(OrderAnswer { request, at: (self.now)(), against });
        let under_way = self.memory.rollout.clone();
        if let Some(rollout) = under_way.filter(|rollout| rollout.progress.ending.is_none()) {
            self.tell_rollout(&rollout, None);
        }
    }

    /// Does what a person ordered at a time. Returns why that changes nothing, if it does not.
    pub(crate) fn ordered(
        &mut self,
        advance: &Advance,
        issued: Moment,
    ) -> Result<Option<Reason>, DeployError> {
        let Some(rollout) = self.memory.rollout.clone() else { return Ok(None) };
        let idle = idle(advance, &rollout.progress, steps(&rollout).steps.len());
        let event = match advance.order {
            None => Event::Promote(usize::from(advance.step).saturating_sub(1)),
            Some(AdvanceDo::Pause) => Event::Pause,
            Some(AdvanceDo::Resume) => Event::Resume,
        };
        let (progress, _) = next(steps(&rollout), &rollout.progress, event, (self.now)());
        let ordered = Some(issued);
        self.memory.rollout = Some(RolloutMemory { progress, ordered, ..rollout.clone() });
        if let Err(error) = self.memory.write(&self.dir) {
            self.memory.rollout = Some(rollout);
            return Err(error.into());
        }
        Ok(idle)
    }
}

fn codes(reasons: &[Reason]) -> Vec<&str> {
    reasons.iter().map(|reason| reason.code.as_str()).collect()
}

/// Why an order changes nothing at this point of a rollout of so many steps.
fn idle(advance: &Advance, progress: &Progress, steps: usize) -> Option<Reason> {
    let in_force = progress.step + 1;
    let what = match advance.order {
        _ if progress.ending.is_some() => "the rollout has ended already".to_owned(),
        None if usize::from(advance.step) != in_force + 1 => format!(
            "it asks for step {}, and step {in_force} of {steps} is in force, so step {} comes next",
            advance.step,
            in_force + 1
        ),
        Some(AdvanceDo::Resume) if !progress.paused => "the rollout is not paused".to_owned(),
        _ => return None,
    };
    Some(Reason::new(IDLE, &what, "see `countersign rollout show`, and order what fits"))
}

/// Code of an order that comes at a time at which it changes nothing.
const IDLE: &str = "advance-idle";
/// As many reasons as people are told.
const REASONS_MAX: usize = 8;

impl Memory {
    /// Judges an order about the rollout in force.
    ///
    /// # Errors
    /// `Reasons` why it does not count.
    pub fn judge_advance(
        &mut self,
        order: &AdvanceOrder,
        by_hand: Option<&StatusFile>,
        now: Moment,
    ) -> Result<CheckedAdvance, Reasons> {
        let Some(rollout) = self.rollout.clone() else { return Err(Reasons::default()) };
        self.meet(&order.roots, &[Some(&order.status), by_hand]);
        let (anchors, mut seen) = self.context(now);
        seen.newer.extend(by_hand.cloned());
        let RolloutMemory { release, plan, ordered, .. } = rollout;
        let place = self.place.clone();
        let under_way = RolloutUnderWay { place: &place, release, plan, ordered };
        let checked = check_advance(order, &anchors, &seen, &under_way, self.latest(now))?;
        self.seen_root = self.seen_root.max(checked.root.version);
        self.takes_status(&order.status, checked.status);
        Ok(checked)
    }
}
