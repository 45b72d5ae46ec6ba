//! Replay: makes every decision of a ledger again, with the functions that made it first.
//!
//! Invariant: entries come in order. Each command is rebuilt from recorded bytes (signed request, receipt, report,
//! plan, bundle), is decided in the state before it, and must give exactly the events that follow in the ledger. A gate
//! is judged again on evidence that is collected again. A command that cannot be rebuilt counts as a difference.

mod executors;
mod submissions;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use domain::{Command, Event, RULES, Refused, State, decide, gate, next, release};
use evidence::dsse::Envelope;
use evidence::enrolment::Enrolment;
use evidence::entry::{Actor, Auth, Header};
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Moment};
use tlog::Frontier;

use crate::decision_error::DecisionError;
use crate::prepare::Prepared;
use crate::recorded::{Again, cannot_be_derived, ended, gave_up, lost, may_count};
use crate::store::Store;
use crate::verdict::NoTrustRoot;

/// Outcome of the comparison of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// The decision came out the same.
    Agrees,
    /// The decision came out differently, or could not be rebuilt.
    Differs,
    /// Other rules made the decision, which this program no longer knows.
    OtherRules(u32),
}

/// One decision that did not come out the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Number of the entry that records it.
    pub entry: u64,
    /// Outcome of the comparison.
    pub outcome: Replayed,
    /// Explanation for people.
    pub what: String,
}

/// Entries did not come in order.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("entry {number} comes where entry {due} is due")]
pub struct OutOfOrder {
    /// Number of the entry that came.
    pub number: u64,
    /// Number of the entry that had to come.
    pub due: u64,
}

/// A replay in progress.
#[derive(Debug)]
pub struct Replay<'a, S: Store> {
    store: &'a S,
    state: State,
    /// Events of the flow that must come next in the ledger, each with its cause.
    expected: VecDeque<(Event, Option<u64>)>,
    /// States while a gate is due. A verdict names the state that it was judged in.
    recent: BTreeMap<u64, State>,
    /// The newest root, cached.
    root: Option<(Digest, Arc<TrustRoot>)>,
    /// Enrolments by the entry that contains them, cached.
    enrolments: BTreeMap<u64, Enrolment>,
    /// A second fold that advances from snapshot to snapshot, and the tree below it.
    authors: State,
    tree: Frontier,
    /// Number of decisions made again.
    pub decisions: u64,
    /// Number of gate verdicts among them.
    pub verdicts: u64,
    /// Number of decisions that came out the same.
    pub agree: u64,
    /// Number of decisions that were accepted as recorded, because the ledger does not contain their grounds.
    pub recorded: u64,
    /// All other decisions.
    pub others: Vec<Compared>,
}

impl<'a, S: Store> Replay<'a, S> {
    /// Creates a replay from the first entry on.
    pub fn new(store: &'a S) -> Self {
        Self {
            store,
            state: State::default(),
            expected: VecDeque::new(),
            recent: BTreeMap::new(),
            root: None,
            enrolments: BTreeMap::new(),
            authors: State::default(),
            tree: Frontier::default(),
            decisions: 0,
            verdicts: 0,
            agree: 0,
            recorded: 0,
            others: Vec::new(),
        }
    }

    /// The state after all entries so far.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// `OutOfOrder` when the entry is not the next one.
    pub fn take(&mut self, prepared: &Prepared) -> Result<(), OutOfOrder> {
        let Prepared { number, header, event, .. } = prepared;
        if *number != self.state.entries {
            return Err(OutOfOrder { number: *number, due: self.state.entries });
        }
        match self.expected.pop_front() {
            Some((expected, cause)) => self.follows(*number, header, event, &expected, cause),
            None => match &prepared.lines {
                // Lines are no decision.
                Some(Ok(())) => {}
                Some(Err(error)) => self.differs(*number, error.to_string()),
                None => self.decide(prepared),
            },
        }
        self.state.apply(event, header.time);
        // The flow is known for these rules only. After an entry of other rules, each entry counts as a decision by
        // those rules.
        if header.rules == RULES {
            self.expect(*number, event, header.time);
        }
        self.remember();
        Ok(())
    }

    /// Notes the events that are still missing at the end of the ledger.
    pub fn finish(&mut self) {
        if let Some((event, _)) = self.expected.front() {
            let what = format!("`{}` should follow, but the ledger ends", event.kind());
            self.differs(self.state.entries, what);
        }
    }

    /// Compares an entry with the event that the flow must have caused.
    fn follows(&mut self, number: u64, header: &Header, event: &Event, expected: &Event, cause: Option<u64>) {
        if event != expected {
            let what = format!("`{}` was expected here by what came before", expected.kind());
            self.differs(number, what);
        } else if header.cause != cause {
            self.differs(number, "it names another cause".into());
        }
    }

    /// Makes the decision of an entry again that begins one.
    fn decide(&mut self, prepared: &Prepared) {
        let Prepared { number, header, event, .. } = prepared;
        let number = *number;
        self.decisions += 1;
        self.verdicts += u64::from(matches!(event, Event::Judged(_)));
        if header.rules != RULES {
            let what = format!("decided by rules {}", header.rules);
            self.others.push(Compared { entry: number, outcome: Replayed::OtherRules(header.rules), what });
            return;
        }
        match self.again(prepared) {
            Ok(Again { events, recorded }) => {
                let mut events = events.into_iter();
                if events.next().as_ref() == Some(event) {
                    self.agree += u64::from(!recorded);
                    self.recorded += u64::from(recorded);
                } else {
                    self.differs(number, format!("`{}` does not come out again", event.kind()));
                }
                self.expected.extend(events.map(|event| (event, None)));
            }
            Err(error) => self.differs(number, error.to_string()),
        }
    }

