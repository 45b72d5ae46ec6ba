//! The flow: a finished step starts the next step, gate or rollout in the same transaction.
//!
//! Invariant: the flow is pure and finite. The server decides each command that the flow returns like any other
//! command, with actor `system` and the event as its cause. Such a command is never refused.

use evidence::Digest;
use evidence::receipt::Work;
use evidence::report::ReleaseOutcome;

use crate::command::Command;
use crate::event::Event;
use crate::ids::RunId;
use crate::state::State;
use crate::{artifact, build, check, gate, release};
use evidence::Place;

/// Commands that follow from an event, given the state after it.
#[must_use]
pub fn next(state: &State, event: &Event) -> Vec<Command> {
    match event {
        Event::Started(started) => on_progress(state, started.run, true),
        Event::Reported(reported) => match &reported.work {
            Work::Check(check) => on_checked(state, &check.place),
            Work::Step(_) | Work::Artifact(_) => on_progress(state, reported.run, reported.passed),
        },
        Event::ChecksLost(ended) => on_checked(state, &ended.place),
        Event::Agreed(agreed) => on_progress(state, agreed.run, true),
        Event::Built(built) => built
            .services
            .iter()
            .flat_map(|service| first_places(state, built, service).chain(preview_of(state, built, service)))
            .flat_map(|place| reach(state, &place, built))
            .collect(),
        Event::Proposed(proposed) => {
            let environment = state.gate.environment(&proposed.place);
            let automatic = environment.is_some_and(|environment| environment.facts.automatic);
            automatic.then(|| ask(&proposed.place, proposed.release)).into_iter().collect()
        }
        Event::Promoted(promoted) => vec![ask(&promoted.place, promoted.release)],
        Event::Judged(judged) => {
            let passed = judged.outcome == gate::GateOutcome::Pass;
            vec![Command::ConcludeGate(release::Conclude {
                place: judged.place.clone(),
                release: judged.release,
                bundle: judged.bundle.filter(|_| passed),
            })]
        }
        // The pending release was proposed under the old statement, so it is planned and proposed again.
        Event::EnvironmentSet(set) => again(state, &set.place),
        Event::AgentReported(reported) => on_report(state, reported),
        Event::Held(held) if is_outdated(state, &held.place) => again(state, &held.place),
        Event::Held(_) => Vec::new(),
        Event::Rooted(_)
        | Event::Enrolled(_)
        | Event::StatusSet(_)
        | Event::Taken(_)
        | Event::Due(_)
        | Event::Ended(_)
        | Event::GateDue(_)
        | Event::Given(_)
        | Event::Stated(_)
        | Event::Wanted(_)
        | Event::Unplannable(_)
        | Event::ReleaseDue(_)
        | Event::RollbackRequested(_)
        | Event::AdvanceRequested(_)
        | Event::PreviewEnding(_)
        | Event::Observed(_)
        | Event::SecretPut(_)
        | Event::SecretDestroyed(_)
        | Event::Recorded(_)
        | Event::Snapshotted(_)
        | Event::Refused(_) => Vec::new(),
    }
}

/// Continues a run, or ends it.
fn on_progress(state: &State, run: RunId, passed: bool) -> Vec<Command> {
    if state.build.run(run).is_none() {
        return Vec::new();
    }
    let conclude = Command::ConcludeRun(artifact::Conclude { run });
    if passed { vec![Command::DueNext(build::DueNext { run }), conclude] } else { vec![conclude] }
}

/// Lets a release that an agent brought up be checked, or, if it has no checks, sends it on to the next places.
fn on_report(state: &State, reported: &release::Reported) -> Vec<Command> {
    let place = &reported.place;
    let next = match reported.outcome {
        // The place runs it once each of its agents does.
        ReleaseOutcome::Running if reported.part.is_some() => Vec::new(),
        ReleaseOutcome::Running if check::due(&state.artifact, &state.release, place).is_empty() => {
            onward(state, place, reported.release)
        }
        ReleaseOutcome::Running => vec![Command::DueChecks(check::DueChecks { place: place.clone() })],
        ReleaseOutcome::Returned | ReleaseOutcome::Failed | ReleaseOutcome::Refused => Vec::new(),
    };
    // A pending release was planned against the artifact that ran before, so it is proposed again.
    next.into_iter().chain(again(state, place)).collect()
}

/// Sends a release on to the next places once its checks are finished. So its approvers there see all of them.
/// The gate judges what they found.
fn on_checked(state: &State, place: &Place) -> Vec<Command> {
    let checks = state.check.at(place).filter(|checks| checks.is_finished());
    checks.map(|checks| onward(state, place, checks.release)).unwrap_or_default()
}

