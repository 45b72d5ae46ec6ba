//! A rollback that its agent carried out by hand while the server was away, and that the agent reports afterwards.
//!
//! Invariant: it has happened, so it is recorded as it happened and ends what a rollback by the server would have ended. No role is
//! asked again: the agent judged the request when it carried it out, and signs that it did. Its number lies above every number
//! that the server has given, so nothing that was handed out before takes its place.

use evidence::report::AgentReport;
use evidence::{CommitId, Digest};

use super::decide::{LEAP_MAX, reported_as};
use super::event::{ByHand, Course, RollbackRequested};
use super::state::{PlaceState, State};
use crate::event::Event;
use crate::ids::{PersonId, RunId};
use crate::refusal::{Reason, Refusal};
use crate::{artifact, gate};

/// Records a rollback that an agent carried out by hand. Report, request and enrolment were verified before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportByHand {
    /// The agent's report.
    pub report: AgentReport,
    /// Digest of the report's envelope.
    pub envelope: Digest,
    /// Artifact that the person rolled back.
    pub from: Digest,
    /// The person who asked.
    pub person: PersonId,
    /// Digest of the signed request's envelope.
    pub request: Digest,
    /// Digest of the envelope of the person's enrolment.
    pub enrolment: Digest,
}

/// Decides how a rollback by hand is recorded: as the request, and as the report about it.
///
/// # Errors
/// `Refusal` with every reason.
pub fn report_by_hand(
    artifacts: &artifact::State,
    gates: &gate::State,
    state: &State,
    command: &ReportByHand,
) -> Result<Vec<Event>, Refusal> {
    let reported = &command.report;
    let place = reported.place();
    let mut reasons = Vec::new();
    let unknown = PlaceState::default();
    let standing = state.at(&place).unwrap_or(&unknown);
    if gates.environment(&place).is_none() {
        reasons.push(Reason::new("environment-unknown", "the place has no statement", "send one"));
    }
    if reported.release <= standing.highest {
        let what =
            format!("{place} has given numbers up to {}, and this is {}", standing.highest, reported.release);
        reasons.push(Reason::new("number-taken", what, "report it under a higher number"));
    }
    if reported.release.saturating_sub(standing.highest) > LEAP_MAX {
        let what = format!("number {} is more than {LEAP_MAX} above {}", reported.release, standing.highest);
        reasons.push(Reason::new("number-unbelievable", what, "look into the agent; let it join anew"));
    }
    if standing.returning.is_some() {
        let what = format!("another rollback of {place} is due");
        reasons.push(Reason::new("already-promoted", what, "report that one first"));
    }
    let target = target(artifacts, standing, &reported.artifact);
    let (run, statement, commit) = match (target, Refusal::of(reasons)) {
        (Ok(target), None) => target,
        (_, Some(refusal)) => return Err(refusal),
        (Err(reason), None) => return Err(reason.into()),
    };
    // An artifact that the ledger does not know, as after a restore, cannot come again either.
    let left = left(standing, &command.from);
    let from = left.as_ref().map(|_| command.from);
    let (from_release, from_commit) = left.unwrap_or((reported.release, commit));
    let ends = standing.open.as_ref().map(|open| open.facts.release);
    let course = Some(Course { run, statement, from_release, from_commit, ends });
    let asked = RollbackRequested {
        place,
        release: reported.release,
        artifact: reported.artifact,
        person: command.person,
        request: command.request,
        from,
        course,
        by_hand: Some(ByHand { report: command.envelope, enrolment: command.enrolment }),
    };
    let said = reported_as(reported, command.envelope, reported.release, None)?;
    Ok(vec![Event::RollbackRequested(asked), said])
}

/// The run that built an artifact, the statement under which it was planned for the place, and its commit.
fn target(
    artifacts: &artifact::State,
    standing: &PlaceState,
    artifact: &Digest,
) -> Result<(RunId, Option<u64>, CommitId), Reason> {
    let known = standing.running.iter().chain(standing.past()).find(|known| known.artifact == *artifact);
    let known = known.map(|known| (known.run, known.statement, known.commit.clone()));
    let open = standing.open.as_ref().map(|open| &open.facts).filter(|facts| facts.artifact == *artifact);
    let open = open.map(|facts| (facts.run, Some(facts.statement), facts.commit.clone()));
    let built = || {
        let built = artifacts.named(artifact)?;
        Some((built.facts.run, None, built.facts.commit.clone()))
    };
    known.or(open).or_else(built).ok_or_else(|| {
        let what = "the ledger does not know the artifact to which the agent went back";
        Reason::new("return-differs", what, "release a commit: `countersign run COMMIT`")
    })
}

/// Release and commit of the artifact that was rolled back.
fn left(standing: &PlaceState, artifact: &Digest) -> Option<(u64, CommitId)> {
    let open = standing.open.as_ref().filter(|open| open.facts.artifact == *artifact);
    let open = open.map(|open| (open.facts.release, open.facts.commit.clone()));
    let known = standing.running.iter().chain(standing.past()).find(|known| known.artifact == *artifact);
    open.or_else(|| known.map(|known| (known.release, known.commit.clone())))
}