    /// Makes the events of a decision again.
    fn again(&mut self, prepared: &Prepared) -> Result<Again, DecisionError> {
        let Prepared { header, entry, event, .. } = prepared;
        let command = match (&header.actor, header.auth, event) {
            (Actor::System, Auth::None, Event::Refused(refused)) => {
                may_count(&self.state, refused)?;
                return Ok(Again { events: vec![event.clone()], recorded: true });
            }
            (Actor::Person(_), Auth::SignedRequest, Event::Refused(refused))
                if cannot_be_derived(refused, prepared) =>
            {
                return self.refused(prepared);
            }
            (Actor::Person(_), Auth::SignedRequest, _) => self.of_person(prepared)?,
            (Actor::System, Auth::Statement, _) => self.founding(entry, event)?,
            (Actor::Machine(runner), Auth::MachineKey, Event::Ended(_) | Event::ChecksLost(_)) => {
                let ended = ended(&self.state, event)?;
                let is_signed = gave_up(&self.state, &*self.root()?, prepared, ended, runner)?;
                return lost(&self.state, ended, Some(runner), header.time, is_signed);
            }
            (Actor::System, Auth::None, Event::Ended(_) | Event::ChecksLost(_)) => {
                return lost(&self.state, ended(&self.state, event)?, None, header.time, false);
            }
            (Actor::Machine(_), Auth::MachineKey, _) => self.of_machine(event)?,
            (Actor::System, Auth::None, Event::Snapshotted(facts)) => self.snapshot(facts)?,
            (Actor::System, Auth::None, Event::Judged(judged)) => return self.judged(judged),
            (Actor::System, Auth::None, Event::Proposed(facts)) => {
                self.proposed(&facts.place, Some((facts.plan, facts.provenance)))?
            }
            (Actor::System, Auth::None, Event::Unplannable(facts)) => self.proposed(&facts.place, None)?,
            // Only a retry after a freeze has no other cause; the state decides whether one is possible.
            (Actor::System, Auth::None, Event::GateDue(gate::GateDue { place, .. }))
            | (Actor::System, Auth::None, Event::Wanted(release::Wanted { place, .. })) => {
                Command::Retry(release::Retry { place: place.clone() })
            }
            _ => return Err("nobody could have caused it".into()),
        };
        match decide(&self.state, &command, header.time) {
            Ok(events) => Ok(events.into()),
            Err(refusal) => {
                let Actor::Person(person) = header.actor else { return Err(DecisionError::Refused(refusal)) };
                let asked = prepared.request()?;
                let reasons = refusal.reasons().map(|reason| reason.code.clone()).collect();
                let action = asked.request.action.clone();
                let refused = Refused { person: person.into(), action, reasons, more: None };
                Ok(vec![Event::Refused(refused)].into())
            }
        }
    }

    /// Accepts a refusal that cannot be derived. The person's request is still verified. Its reasons are the server's
    /// word; a dishonest server could equally have withheld its answer.
    fn refused(&mut self, prepared: &Prepared) -> Result<Again, DecisionError> {
        let asked = prepared.request()?;
        let root = self.root()?;
        self.authentic(asked, prepared.header.time, &root)?;
        Ok(Again { events: vec![prepared.event.clone()], recorded: true })
    }

    fn root(&self) -> Result<Arc<TrustRoot>, DecisionError> {
        let facts = self.state.identity.root().ok_or(NoTrustRoot)?;
        if let Some((digest, root)) = &self.root
            && *digest == facts.envelope
        {
            return Ok(Arc::clone(root));
        }
        let bytes = self.store.blob(&facts.envelope)?;
        let envelope = Envelope::decode(&bytes)?;
        Ok(Arc::new(TrustRoot::read(&envelope)?))
    }

    /// Expects the events that the flow derives from an event next in the ledger.
    fn expect(&mut self, number: u64, event: &Event, time: Moment) {
        for command in next(&self.state, event) {
            match decide(&self.state, &command, time) {
                Ok(events) => self.expected.extend(events.into_iter().map(|event| (event, Some(number)))),
                Err(refusal) => self.differs(number, format!("a command of the flow is refused: {refusal}")),
            }
        }
    }

    fn remember(&mut self) {
        if let Some(facts) = self.state.identity.root()
            && self.root.as_ref().is_none_or(|(digest, _)| *digest != facts.envelope)
            && let Ok(root) = self.root()
        {
            self.root = Some((facts.envelope, root));
        }
        if self.state.gate.outstanding().next().is_none() {
            self.recent.clear();
            return;
        }
        self.recent.insert(self.state.entries, self.state.clone());
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_first();
        }
    }

    fn differs(&mut self, entry: u64, what: String) {
        self.others.push(Compared { entry, outcome: Replayed::Differs, what });
    }
}

/// Highest number of states that are kept while a gate is due.
const RECENT_MAX: usize = 1024;
