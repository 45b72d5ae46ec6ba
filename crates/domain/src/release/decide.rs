//! Decisions about releases.
//!
//! Invariant: release numbers of a place rise and are never used twice, and a release is never handed out without the
//! bundle of its gate. Plans are derived outside; this module only records their digests.

use evidence::report::AgentReport;
use evidence::{CommitId, Digest, Moment, Name};

use super::event::{
    Course, Held, Part, Promoted, Proposed, ReleaseDue, Reported, RollbackRequested, Unplannable, Wanted,
};
use super::state::{Current, PlaceState, RolledBack, Stage, State};
use super::turns;
use crate::event::Event;
use crate::ids::PersonId;
use crate::refusal::{Reason, Refusal};
use crate::{artifact, gate, identity};
use evidence::Place;

/// Asks for an artifact at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Facts to record.
    pub wanted: Wanted,
}

/// Proposes the wanted artifact under a derived plan, or records that no plan could be derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Propose {
    /// The place.
    pub place: Place,
    /// The artifact.
    pub artifact: Digest,
    /// Number of the environment statement that the plan was derived from.
    pub statement: u64,
    /// Digests of plan and provenance, or the code of the reason why no plan could be derived.
    pub plan: Result<(Digest, Digest), String>,
}

/// Lets a pending release go ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promote {
    /// Facts to record.
    pub promoted: Promoted,
    /// The artifact that the person saw. Absent in requests of older programs.
    pub artifact: Option<Digest>,
}

/// Hands out a release, or holds it, after its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclude {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Digest of the bundle, if the gate passed.
    pub bundle: Option<Digest>,
}

/// Records an agent's report. Its signature was verified before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The report.
    pub report: AgentReport,
    /// Digest of the report's envelope.
    pub envelope: Digest,
}

/// Rolls a place back to an artifact that ran there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// The place.
    pub place: Place,
    /// Artifact that is rolled back.
    pub from: Digest,
    /// Artifact that comes back.
    pub to: Digest,
    /// Number of the release that brought that artifact. Absent in requests of older programs; those bar nothing.
    pub release: Option<u64>,
    /// Whether the rollback also ends a pending release and a release under way. Older programs did not send this;
    /// their requests go back by one step.
    pub ends: bool,
    /// The person who asks.
    pub person: PersonId,
    /// Digest of the signed request.
    pub request: Digest,
}

/// Tries again after a freeze has ended, or when the time of a release has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The place.
    pub place: Place,
}

/// Records that an artifact is wanted.
///
/// # Errors
/// `Refusal` when the artifact or the place does not exist.
pub fn want(artifacts: &artifact::State, gates: &gate::State, command: &Want) -> Result<Vec<Event>, Refusal> {
    let wanted = &command.wanted;
    if artifacts.get(wanted.run, &wanted.artifact).is_none() || gates.environment(&wanted.place).is_none() {
        let what = "there is no such artifact or place";
        return Err(Reason::new("nothing-to-release", what, "build it, or set the environment").into());
    }
    Ok(vec![Event::Wanted(wanted.clone())])
}

