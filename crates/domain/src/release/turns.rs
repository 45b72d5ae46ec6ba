//! Places with several agents: a release goes to one agent after the other, in the order of the environment statement.
//!
//! Invariant: an agent has its turn only after each one before it has reported that the release runs. If one reports anything
//! else, no agent after it gets the release, and those before it go back before anything else begins there. The server only
//! waits: each agent verifies the reports of the agents before it, so a server that skips one gets nothing applied.

use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::{Digest, Name};

use super::event::{Part, ReleaseDue, Reported, RollbackRequested};
use super::shared::{Done, Retreat};
use super::state::{Current, Open, PlaceState, Stage, State};
use evidence::Place;

/// The part of a report in what is due; `None` if nothing of it is due at this agent. A report that does not end its release or rollback has
/// a part.
pub(super) fn due(standing: &PlaceState, report: &AgentReport) -> Option<Option<Part>> {
    let is_of = |release: u64, artifact: &Digest| (report.release, &report.artifact) == (release, artifact);
    let runs = report.outcome == ReleaseOutcome::Running;
    if let Some(retreat) = &standing.retreat
        && is_of(retreat.release, &retreat.artifact)
        && retreat.agents.contains(&report.agent)
        && !runs
    {
        return Some(Some(Part::Retreated));
    }
    let open = standing.open.as_ref().filter(|open| matches!(open.stage, Stage::Due(_)));
    if let Some(open) = open.filter(|open| is_of(open.facts.release, &open.facts.artifact)) {
        return match open.turns.as_slice() {
            [] => Some(None),
            [turn, rest @ ..] if *turn == report.agent => {
                Some((runs && !rest.is_empty()).then(|| Part::Next(rest.to_vec())))
            }
            _ => None,
        };
    }
    let (returning, _) = standing.returning.as_ref()?;
    if !is_of(returning.release, &returning.artifact) {
        return None;
    }
    let is_awaited = standing.awaited.is_empty() || standing.awaited.contains(&report.agent);
    let others: Vec<Name> =
        standing.awaited.iter().filter(|agent| **agent != report.agent).cloned().collect();
    is_awaited.then(|| (!others.is_empty()).then_some(Part::Next(others)))
}

impl State {
    /// Hands out a release; the agents of its place get it in this order.
    pub(crate) fn due(&mut self, event: &ReleaseDue, agents: &[Name]) -> bool {
        let fits = self.stage(&event.place, event.release, Stage::Due(event.bundle));
        if let Some(open) = self.open(&event.place, event.release) {
            (open.turns, open.done) = (several(agents), Vec::new());
        }
        fits
    }

    /// Notes which agents a rollback waits for. One that was carried out by hand is about its own agent alone.
    pub(super) fn awaits(&mut self, event: &RollbackRequested, agents: &[Name]) {
        let standing = self.standing(&event.place);
        standing.awaited = if event.by_hand.is_some() { Vec::new() } else { several(agents) };
    }

    /// Forgets agents that the statement in force does not name any more: nothing waits for them. A release that every other
    /// agent has runs at the place then, and one that no named agent has begun is planned again. If no agent is left that can say
    /// what runs, changes count from the baseline that the statement names.
    pub(crate) fn keep_agents(&mut self, place: &Place, before: &[Name], agents: &[Name]) {
        let Some(standing) = self.places.get_mut(place) else { return };
        if !standing.awaited.is_empty() {
            standing.awaited.retain(|agent| agents.contains(agent));
            if standing.awaited.is_empty() {
                standing.take_returning(|_| true);
            }
        }
        if let Some(retreat) = &mut standing.retreat {
            retreat.agents.retain(|agent| agents.contains(agent));
        }
        standing.retreat.take_if(|retreat| retreat.agents.is_empty());
        let is_replaced = if standing.holders.is_empty() {
            !before.is_empty() && !before.iter().any(|agent| agents.contains(agent))
        } else {
            !standing.holders.iter().any(|holder| agents.contains(&holder.agent))
        };
        if is_replaced {
            (standing.running, standing.reported) = (None, None);
        }
        standing.holders.retain(|holder| agents.contains(&holder.agent));
        let is_known = |holder: &Done| standing.reported.is_some_and(|(report, _)| report == holder.report);
        if let Some(last) = standing.holders.last().filter(|_| !standing.holders.iter().any(is_known)) {
            // The evidence of the next release needs the report of an agent that is named.
            standing.reported = Some((last.report, last.entry));
        }
        let Some(open) = standing.open.as_mut().filter(|open| !open.turns.is_empty()) else { return };
        open.turns.retain(|agent| agents.contains(agent));
        open.done.retain(|done| agents.contains(&done.agent));
        let Some(open) = standing.open.take_if(|open| open.turns.is_empty()) else { return };
        match open.done.last() {
            Some(last) => {
                standing.reported = Some((last.report, last.entry));
                standing.holders.clone_from(&open.done);
                standing.runs(Some(Current::of(&open)), ReleaseOutcome::Running);
            }
            // Nobody has begun it: it is planned again under the new statement.
            None => standing.open = Some(Open { stage: Stage::Held, ..open }),
        }
    }
}