/// Sends the artifact that a release brought on to the next places. A rollback concerns its own place only.
fn onward(state: &State, place: &Place, release: u64) -> Vec<Command> {
    let standing = state.release.at(place);
    // A release that a rollback is about to end does not go on to the next places.
    let is_rollback = standing.is_some_and(|standing| {
        standing.is_left()
            || standing.returned == Some(release)
            || standing.rolled_back.iter().any(|bar| bar.by == release)
    });
    let running = standing.and_then(|standing| standing.running.as_ref()).filter(|_| !is_rollback);
    let built = running.and_then(|now| state.artifact.get(now.run, &now.artifact));
    let after = places_after(state, place);
    let next = built.map(|built| after.flat_map(|place| reach(state, &place, &built.facts)).collect());
    next.unwrap_or_default()
}

/// Asks for an artifact at a place. If the artifact runs there already, the flow continues with the next places, unless
/// the artifact is to be released again. A pending release of the same artifact keeps its number and approvals; but if a person
/// asked for another run of the commit, that run's reports may know more, and its release takes the place of the pending one.
fn reach(state: &State, place: &Place, built: &artifact::Built) -> Vec<Command> {
    let wanted = || vec![want(place.clone(), built.manifest, built.run)];
    let (Some(again), Some(standing)) = (built.again, state.release.at(place)) else { return wanted() };
    if again && standing.bars(&built.manifest) {
        // Also if a release of it is pending: nobody can promote that one until the artifact is wanted again.
        return wanted();
    }
    let environment = state.gate.environment(place).map(|environment| &environment.facts);
    let automatic = environment.is_some_and(|environment| environment.automatic);
    // If somebody asked for this run again, a release of an older run does not count: its reports are older.
    let is_it = |artifact: Digest, run: RunId| artifact == built.manifest && (!again || run == built.run);
    let open = standing.open.as_ref().filter(|open| is_it(open.facts.artifact, open.facts.run));
    if open.is_some_and(|open| !automatic || open.stage != release::Stage::Held)
        || standing.wanted.as_ref().is_some_and(|wanted| is_it(wanted.artifact, wanted.run))
    {
        return Vec::new();
    }
    if again {
        return wanted();
    }
    let runs = standing.running.as_ref().is_some_and(|running| {
        running.artifact == built.manifest && running.statement == environment.map(|facts| facts.number)
    });
    if runs && open.is_none() {
        if state.check.at(place).is_some_and(|checks| !checks.is_finished()) {
            // The last report of a check sends it on.
            return Vec::new();
        }
        return places_after(state, place).flat_map(|place| reach(state, &place, built)).collect();
    }
    if standing.bars(&built.manifest) { Vec::new() } else { wanted() }
}

/// The places of a service that have no predecessor.
fn first_places<'a>(
    state: &'a State,
    built: &'a artifact::Built,
    service: &'a evidence::Name,
) -> impl Iterator<Item = Place> + 'a {
    let first = state.gate.environments().filter(move |environment| {
        let place = &environment.facts.place;
        let is_first = environment.facts.after.is_none() && built.preview.is_none();
        let stays = environment.facts.preview.is_none() && environment.facts.previews.is_none();
        is_first && stays && place.project == built.project && place.service == *service
    });
    first.map(|environment| environment.facts.place.clone())
}

/// The preview that an artifact of a service is for, while it exists.
fn preview_of(state: &State, built: &artifact::Built, service: &evidence::Name) -> Option<Place> {
    let place = built.preview.as_ref().filter(|place| place.service == *service)?;
    let environment = state.gate.environment(place)?;
    environment.facts.preview.as_ref().map(|_| place.clone())
}

/// The places of the same service that come directly after a place.
fn places_after<'a>(state: &'a State, before: &'a Place) -> impl Iterator<Item = Place> + 'a {
    let after = state.gate.environments().filter(move |environment| {
        let place = &environment.facts.place;
        place.project == before.project
            && place.service == before.service
            && environment.facts.after.as_ref() == Some(&before.environment)
    });
    after.map(|environment| environment.facts.place.clone())
}

/// Whether the pending release of a place was planned under an older statement than the one in force: the statement came
/// while its gate was being judged.
fn is_outdated(state: &State, place: &Place) -> bool {
    let open = state.release.at(place).and_then(|standing| standing.open.as_ref());
    let number = state.gate.environment(place).map(|environment| environment.facts.number);
    open.is_some_and(|open| Some(open.facts.statement) != number)
}

/// Asks again for the artifact of a pending release that is neither being judged nor applied. An artifact that a person
/// rolled back at the place stays away.
fn again(state: &State, place: &Place) -> Vec<Command> {
    let standing = state.release.at(place).filter(|standing| standing.is_free());
    let open = standing
        .and_then(|standing| standing.open.as_ref().filter(|open| !standing.bars(&open.facts.artifact)));
    open.map(|open| want(place.clone(), open.facts.artifact, open.facts.run)).into_iter().collect()
}

fn want(place: Place, artifact: Digest, run: RunId) -> Command {
    Command::Want(release::Want { wanted: release::Wanted { place, artifact, run } })
}

fn ask(place: &Place, release: u64) -> Command {
    Command::RequestVerdict(gate::RequestVerdict { place: place.clone(), release })
}
