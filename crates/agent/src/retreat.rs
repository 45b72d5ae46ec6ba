//! Going back from a release that did not work at another agent of the place.
//!
//! Invariant: an agent goes back only if an agent that the environment statement names signed that exactly this release did not
//! work there. It goes back to what it ran before that release, and to nothing else; the server chooses neither. A retreat that
//! was cut off is begun again, because the memory has the release until the report is written.

use evidence::Moment;
use evidence::dsse::Envelope;
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::retreat_order::RetreatOrder;
use evidence::status::StatusFile;
use judge::{CheckedRetreat, Held, Reasons, check_retreat};
use tracing::{info, warn};

use crate::apply::Replaced;
use crate::chain::Barred;
use crate::decision::Decision;
use crate::deployer::{Deployer, RequestedRelease};
use crate::error::DeployError;
use crate::memory::{KnownRelease, Memory};
use crate::restarts::Restarts;
use crate::undo::Undo;

impl Memory {
    /// Notes that a release runs which came to this agent in its turn, and what ran before it.
    pub fn takes_in_turn(&mut self, asked: &RequestedRelease, new: &KnownRelease) {
        let RequestedRelease { release, artifact, plan } = *asked;
        let undo = self.shared.then(|| Undo {
            release,
            artifact,
            plan,
            running: self.running.clone(),
            before: self.before.clone(),
            earlier: self.earlier.clone(),
            left: self.left,
        });
        self.runs(new);
        self.undo = undo.map(Box::new);
    }

    /// Whether the release of this number runs, and came in turn.
    #[must_use]
    pub fn can_undo(&self, release: u64) -> bool {
        let is_it = self.undo.as_ref().is_some_and(|undo| undo.release == release);
        is_it && self.running.as_ref().is_some_and(|running| running.release == Some(release))
    }

    /// Forgets the release that came last: what ran before it runs again.
    pub(crate) fn undoes(&mut self) {
        let Some(undo) = self.undo.take() else { return };
        self.running = undo.running;
        self.before = undo.before;
        self.earlier = undo.earlier;
        self.left = undo.left;
    }

    /// Judges an order to go back from the release that came last.
    ///
    /// # Errors
    /// Why it does not count, as a text.
    fn judge_retreat(
        &mut self,
        order: &RetreatOrder,
        by_hand: Option<&StatusFile>,
        now: Moment,
    ) -> Result<CheckedRetreat, String> {
        let undo = self.undo.clone().filter(|undo| undo.release == order.release);
        let undo =
            undo.ok_or_else(|| format!("release {} did not come to this agent last", order.release))?;
        self.meet(&order.roots, &[Some(&order.status), by_hand]);
        let (anchors, mut seen) = self.context(now);
        seen.newer.extend(by_hand.cloned());
        let (place, agent) = (self.place.clone(), self.agent.clone());
        let held = Held { place: &place, agent: &agent, about: undo.about() };
        let checked = check_retreat(order, &anchors, &seen, &held, self.latest(now));
        let checked = checked.map_err(|reasons| words(&reasons))?;
        self.seen_root = self.seen_root.max(checked.root);
        self.seen_status = self.seen_status.max(checked.status);
        Ok(checked)
    }
}

