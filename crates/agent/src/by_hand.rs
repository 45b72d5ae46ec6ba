//! Orders to return that a person brings to the agent's host while the server is away.
//!
//! Invariant: such an order is judged like one of the server, by the newest status that this agent knows. A return that was carried
//! out is in the memory in the same write as its report, with the person's request, until the server has recorded it; until then no
//! release begins. The order's file goes after its answer is durable, so an agent that was killed does or answers it again.

use std::path::Path;

use evidence::dsse::Envelope;
use evidence::report::AgentReport;
use evidence::rollback_order::RollbackOrder;
use evidence::status::StatusFile;
use evidence::{Digest, Moment};
use tracing::{info, warn};
use wire::ByHandReport;

use crate::carried_out::CarriedOut;
use crate::decision::Decision;
use crate::deployer::{Deployer, RequestedRelease};
use crate::error::DeployError;
use crate::memory::Memory;
use crate::order_files::{ORDER_FILE, OrderAnswer, OrderFileError, read_order, remove};
use crate::status_file::{read_aside, read_status};

impl Memory {
    /// Why an order that a person brings would be refused now. Nothing is stored.
    #[must_use]
    pub fn refuses(&self, dir: &Path, order: &RollbackOrder, now: Moment) -> Option<Decision> {
        let mut memory = self.clone();
        memory.aside = read_aside(dir).ok().flatten();
        let by_hand = read_status(dir).ok().flatten();
        Some(memory.judge_return(order, by_hand.as_ref(), now)).filter(|decision| decision.apply.is_none())
    }

    /// The number of a return that a person brings: so far above every number that was seen here that none meets it which the
    /// server may have given meanwhile.
    #[must_use]
    pub const fn number_by_hand(&self) -> u64 {
        self.seen_release.saturating_add(LEAP)
    }
}

impl Deployer {
    /// Carries out the order in the agent's directory, and answers it there. Returns whether there was one.
    ///
    /// # Errors
    /// `DeployError` when nothing can be said of it now: it stays, and is tried again.
    pub fn take_order(&mut self) -> Result<bool, DeployError> {
        let order = match read_order(&self.dir) {
            Ok(None) => return Ok(false),
            Ok(Some(order)) => order,
            Err(OrderFileError::Damaged(path, what)) => {
                warn!("`{}` is no order to return and is removed: {what}", path.display());
                return Ok(remove(&path)?).map(|()| true);
            }
            Err(error) => return Err(error.into()),
        };
        let answer = self.by_hand(&order)?;
        info!(release = order.release, "a return that was brought by hand: {}", answer.outcome.name());
        answer.write(&self.dir)?;
        remove(&self.dir.join(ORDER_FILE))?;
        Ok(true)
    }

    fn by_hand(&mut self, order: &RollbackOrder) -> Result<OrderAnswer, DeployError> {
        if let Some(report) = self.reported(order.release, &order.artifact) {
            return Ok(OrderAnswer::of(order, &AgentReport::read(&report)?));
        }
        let by_hand = self.memory.take_files(&self.dir)?;
        // A refused order is not reported, so nothing of it stays.
        let mut trial = self.memory.clone();
        let decision = match trial.carried_out.len() < UNSENT_MAX {
            true => trial.judge_return(order, by_hand.as_ref(), (self.now)()),
            false => crate::decision::refused("too-many-unsent", TOO_MANY),
        };
        let decision = decision.with_secrets(None, &self.memory.secrets, self.seal().as_ref());
        let Some(known) = &decision.apply else {
            return Ok(OrderAnswer::refused(order, decision.reasons, &decision.words));
        };
        let plan = known.plan.digest()?;
        let asked = RequestedRelease { release: order.release, artifact: order.artifact, plan };
        let done = self.carry_out_by_hand(order, &asked, by_hand.as_ref());
        self.order = None;
        if done.is_err() {
            // Only what is on the disk was done.
            let Memory { aside, fresh, .. } = self.memory.clone();
            self.memory = Memory { aside, fresh, ..Memory::read(&self.dir)? };
        }
        Ok(OrderAnswer::of(order, &AgentReport::read(&done?)?))
    }