/// Decides whether a proposal is still current.
///
/// # Errors
/// `Refusal` when another artifact is wanted by now.
pub fn propose(
    artifacts: &artifact::State,
    gates: &gate::State,
    state: &State,
    command: &Propose,
) -> Result<Vec<Event>, Refusal> {
    let stale = || Reason::new("proposal-stale", "something else is wanted by now", "look again");
    let standing = state.at(&command.place).ok_or_else(stale)?;
    let wanted = standing.wanted.as_ref().filter(|wanted| wanted.artifact == command.artifact);
    let environment = gates.environment(&command.place).map(|environment| &environment.facts);
    let environment = environment.filter(|facts| facts.number == command.statement);
    let artifact = wanted.and_then(|wanted| artifacts.get(wanted.run, &wanted.artifact));
    let artifact = artifact.map(|artifact| &artifact.facts);
    let (Some(_), Some(environment), Some(artifact), true) =
        (wanted, environment, artifact, standing.is_free())
    else {
        return Err(stale().into());
    };
    let place = command.place.clone();
    let (plan, provenance) = match &command.plan {
        Ok(made) => *made,
        Err(code) => {
            let (artifact, code) = (command.artifact, code.clone());
            return Ok(vec![Event::Unplannable(Unplannable { place, artifact, code })]);
        }
    };
    let running = standing.running.as_ref();
    // The branch of a preview may be rewritten, so its changes always count from the baseline.
    let base = running.filter(|_| environment.preview.is_none());
    Ok(vec![Event::Proposed(Proposed {
        place,
        release: standing.highest.saturating_add(1),
        artifact: command.artifact,
        commit: artifact.commit.clone(),
        run: artifact.run,
        plan,
        provenance,
        statement: command.statement,
        replaces: running.map(|running| running.artifact),
        base: base.map_or_else(|| environment.baseline.clone(), |running| running.commit.clone()),
    })])
}

/// Decides whether a pending release goes to its gate.
///
/// # Errors
/// `Refusal` with every reason.
pub fn promote(
    identity: &identity::State,
    state: &State,
    command: &Promote,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let promoted = &command.promoted;
    let mut reasons = missing_role(identity, promoted.person, &promoted.place, moment);
    let standing = state.at(&promoted.place);
    let open = standing.and_then(|standing| standing.open.as_ref());
    let open = open.filter(|open| open.facts.release == promoted.release);
    let bar = standing.zip(open).and_then(|(standing, open)| standing.rollback_of(&open.facts.artifact));
    if let Some(RolledBack { release, by, commit, .. }) = bar {
        let what = format!(
            "release {} is of the artifact of release {release}, which rollback {by} took back here",
            promoted.release
        );
        reasons.push(Reason::new("rolled-back", what, again(commit)));
    }
    if open.zip(command.artifact).is_some_and(|(open, artifact)| artifact != open.facts.artifact) {
        let what = format!("release {} is of another artifact", promoted.release);
        reasons.push(Reason::new("promotion-differs", what, "look at it again and ask anew"));
    }
    match open {
        Some(open) if matches!(open.stage, Stage::Proposed | Stage::Held) => {}
        Some(_) => {
            let what = format!("release {} is on its way already", promoted.release);
            reasons.push(Reason::new("already-promoted", what, "see `countersign status`"));
        }
        None => {
            let what = format!("release {} of {} does not stand open", promoted.release, promoted.place);
            reasons.push(Reason::new("no-such-release", what, "see `countersign status`"));
        }
    }
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::Promoted(promoted.clone())]), Err)
}

/// Hands out or holds a release after its verdict.
///
/// # Errors
/// `Refusal` when the release is not pending.
pub fn conclude(state: &State, command: &Conclude) -> Result<Vec<Event>, Refusal> {
    let open = state.at(&command.place).and_then(|standing| standing.open.as_ref());
    if open.is_none_or(|open| open.facts.release != command.release) {
        let what = format!("release {} of {} does not stand open", command.release, command.place);
        return Err(Reason::new("no-such-release", what, "see `countersign status`").into());
    }
    let (place, release) = (command.place.clone(), command.release);
    Ok(vec![match command.bundle {
        Some(bundle) => Event::ReleaseDue(ReleaseDue { place, release, bundle }),
        None => Event::Held(Held { place, release }),
    }])
}