impl Deployer {
    /// Goes back from the release that came last, because it did not work at another agent; returns the signed report.
    ///
    /// # Errors
    /// `DeployError` when the order does not count, or nothing can be done now: it stays due.
    pub fn retreat(&mut self, order: &RetreatOrder) -> Result<Envelope, DeployError> {
        if let Some(report) = self.has_retreated(order.release) {
            return Ok(report);
        }
        let by_hand = self.memory.take_files(&self.dir)?;
        let checked = self.memory.judge_retreat(order, by_hand.as_ref(), (self.now)());
        let checked = checked.map_err(DeployError::Retreat)?;
        if let Some(release) = self.rolls_out() {
            // The place is at a later release already.
            return Err(DeployError::UnderWay(release));
        }
        let asked = asked(&checked.report);
        let why = why(&checked.report);
        warn!(release = asked.release, "{why}");
        let before = self.memory.clone();
        let (outcome, detail) = match self.memory.can_undo(asked.release) {
            true => self.go_back_to_before(&asked)?,
            // A person's rollback came first.
            false => (self.standing(), String::new()),
        };
        self.memory.undo = None;
        if let Some((observation, digest)) = checked.bar {
            let why = observation.body.summary();
            let barred = Barred { release: asked.release, observation: digest, at: observation.time, why };
            self.memory.bar(asked.artifact, barred);
        }
        let detail = [why, detail].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        let concluded = self.conclude(&asked, outcome, vec![ELSEWHERE.to_owned()], &detail, None);
        if concluded.is_err() {
            // Only what is on the disk was done; the next attempt finds what runs.
            self.memory = before;
        }
        concluded
    }

    /// The report of a release from which this agent has gone back, or which did not work here.
    fn has_retreated(&self, release: u64) -> Option<Envelope> {
        let (_, report) = self.memory.report.as_ref().filter(|(number, _)| *number == release)?;
        let ended = AgentReport::read(report).is_ok_and(|said| said.outcome != ReleaseOutcome::Running);
        ended.then(|| report.clone())
    }

    /// Starts what ran before the release that came last. If that does not work, the release goes on.
    fn go_back_to_before(
        &mut self,
        asked: &RequestedRelease,
    ) -> Result<(ReleaseOutcome, String), DeployError> {
        let before = self.memory.undo.as_ref().and_then(|undo| undo.running.clone());
        let Some(before) = before else {
            self.hands.stop();
            self.hands.leave();
            self.memory.undoes();
            return Ok((ReleaseOutcome::Failed, "nothing ran here before it".to_owned()));
        };
        let decision = Decision::to_run(before.clone());
        let decision = decision.with_secrets(None, &self.memory.secrets, self.seal().as_ref());
        if decision.apply.is_none() {
            return Ok((ReleaseOutcome::Failed, decision.words.join("\n")));
        }
        let running: Option<KnownRelease> = self.memory.running.clone();
        let is_up = running.as_ref().is_some_and(|running| self.is_up(running));
        let secrets = &decision.secrets;
        let replaced = Replaced { old: running.as_ref(), is_up, steps_of: None, secrets };
        let applied = self.hands.apply(&before, replaced)?;
        self.memory.secrets = self.hands.secrets().clone();
        if !applied.is_untouched {
            self.down = None;
            self.restarts = Restarts::default();
            self.restarts.started((self.now)());
        }
        Ok(match applied.outcome {
            ReleaseOutcome::Running => {
                self.memory.undoes();
                info!(release = asked.release, "the release before {} runs again", asked.release);
                (ReleaseOutcome::Returned, String::new())
            }
            ReleaseOutcome::Returned | ReleaseOutcome::Refused => (ReleaseOutcome::Failed, applied.detail),
            ReleaseOutcome::Failed => {
                self.memory.running = None;
                (ReleaseOutcome::Failed, applied.detail)
            }
        })
    }

    const fn standing(&self) -> ReleaseOutcome {
        match self.memory.running {
            Some(_) => ReleaseOutcome::Returned,
            None => ReleaseOutcome::Failed,
        }
    }
}

const fn asked(report: &AgentReport) -> RequestedRelease {
    RequestedRelease { release: report.release, artifact: report.artifact, plan: report.plan }
}

/// Why an agent goes back, in words.
fn why(report: &AgentReport) -> String {
    let AgentReport { release, agent, outcome, reasons, .. } = report;
    format!("release {release} did not work at agent {agent} ({}): {}", outcome.name(), reasons.join(", "))
}

fn words(reasons: &Reasons) -> String {
    let all = reasons.against.iter().chain(&reasons.unclear);
    all.map(|reason| format!("{}: {}", reason.code, reason.what)).collect::<Vec<_>>().join("; ")
}

/// Code of a release that did not work at another agent of the place.
pub const ELSEWHERE: &str = "failed-elsewhere";