    fn carry_out_by_hand(
        &mut self,
        order: &RollbackOrder,
        asked: &RequestedRelease,
        by_hand: Option<&StatusFile>,
    ) -> Result<Envelope, DeployError> {
        self.interrupt("a person brought an order to return")?;
        // A return of the rollout that a failed write cut off ends first, so that its report is not lost.
        if let Some(release) = self.rolls_out() {
            self.tick()?;
            if self.rolls_out().is_some() {
                return Err(DeployError::UnderWay(release));
            }
        }
        // Only now the request counts as used: the next write has it together with what is begun.
        let decision = self.memory.judge_return(order, by_hand, (self.now)());
        let decision = decision.with_secrets(None, &self.memory.secrets, self.seal().as_ref());
        if decision.apply.is_none() {
            return Err(DeployError::Early(decision.words.join("; ")));
        }
        self.rules.take_roots(&self.dir, &order.roots);
        let before = self.memory.report.as_ref().map(|(_, report)| report.clone());
        // The report that is signed next is about this order.
        self.order = Some(Box::new((order.clone(), before)));
        self.carry_out_as(asked, decision, true)
    }

    /// Digest of the payload of the request that the next report is about, if a person brought it.
    pub(crate) fn request_by_hand(&self) -> Option<Digest> {
        self.order.as_ref().map(|order| order.0.request.payload_digest())
    }

    /// Notes in the memory that an order of a person was carried out.
    pub(crate) fn carried_out(&mut self, report: &Envelope) {
        let Some((order, before)) = self.order.as_deref() else { return };
        let (request, enrolment) = (order.request.clone(), order.enrolment.clone());
        let done = CarriedOut { before: before.clone(), report: report.clone(), request, enrolment };
        self.memory.carried_out.push(done);
    }

    /// The oldest return by hand that the server does not have.
    #[must_use]
    pub fn unrecorded(&self) -> Option<(Option<Envelope>, ByHandReport)> {
        let CarriedOut { before, report, request, enrolment } = self.memory.carried_out.first()?.clone();
        Some((before, ByHandReport { report, request, enrolment }))
    }

    /// Notes that the server has a return by hand.
    ///
    /// # Errors
    /// `DeployError` when the memory cannot be written.
    pub fn recorded(&mut self, report: &Digest) -> Result<(), DeployError> {
        self.memory.carried_out.retain(|one| one.report.payload_digest() != *report);
        Ok(self.memory.write(&self.dir)?)
    }

    /// Reports a return by hand anew under a higher number, because the server has given its number to another release.
    ///
    /// # Errors
    /// `DeployError` when it cannot be signed or kept.
    pub fn renumber(&mut self, report: &Digest) -> Result<(), DeployError> {
        let number = self.memory.number_by_hand();
        let at = self.memory.carried_out.iter().position(|one| one.report.payload_digest() == *report);
        let Some(one) = at.and_then(|at| self.memory.carried_out.get(at)) else { return Ok(()) };
        let mut said = AgentReport::read(&one.report)?;
        let old = std::mem::replace(&mut said.release, number);
        said.highest = Some(number);
        if let Some(running) = said.running.as_mut().filter(|running| running.release == Some(old)) {
            running.release = Some(number);
        }
        let signed = said.sign(&self.signer)?;
        let mut memory = self.memory.clone();
        memory.seen_release = number;
        if let Some(running) = memory.running.as_mut().filter(|running| running.release == Some(old)) {
            running.release = Some(number);
        }
        memory.report =
            memory.report.map(|(of, kept)| if of == old { (number, signed.clone()) } else { (of, kept) });
        memory.relinks(report, &signed);
        if let Some(one) = at.and_then(|at| memory.carried_out.get_mut(at)) {
            one.report = signed;
        }
        memory.write(&self.dir)?;
        self.memory = memory;
        Ok(())
    }
}

/// Numbers that a return by hand leaves to releases which the server has given meanwhile.
const LEAP: u64 = 1_000;
/// Highest number of returns that wait for the server.
const UNSENT_MAX: usize = 16;
const TOO_MANY: &str =
    "16 returns by hand wait for the server, the highest number; look why the server takes none of them";