/// Decides whether an agent's report matches the release that was due at its place.
///
/// # Errors
/// `Refusal` with every reason.
pub fn report(gates: &gate::State, state: &State, command: &Report) -> Result<Vec<Event>, Refusal> {
    let report = &command.report;
    let place = report.place();
    let mut reasons = Vec::new();
    if gates.environment(&place).is_none() {
        reasons.push(Reason::new("environment-unknown", "the place has no statement", "send one"));
    }
    let standing = state.at(&place);
    let due = standing.and_then(|standing| turns::due(standing, report));
    if due.is_none() {
        let what = format!("release {} is not due at agent `{}` of {place}", report.release, report.agent);
        reasons.push(Reason::new("nothing-due", what, "ask for work again"));
    }
    let known = standing.map_or(0, |standing| standing.highest);
    let event = reported_as(report, command.envelope, known, due.flatten());
    reasons.extend(event.as_ref().err().cloned());
    match (event, Refusal::of(reasons)) {
        (Ok(event), None) => Ok(vec![event]),
        (_, Some(refusal)) => Err(refusal),
        (Err(reason), None) => Err(reason.into()),
    }
}

/// The event of a report, where the ledger knows numbers up to this one.
///
/// # Errors
/// The reason why the numbers cannot be believed.
pub(super) fn reported_as(
    report: &AgentReport,
    envelope: Digest,
    known: u64,
    part: Option<Part>,
) -> Result<Event, Reason> {
    let highest = report.highest.filter(|highest| *highest > known);
    if highest.is_some_and(|highest| highest - known > LEAP_MAX) {
        let what = format!("the agent says that it has seen a number more than {LEAP_MAX} above {known}");
        return Err(Reason::new("number-unbelievable", what, "look into the agent; let it join anew"));
    }
    Ok(Event::AgentReported(Reported {
        place: report.place(),
        release: report.release,
        agent: report.agent.clone(),
        outcome: report.outcome,
        running: report.running.clone(),
        reasons: report.reasons.clone(),
        highest,
        envelope,
        part,
    }))
}

/// Decides whether a place is rolled back.
///
/// # Errors
/// `Refusal` with every reason.
pub fn rollback(
    identity: &identity::State,
    state: &State,
    command: &Rollback,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let mut reasons = missing_role(identity, command.person, &command.place, moment);
    let standing = state.at(&command.place);
    let way = standing.map(|standing| way(standing, command)).unwrap_or_default();
    if way.past.is_empty() {
        let what = format!("nothing ran at {} before what runs now", command.place);
        reasons.push(Reason::new("nothing-before", what, "release another commit"));
    }
    let same = |past: &&Current| {
        // A rollback that ends other releases has to name the release number: without it, nothing would be barred.
        let is_it = command.release.map_or(!command.ends, |release| release == past.release);
        past.artifact == command.to && is_it
    };
    let target = way.past.iter().copied().find(same);
    let from = way.from.filter(|(artifact, ..)| *artifact == command.from);
    if !way.past.is_empty() && target.is_none() || from.is_none() {
        let what = "something else runs there, or ran before, than the request names";
        reasons.push(Reason::new("return-differs", what, "look again and ask anew"));
    }
    let is_busy =
        |standing: &PlaceState| standing.returning.is_some() || !command.ends && !standing.is_free();
    if standing.is_some_and(is_busy) {
        let what = "a release is on its way there";
        reasons.push(Reason::new("already-promoted", what, "wait for its agent's report"));
    }
    let bar = standing.and_then(|standing| standing.rollback_of(&command.to));
    if let Some(RolledBack { release, by, commit, .. }) = bar {
        let what = format!(
            "what ran before is release {release}, which rollback {by} took back: that would go forward"
        );
        reasons.push(Reason::new("rolled-back", what, again(commit)));
    }
    match (target, from, standing, Refusal::of(reasons)) {
        (_, _, _, Some(refusal)) => Err(refusal),
        (Some(target), Some((_, from_release, from_commit)), Some(standing), None) => {
            let course = command.ends.then(|| Course {
                run: target.run,
                statement: target.statement,
                from_release,
                from_commit: from_commit.clone(),
                ends: standing.open.as_ref().map(|open| open.facts.release),
            });
            Ok(vec![Event::RollbackRequested(RollbackRequested {
                place: command.place.clone(),
                release: standing.highest.saturating_add(1),
                artifact: target.artifact,
                person: command.person,
                request: command.request,
                from: command.release.map(|_| command.from),
                course,
                by_hand: None,
            })])
        }
        _ => Err(Reason::new("nothing-before", "nothing runs there", "release a commit").into()),
    }
}

