//! The state: a fold over the ledger, one part for each context.
//!
//! Invariant: `apply` accepts every event and depends only on the state and the event. An event that does not fit is
//! counted and never ignored; an audit demands a count of 0. The state holds only what some decision reads.

use std::collections::BTreeSet;

use evidence::entry::{Header, Payload};
use evidence::receipt::Work;
use evidence::report::ReleaseOutcome;
use evidence::{Digest, Moment, Name, Place};
use serde::{Deserialize, Serialize};

use crate::event::{Event, EventError};
use crate::ids::RunId;
use crate::rules::RULES;
use crate::{
    approval, artifact, build, check, gate, identity, observation, release, secret, source, statement,
};

/// Everything that decisions read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// People, trust root and status.
    pub identity: identity::State,
    /// Submitted commits.
    pub source: source::State,
    /// Runs that have not ended.
    pub build: build::State,
    /// Artifacts that can be released.
    pub artifact: artifact::State,
    /// Environments in force, and gates that are due.
    pub gate: gate::State,
    /// Approvals of open releases.
    pub approval: approval::State,
    /// Statements of people in force. Omitted when empty, as in snapshots of the first programs.
    #[serde(default, skip_serializing_if = "statement::State::is_empty")]
    pub statement: statement::State,
    /// Versions of secrets. Omitted when empty, as in snapshots of older programs.
    #[serde(default, skip_serializing_if = "secret::State::is_empty")]
    pub secret: secret::State,
    /// The state of each place.
    pub release: release::State,
    /// The newest observations of agents. Omitted when empty, as in snapshots of older programs.
    #[serde(default, skip_serializing_if = "observation::State::is_empty")]
    pub observation: observation::State,
    /// Checks of running releases. Omitted when empty, so that snapshots of older ledgers stay as they are.
    #[serde(default, skip_serializing_if = "check::State::is_empty")]
    pub check: check::State,
    /// Number of entries folded.
    pub entries: u64,
    /// Time of the last entry.
    pub time: Moment,
    /// Number of entries that did not fit the state they were applied to; 0 in a sound ledger.
    pub misfits: u64,
}

impl State {
    /// Reads one entry and applies it.
    ///
    /// # Errors
    /// `EventError` when its kind or rules are newer than this program, or its facts are not canonical.
    pub fn fold(&mut self, header: &Header, facts: &Payload) -> Result<(), EventError> {
        if header.rules > RULES {
            return Err(EventError::Rules(header.rules));
        }
        self.apply(&Event::read(&header.kind, facts)?, header.time);
        Ok(())
    }

    /// Work that is due on a runner and not reported yet: of runs, and checks of releases.
    pub fn outstanding<'a>(&'a self, runner: &'a Name) -> impl Iterator<Item = &'a build::Due> {
        self.build.outstanding(runner).chain(self.check.outstanding(runner))
    }

    /// Forgets sources and artifacts that are neither wanted nor running and that no rollback can reach. So memory does
    /// not grow with the age of the ledger.
    fn forget_what_nothing_needs(&mut self, newest: RunId) {
        let mut needed: BTreeSet<RunId> = self.release.runs().collect();
        needed.insert(newest);
        needed.extend(self.build.runs().map(|run| run.started.run));
        self.artifact.keep(&needed);
        self.source.keep(&needed);
    }

    fn held_by_a_freeze(&mut self, event: &gate::Judged) {
        let open = self.release.at(&event.place).and_then(|standing| standing.open.as_ref());
        if open.is_some_and(|open| self.artifact.has_memory(open.facts.run, &open.facts.artifact)) {
            self.release.frozen(&event.place, event.release);
        }
    }

    fn due(&mut self, event: &build::Due) -> bool {
        let Work::Check(check) = &event.work else { return self.build.due(event) };
        let standing = self.release.at(&check.place);
        let report = standing.and_then(|standing| standing.reported).map(|(report, _)| report);
        self.check.due(event, check, report)
    }

    fn reported(&mut self, event: &build::Reported) -> bool {
        match &event.work {
            Work::Check(check) => self.check.reported(event, check, self.entries),
            Work::Step(_) | Work::Artifact(_) => self.build.reported(event, self.entries),
        }
    }

    fn agent_reported(&mut self, event: &release::Reported, moment: Moment) -> bool {
        let artifacts = &self.artifact;
        let has_memory = |run, digest: &Digest| artifacts.has_memory(run, digest);
        let hold = release::TimeHold { entry: self.entries, moment };
        let fits = self.release.reported(event, hold, self.identity.status_number(), has_memory);
        let running = self.release.at(&event.place).and_then(|standing| standing.running.as_ref());
        self.check.keep(&event.place, running.map(|running| running.release));
        if let Some(running) = running.filter(|_| event.outcome == ReleaseOutcome::Running) {
            self.observation.runs(&event.place, &running.artifact, running.release);
        }
        fits
    }

