//! Orders of people about the rollout in force: pause it, let it go on, begin its next step.
//!
//! Invariant: this agent judges an order itself, and remembers it before it has an effect. So one that the server shows again, or
//! an older one, changes nothing. An order never widens a step by itself: the next tick does, with its own evidence.

use evidence::Moment;
use evidence::advance_order::AdvanceOrder;
use evidence::request::{Advance, AdvanceDo};
use evidence::status::StatusFile;
use judge::rollout::{Event, next};
use judge::{CheckedAdvance, Reasons, RolloutUnderWay, check_advance};
use tracing::{info, warn};

use crate::deployer::Deployer;
use crate::error::DeployError;
use crate::memory::Memory;
use crate::rolling::steps;
use crate::rollout_memory::RolloutMemory;
use crate::status_file::read_status;

impl Deployer {
    /// Carries out an order about the rollout in force. One that does not count changes nothing.
    ///
    /// # Errors
    /// `DeployError` when the memory cannot be written: then nothing has changed.
    pub fn advance(&mut self, order: &AdvanceOrder) -> Result<(), DeployError> {
        if self.memory.rollout.is_none() {
            return Ok(());
        }
        let by_hand = read_status(&self.dir)?;
        match self.memory.judge_advance(order, by_hand.as_ref(), (self.now)()) {
            Ok(checked) => {
                info!("{} orders step {} of the rollout", checked.person, checked.advance.step);
                self.ordered(&checked.advance, checked.issued)
            }
            Err(reasons) => {
                let all = reasons.against.iter().chain(&reasons.unclear);
                // The server shows an order for as long as the release is under way.
                for reason in all.filter(|reason| reason.code != "advance-not-newer") {
                    warn!("an order about the rollout does not count: {}: {}", reason.code, reason.what);
                }
                Ok(())
            }
        }
    }

    /// Does what a person ordered at a time.
    pub(crate) fn ordered(&mut self, advance: &Advance, issued: Moment) -> Result<(), DeployError> {
        let Some(rollout) = self.memory.rollout.clone() else { return Ok(()) };
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
        Ok(())
    }
}

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
