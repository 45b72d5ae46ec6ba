//! Orders to return that a person brings to the agent's host while the server is away: a file in the agent's directory, and the
//! answer beside it.
//!
//! Invariant: such an order is judged like one of the server, by the newest status that this agent knows. What was carried out is
//! in the memory in the same write as its report, with the person's request, until the server has recorded it; until then no
//! release begins. The order's file goes after its answer is durable, so an agent that was killed does or answers it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use evidence::dsse::Envelope;
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::rollback_order::{BYTES_MAX, RollbackOrder};
use evidence::{Digest, Moment};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use wire::ByHandReport;

use crate::decision::Decision;
use crate::deployer::{Deployer, RequestedRelease};
use crate::error::DeployError;
use crate::memory::Memory;
use crate::status_file::{read_aside, read_status};

/// A return that was carried out by hand and that the server has not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedOut {
    /// The report before it, which the server may not have either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Envelope>,
    /// The report about it.
    pub report: Envelope,
    /// The person's signed request.
    pub request: Envelope,
    /// The person's enrolment.
    pub enrolment: Envelope,
}

/// The agent's answer to an order that was brought by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderAnswer {
    /// Version of this format; 1.
    pub v: u8,
    /// Digest of the payload of the person's request.
    pub request: Digest,
    /// Number of the return.
    pub release: u64,
    /// The outcome.
    pub outcome: ReleaseOutcome,
    /// Codes of the reasons.
    pub reasons: Vec<String>,
    /// The reasons in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Why the files of an order cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OrderFileError {
    /// The file system failed.
    #[error("cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, io::Error),
    /// The file is no order or answer.
    #[error("`{0}`: {1}")]
    Damaged(PathBuf, String),
    /// It did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
}

/// The order in an agent's directory.
///
/// # Errors
/// `OrderFileError` when there is one that cannot be read.
pub fn read_order(dir: &Path) -> Result<Option<RollbackOrder>, OrderFileError> {
    let path = dir.join(ORDER_FILE);
    let Some(bytes) = bytes_of(&path, BYTES_MAX as u64)? else { return Ok(None) };
    RollbackOrder::decode(&bytes).map(Some).map_err(|error| OrderFileError::Damaged(path, error.to_string()))
}

/// The agent's answer to the order with this request.
///
/// # Errors
/// `OrderFileError` when there is one that cannot be read.
pub fn read_answer(dir: &Path, request: &Digest) -> Result<Option<OrderAnswer>, OrderFileError> {
    let path = dir.join(ANSWER_FILE);
    let Some(bytes) = bytes_of(&path, ANSWER_BYTES_MAX)? else { return Ok(None) };
    let answer: OrderAnswer =
        serde_json::from_slice(&bytes).map_err(|error| OrderFileError::Damaged(path, error.to_string()))?;
    Ok(Some(answer).filter(|answer| answer.request == *request))
}

fn bytes_of(path: &Path, most: u64) -> Result<Option<Vec<u8>>, OrderFileError> {
    match disk::read_bounded(path, most) {
        Ok((bytes, _)) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OrderFileError::Io("read", path.to_path_buf(), error)),
    }
}

impl OrderAnswer {
    fn refused(order: &RollbackOrder, decision: Decision) -> Self {
        let Decision { reasons, words, .. } = decision;
        let (outcome, detail) = (ReleaseOutcome::Refused, words.join("\n"));
        Self {
            v: 1,
            request: order.request.payload_digest(),
            release: order.release,
            outcome,
            reasons,
            detail,
        }
    }

    fn of(order: &RollbackOrder, report: &AgentReport) -> Self {
        let AgentReport { outcome, reasons, detail, .. } = report.clone();
        Self {
            v: 1,
            request: order.request.payload_digest(),
            release: order.release,
            outcome,
            reasons,
            detail,
        }
    }
}

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
        let bytes = serde_json::to_vec(&answer);
        let bytes =
            bytes.map_err(|error| OrderFileError::Damaged(self.dir.join(ANSWER_FILE), error.to_string()))?;
        disk::replace("agent.answer", &self.dir.join(ANSWER_FILE), &bytes, 0o600)?;
        remove(&self.dir.join(ORDER_FILE))?;
        Ok(true)
    }

    fn by_hand(&mut self, order: &RollbackOrder) -> Result<OrderAnswer, DeployError> {
        if let Some(report) = self.reported(order.release, &order.artifact) {
            return Ok(OrderAnswer::of(order, &AgentReport::read(&report)?));
        }
        let by_hand = read_status(&self.dir)?;
        self.memory.aside = read_aside(&self.dir)?;
        // A refused order is not reported, so nothing of it stays.
        let before = self.memory.clone();
        let decision = match before.carried_out.len() < UNSENT_MAX {
            true => self.memory.judge_return(order, by_hand.as_ref(), (self.now)()),
            false => crate::decision::refused("too-many-unsent", TOO_MANY),
        };
        let decision = decision.with_secrets(None, &self.memory.secrets, self.seal().as_ref());
        let Some(known) = &decision.apply else {
            self.memory = before;
            return Ok(OrderAnswer::refused(order, decision));
        };
        let plan = known.plan.digest()?;
        self.interrupt("a person brought an order to return")?;
        let before = self.memory.report.as_ref().map(|(_, report)| report.clone());
        // The report that is signed next is about this order.
        self.order = Some(Box::new((order.clone(), before)));
        let asked = RequestedRelease { release: order.release, artifact: order.artifact, plan };
        let done = self.carry_out_as(&asked, decision, true);
        self.order = None;
        if done.is_err() {
            // Only what is on the disk was done.
            let Memory { aside, fresh, .. } = self.memory.clone();
            self.memory = Memory { aside, fresh, ..Memory::read(&self.dir)? };
        }
        Ok(OrderAnswer::of(order, &AgentReport::read(&done?)?))
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

fn remove(path: &Path) -> Result<(), OrderFileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OrderFileError::Io("remove", path.to_path_buf(), error))
        }
        _ => Ok(()),
    }
}

/// Name of the file by which a person brings an order to return.
pub const ORDER_FILE: &str = "return.json";
/// Name of the file with the agent's answer.
const ANSWER_FILE: &str = "return-answer.json";
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Numbers that a return by hand leaves to releases which the server has given meanwhile.
const LEAP: u64 = 1_000;
/// Highest number of returns that wait for the server.
const UNSENT_MAX: usize = 16;
const TOO_MANY: &str =
    "16 returns by hand wait for the server, the highest number; look why the server takes none of them";