    fn observed(&mut self, event: &observation::Observed, moment: Moment) -> bool {
        let running = self.release.at(&event.place).and_then(|standing| standing.running.as_ref());
        let fits =
            self.observation.observed(event, self.entries, running.map(|running| running.release), moment);
        let preview = self.gate.environment(&event.place).filter(|set| set.facts.preview.is_some());
        if let (Some(ended), Some(set)) = (event.ends, preview) {
            // Somebody may have asked for it again meanwhile: then it stays, and nothing runs there.
            let is_newer = set.facts.number > ended;
            self.forget_preview(&event.place, is_newer);
        }
        fits
    }

    /// Forgets a preview that its agent has removed: nothing of it is evidence for anything, so no decision reads it again.
    fn forget_preview(&mut self, place: &Place, is_asked_again: bool) {
        if !is_asked_again {
            self.gate.forget(place);
            self.statement.forget(place);
        }
        self.release.forget(place);
        self.approval.forget(place);
        self.check.forget(place);
        self.observation.forget(place);
    }

    fn environment_set(&mut self, event: &gate::EnvironmentSet) -> bool {
        let names = event.agents.iter().map(|agent| &agent.name);
        self.observation.keep_agents(&event.place, names);
        let before = self.agents(&event.place);
        let fits = self.gate.environment_set(event, self.entries);
        let agents = self.agents(&event.place);
        self.release.keep_agents(&event.place, &before, &agents);
        fits
    }

    /// The agents of a place, in the order of its statement.
    fn agents(&self, place: &Place) -> Vec<Name> {
        let environment = self.gate.environment(place).map(|environment| &environment.facts);
        environment.into_iter().flat_map(|facts| &facts.agents).map(|agent| agent.name.clone()).collect()
    }

    fn judged(&mut self, event: &gate::Judged, moment: Moment) -> bool {
        if event.outcome != gate::GateOutcome::Pass && release::is_frozen(&event.reasons) {
            self.held_by_a_freeze(event);
        }
        if event.outcome != gate::GateOutcome::Pass && release::is_untimely(&event.reasons) {
            let hold = release::TimeHold { entry: self.entries, moment };
            self.release.untimely(&event.place, event.release, hold);
        }
        self.gate.judged(event)
    }

    /// Folds one event that happened at a moment.
    pub fn apply(&mut self, event: &Event, moment: Moment) {
        let fits = match event {
            Event::Rooted(event) => self.identity.rooted(event),
            Event::Enrolled(event) => self.identity.enrol(event, self.entries),
            Event::StatusSet(event) => {
                let fits = self.identity.status_set(event);
                self.statement.withdraw(&event.withdrawn);
                self.release.keep_returns(|person| self.identity.enrolled(person).is_some());
                fits
            }
            Event::Taken(event) => self.source.taken(event, self.entries),
            Event::Started(event) => self.build.started(event),
            Event::Due(event) => self.due(event),
            Event::Reported(event) => self.reported(event),
            Event::ChecksLost(event) => self.check.lost(event),
            Event::Agreed(event) => self.build.agreed(event, self.entries),
            Event::Ended(event) => {
                if event.outcome != build::RunOutcome::Passed {
                    self.source.forget(event.run);
                }
                self.build.ended(event)
            }
            Event::Built(event) => {
                let mut entries: Vec<u64> = self.source.of(event.run).map(|s| s.entry).into_iter().collect();
                entries.extend(self.build.run(event.run).map(|run| run.entries.clone()).unwrap_or_default());
                let fits = self.artifact.built(event, entries, self.entries);
                self.forget_what_nothing_needs(event.run);
                fits
            }
            Event::EnvironmentSet(event) => self.environment_set(event),
            Event::PreviewEnding(event) => self.gate.preview_ending(event, self.entries),
            Event::GateDue(event) => {
                self.release.judging(&event.place, event.release) && self.gate.due(event)
            }
            Event::Judged(event) => self.judged(event, moment),
            Event::Given(event) => self.approval.given(event, self.entries),
            Event::Stated(event) => self.statement.stated(event, self.entries, moment),
            Event::SecretPut(event) => self.secret.put(event, self.entries, moment),
            Event::SecretDestroyed(event) => self.secret.destroyed(event),
            Event::Wanted(event) => self.release.wanted(event),
            Event::Proposed(event) => self.release.proposed(event, self.entries),
            Event::Unplannable(event) => self.release.unplannable(event),
            Event::Promoted(event) => self.release.promoted(event, self.entries),
            Event::ReleaseDue(event) => {
                let agents = self.agents(&event.place);
                self.release.due(event, &agents)
            }
            Event::Held(event) => self.release.held(event),
            Event::AgentReported(event) => self.agent_reported(event, moment),
            Event::Observed(event) => self.observed(event, moment),
            Event::AdvanceRequested(event) => self.release.advanced(event, self.entries),
            Event::RollbackRequested(event) => {
                if event.course.is_some() {
                    self.gate.drop(&event.place);
                }
                let agents = self.agents(&event.place);
                self.release.returning(event, self.entries, &agents)
            }
            Event::Snapshotted(event) => event.size <= self.entries,
            Event::Recorded(_) | Event::Refused(_) => true,
        };
        self.entries += 1;
        self.time = self.time.max(moment);
        self.misfits += u64::from(!fits);
    }
}