/// The artifact that a rollback leaves, and the artifacts that it can go back to.
#[derive(Default)]
struct Way<'a> {
    from: Option<(Digest, u64, &'a CommitId)>,
    past: Vec<&'a Current>,
}

/// If a release is under way, the rollback leaves it for the running artifact. Otherwise it leaves the running artifact
/// for an earlier one.
fn way<'a>(standing: &'a PlaceState, command: &Rollback) -> Way<'a> {
    let running = standing.running.as_ref();
    if let Some(open) = standing.under_way().filter(|_| command.ends) {
        let facts = &open.facts;
        let from = Some((facts.artifact, facts.release, &facts.commit));
        return Way { from, past: running.into_iter().collect() };
    }
    let from = running.map(|running| (running.artifact, running.release, &running.commit));
    let past = if command.ends { standing.past().collect() } else { standing.before.iter().collect() };
    Way { from, past }
}

/// Decides whether a release is tried again after a freeze, or because its time may have come: the judge decides whether
/// it has. A release that its gate held is judged again; an artifact that the agent refused is wanted again.
///
/// # Errors
/// `Refusal` when nothing at the place waits for the end of a freeze or for a time, or a freeze is still in force.
pub fn retry(
    identity: &identity::State,
    artifacts: &artifact::State,
    gates: &gate::State,
    state: &State,
    command: &Retry,
) -> Result<Vec<Event>, Refusal> {
    let nothing =
        || Reason::new("nothing-frozen", "nothing here waits for the end of a freeze", "look again");
    let status = identity.status_number();
    let waits = |standing: &&PlaceState| match &standing.frozen {
        Some(_) if standing.open.is_none() => standing.waits_for_thaw(status),
        _ => standing.waits_for_thaw(status) || standing.waits_for_time().is_some(),
    };
    let standing = state.at(&command.place).filter(waits);
    let standing = standing.filter(|_| !identity.is_frozen(&command.place)).ok_or_else(nothing)?;
    let refused = standing.frozen.as_ref().map(|(wanted, _)| wanted);
    let refused = refused.or(standing.untimely.as_ref().map(|(wanted, _)| wanted));
    match (&standing.open, refused) {
        (Some(open), _) => {
            let (place, release) = (command.place.clone(), open.facts.release);
            gate::request_verdict(gates, &gate::RequestVerdict { place, release })
        }
        (None, Some(wanted)) => want(artifacts, gates, &Want { wanted: wanted.clone() }),
        (None, None) => Err(nothing().into()),
    }
}

/// Remedy text: how a person releases an artifact that was rolled back.
fn again(commit: &CommitId) -> String {
    format!("`countersign run --again {commit}` releases it again; or release another commit")
}

pub(super) fn missing_role(
    identity: &identity::State,
    person: PersonId,
    place: &Place,
    moment: Moment,
) -> Vec<Reason> {
    let role: Option<Name> = MANAGER.parse().ok();
    let may = role.is_some_and(|role| {
        identity.has_role(person, &role, &place.project, Some(&place.environment), moment)
    });
    if may {
        return Vec::new();
    }
    let what = format!("person {person} is no {MANAGER} for {place}");
    vec![Reason::new("role-missing", what, "ask a registrar for an enrolment with this role")]
}

/// Highest number of release numbers that a report may skip at once, as after a restore of the ledger. The bound keeps
/// a faulty agent or server from using up the numbers of a place.
pub const LEAP_MAX: u64 = 1_000_000;
/// Role that may promote and roll back.
const MANAGER: &str = "release-manager";
