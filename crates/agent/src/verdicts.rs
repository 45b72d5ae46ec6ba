//! Verdicts of a rollout as observations: each step that ended, with the counts by which it was judged.
//!
//! Invariant: a step and an end are observed once, also by an agent that was killed: what waits in the outbox was observed. The
//! end is on record before its report.

use std::collections::BTreeMap;

use evidence::Name;
use evidence::observations::{Body, RolloutEnd, RolloutVerdict, VerdictOfStep};
use judge::rollout::{Answered, Probes, StepEvidence};

use crate::arrangement::Group;
use crate::deployer::Deployer;
use crate::error::DeployError;
use crate::memory::KnownRelease;
use crate::outbox::Outbox;
use crate::rollout_memory::{Observed, RolloutMemory};

/// The verdict of a step as it is observed.
#[derive(Debug)]
pub struct Seen {
    pub verdict: VerdictOfStep,
    pub end: Option<RolloutEnd>,
    pub reasons: Vec<String>,
}

impl Deployer {
    /// Observes a step that ended, unless it was observed.
    pub(crate) fn observe_step(
        &mut self,
        rollout: &RolloutMemory<KnownRelease>,
        seen: Seen,
    ) -> Result<(), DeployError> {
        let step = u32::try_from(rollout.progress.step).unwrap_or(u32::MAX);
        let observed = Observed { step, end: seen.end };
        let known = self.memory.rollout.as_ref().is_some_and(|one| one.observed.contains(&observed));
        if known {
            return Ok(());
        }
        if self.waits(rollout, observed)? {
            // The memory takes its link and its bar.
            return Ok(self.memory.adopt(&Outbox::of(&self.dir))?);
        }
        let planned =
            rollout.new.plan.rollout.as_ref().and_then(|plan| plan.steps.get(rollout.progress.step));
        let evidence = self.rolling.evidence.clone().unwrap_or_default();
        let body = RolloutVerdict {
            release: rollout.release,
            artifact: rollout.new.artifact,
            plan: rollout.plan,
            step,
            percent: planned.map_or(100, |step| step.percent),
            began: rollout.progress.since,
            verdict: seen.verdict,
            end: seen.end,
            // Every process of a release that is done passed its probe, also one that started again with the agent.
            probes: evidence.probes == Probes::Pass || seen.end == Some(RolloutEnd::Done),
            counts: counts(&evidence),
            answers: numbers(&evidence),
            reasons: seen.reasons.iter().map(|reason| bounded(reason)).take(REASONS_MAX).collect(),
        };
        if let Some(rollout) = &mut self.memory.rollout {
            rollout.observed.push(observed);
        }
        match self.observe(body) {
            Ok(_) => Ok(()),
            Err(error) => {
                if let Some(rollout) = &mut self.memory.rollout {
                    rollout.observed.retain(|one| *one != observed);
                }
                Err(error)
            }
        }
    }

    /// Whether the outbox has it: the agent ended before its memory had it.
    fn waits(&self, rollout: &RolloutMemory<KnownRelease>, observed: Observed) -> Result<bool, DeployError> {
        let newest = Outbox::of(&self.dir).newest()?;
        Ok(newest.is_some_and(|newest| match newest.observation.body {
            Body::RolloutVerdict(verdict) => {
                verdict.release == rollout.release
                    && verdict.artifact == rollout.new.artifact
                    && (Observed { step: verdict.step, end: verdict.end }) == observed
            }
            _ => false,
        }))
    }
}

/// Answers to queries that were numbers.
fn numbers(evidence: &StepEvidence) -> BTreeMap<Name, i64> {
    let number = |(name, answered): (&Name, &Answered)| match answered {
        Answered::Number(number) => Some((name.clone(), *number)),
        Answered::Unread(_) => None,
    };
    evidence.answers.iter().filter_map(number).collect()
}

/// Counts of the groups that had requests.
fn counts(evidence: &StepEvidence) -> BTreeMap<Name, evidence::rollout_counts::Counts> {
    let groups = [
        (Group::Stable, &evidence.step.stable),
        (Group::Baseline, &evidence.step.baseline),
        (Group::Canary, &evidence.step.canary),
    ];
    let groups = groups.into_iter().filter(|(_, counts)| counts.requests > 0);
    groups.filter_map(|(group, counts)| Some((group.name().parse().ok()?, counts.clone()))).collect()
}

fn bounded(reason: &str) -> String {
    let plain: String = reason.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let end = plain.floor_char_boundary(REASON_BYTES_MAX);
    plain.get(..end).unwrap_or_default().to_owned()
}

/// As many and as long reasons as an observation may have.
const REASONS_MAX: usize = 32;
const REASON_BYTES_MAX: usize = 500;
