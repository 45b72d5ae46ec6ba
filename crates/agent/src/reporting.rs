//! The report about a release: what was done, and the numbers that the agent has seen.

use evidence::Digest;
use evidence::report::{AgentReport, DETAIL_BYTES_MAX, ReleaseOutcome};
use tlog::Checkpoint;

use crate::deployer::{Deployer, RequestedRelease};
use crate::memory::KnownRelease;

impl Deployer {
    /// The report about what was done.
    pub(crate) fn report(
        &self,
        asked: &RequestedRelease,
        outcome: ReleaseOutcome,
        reasons: Vec<String>,
        detail: &str,
    ) -> AgentReport {
        let place = &self.memory.place;
        let (sequence, previous) = self.memory.next_link();
        let head = self.memory.checkpoint.parse::<Checkpoint>().ok();
        AgentReport {
            v: 1,
            installation: self.memory.installation,
            project: place.project.clone(),
            service: place.service.clone(),
            environment: place.environment.clone(),
            agent: self.memory.agent.clone(),
            release: asked.release,
            artifact: asked.artifact,
            plan: asked.plan,
            outcome,
            running: self.memory.running.as_ref().map(KnownRelease::running),
            reasons,
            detail: bounded(detail),
            root: self.memory.seen_root,
            status: self.memory.seen_status,
            statement: self.memory.seen_statement,
            checkpoint: head.as_ref().map_or(0, |head| head.size),
            checkpoint_root: head.map(|head| Digest::from_bytes(*head.root.as_bytes())),
            highest: Some(self.memory.seen_release),
            time: (self.now)(),
            sequence: Some(sequence),
            previous,
            by_hand: self.request_by_hand(),
        }
    }
}

/// The beginning of an explanation, cut to the length that a report allows.
fn bounded(detail: &str) -> String {
    let end = detail.floor_char_boundary(DETAIL_BYTES_MAX);
    detail.get(..end).unwrap_or_default().to_owned()
}