/// Several agents in their order; an only one needs no turn.
fn several(agents: &[Name]) -> Vec<Name> {
    if agents.len() > 1 { agents.to_vec() } else { Vec::new() }
}

impl Open {
    /// Whether the release goes to several agents.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        !self.turns.is_empty()
    }
}

impl PlaceState {
    /// Whether a release or rollback of this number goes to several agents.
    pub(super) fn is_shared(&self, release: u64) -> bool {
        let open = self.open.as_ref().filter(|open| open.facts.release == release);
        let returning = self.returning.as_ref().filter(|(returning, _)| returning.release == release);
        open.is_some_and(Open::is_shared) || returning.is_some() && !self.awaited.is_empty()
    }

    /// Takes the report of one agent of several, after which its release or rollback goes on.
    pub(super) fn took_part(&mut self, event: &Reported, part: &Part, entry: u64) -> bool {
        let agent = &event.agent;
        match part {
            Part::Retreated => {
                let Some(retreat) = self.retreat.as_mut().filter(|it| it.release == event.release) else {
                    return false;
                };
                let before = retreat.agents.len();
                retreat.agents.retain(|one| one != agent);
                let fits = retreat.agents.len() < before;
                self.retreat.take_if(|retreat| retreat.agents.is_empty());
                fits
            }
            Part::Next(_) => self.took_turn(event, entry) || self.returned_part(event, entry),
        }
    }

    fn took_turn(&mut self, event: &Reported, entry: u64) -> bool {
        let Some(open) = self.open.as_mut().filter(|open| open.facts.release == event.release) else {
            return false;
        };
        // An order was about the rollout at this agent.
        open.advance = None;
        open.turns.retain(|agent| *agent != event.agent);
        open.done.push(Done { agent: event.agent.clone(), report: event.envelope, entry });
        true
    }

    /// The place has gone back as soon as one of its agents has; the rollback stays until each one has reported.
    fn returned_part(&mut self, event: &Reported, entry: u64) -> bool {
        let returning = self.returning.as_ref().filter(|(returning, _)| returning.release == event.release);
        let Some((returning, _)) = returning.cloned() else { return false };
        self.awaited.retain(|agent| *agent != event.agent);
        let came = event.running.as_ref().zip(returning.course.as_ref());
        if let Some((running, course)) = came.filter(|_| event.outcome == ReleaseOutcome::Running) {
            self.rolled_back(&returning);
            self.reported = Some((event.envelope, entry));
            self.holds(event, None, entry);
            let now = Current {
                artifact: running.artifact,
                commit: running.commit.clone(),
                release: event.release,
                run: course.run,
                statement: course.statement,
            };
            self.runs(Some(now), ReleaseOutcome::Running);
        }
        true
    }

    /// Notes that an agent runs what the place runs, beside those that do so already.
    pub(super) fn holds(&mut self, event: &Reported, before: Option<Vec<Done>>, entry: u64) {
        let is_new = self.running.as_ref().is_none_or(|now| now.release != event.release);
        match before {
            Some(before) => self.holders = before,
            None if is_new => self.holders.clear(),
            None => {}
        }
        self.holders.push(Done { agent: event.agent.clone(), report: event.envelope, entry });
    }

    /// Has the agents that run a release go back, because it ended at another one.
    pub(super) fn retreats(&mut self, open: &Open, event: &Reported) {
        if open.done.is_empty() || event.outcome == ReleaseOutcome::Running {
            return;
        }
        self.retreat = Some(Retreat {
            release: event.release,
            artifact: open.facts.artifact,
            from: event.agent.clone(),
            report: event.envelope,
            agents: open.done.iter().map(|done| done.agent.clone()).collect(),
        });
    }
}

impl Current {
    /// A release that every agent of its place runs.
    fn of(open: &Open) -> Self {
        Self {
            artifact: open.facts.artifact,
            commit: open.facts.commit.clone(),
            release: open.facts.release,
            run: open.facts.run,
            statement: Some(open.facts.statement),
        }
    }
}
