//! The decider: decides commands over the state ahead of the disk, and adds their events to a batch.
//!
//! Invariant: its state contains exactly the durable entries and those of the current batch. It reads neither clock nor
//! randomness: both come from its `World`.

use std::time::Duration;

use domain::secret::{Reading, ReadingDecision};
use domain::{Event, PersonId, Refusal, Refused, State, quota};
use evidence::Moment;
use evidence::entry::Actor;
use evidence::records::Body;
use ledger::Reader;

use crate::batch::Batch;
use crate::job::{Answer, IntakeError, Job};
use crate::quotas::Limits;
use crate::refusals::Refusals;
use crate::world::World;
use crate::writer_error::WriterError;

/// The state ahead of the disk, and the limits on what is recorded.
#[derive(Debug)]
pub struct Decider {
    world: World,
    limits: Limits,
    refusals: Refusals<PersonId>,
    refused_reads: Refusals<Actor>,
    state: State,
}

impl Decider {
    /// A decider over an empty state.
    pub fn new(limits: Limits, world: World) -> Self {
        let most = limits.refusals_per_minute;
        let (refusals, refused_reads) = (Refusals::new(most), Refusals::new(most));
        Self { world, refusals, refused_reads, limits, state: State::default() }
    }

    /// Continues from the state of the ledger, and forgets the batch that was not appended.
    pub fn set_state(&mut self, state: State) {
        self.state = state;
    }

    /// Number of entries of the ledger and of the batch.
    pub const fn entries(&self) -> u64 {
        self.state.entries
    }

    /// The time of the clock.
    pub fn now(&self) -> Moment {
        (self.world.now)()
    }

    /// Whether counted refusals remain to be recorded.
    pub fn has_counted(&self) -> bool {
        self.refusals.are_counted()
    }

    /// Begins a batch with the counted refusals of minutes that are over.
    pub fn begin(&mut self) -> Result<Batch, WriterError> {
        let mut batch = Batch::new(self.moment()?, self.world.salt);
        // Those that were too many were not decided, so there is nothing to record of them.
        drop(self.refused_reads.take_over(batch.moment));
        for (person, more) in self.refusals.take_over(batch.moment) {
            // Refusals of a person who was withdrawn meanwhile are dropped, because replay accepts no entry of a stranger.
            if self.state.identity.enrolled(person).is_none() {
                continue;
            }
            let job = Job::counting()?;
            let event = Event::Refused(quota::counted(person, job.origin.action.clone(), more));
            // The event is small, so it always fits an entry.
            let _ = batch.record(&mut self.state, &job, vec![event])?;
        }
        Ok(batch)
    }

    /// The time of a batch: it never goes back, and a clock that is minutes behind the ledger stops the writer.
    fn moment(&self) -> Result<Moment, WriterError> {
        let (now, last) = (self.now(), self.state.time);
        if now.later_by(CLOCK_BEHIND_MAX) < last {
            return Err(WriterError::Clock { now, last });
        }
        Ok(now.max(last))
    }

    /// Decides one command and adds its events to a batch. A command that does not fit an entry changes nothing and does
    /// not affect the others.
    pub fn decide(
        &mut self,
        job: &Job,
        reader: &Reader,
        batch: &mut Batch,
    ) -> Result<Result<Answer, IntakeError>, WriterError> {
        if let Some(key) = job.origin.idempotency {
            // Whether it is the same command is checked against the recorded entry, once that entry is durable.
            let recorded = match batch.entry_of_key(&key) {
                Some(entry) => Some(entry),
                None => reader.by_idempotency(&key)?,
            };
            if let Some(entry) = recorded {
                return Ok(Ok(Answer::Repeated(entry)));
            }
        }
        let entry = self.state.entries;
        let over = quota::exceeded(&self.state, &job.command, self.limits.counted(), batch.moment);
        match over.map_or_else(|| domain::decide(&self.state, &job.command, batch.moment), Err) {
            Ok(events) => {
                let recorded = batch.record(&mut self.state, job, events)?;
                Ok(recorded.map(|()| Answer::Accepted { entry, size: 0 }))
            }
            Err(refusal) => self.refuse(job, refusal, batch),
        }
    }

    /// Decides a read and keeps its lines for the batch. A read without a sound line is not allowed. Somebody whose reads are
    /// refused again and again is not answered for the rest of a minute: the lines would hide those of others, and fill the
    /// disk of a project in which the sender has no right.
    pub fn read(
        &mut self,
        reading: &Reading,
        batch: &mut Batch,
    ) -> Result<Result<ReadingDecision, IntakeError>, WriterError> {
        let decision = domain::read(&self.state, reading, batch.moment);
        if let Err(error) = decision.lines.iter().try_for_each(Body::check) {
            return Ok(Err(IntakeError::Unfit(error.to_string())));
        }
        let who =
            decision.lines.first().filter(|_| decision.lent.is_err()).map(|line| line.columns().who.clone());
        if who.is_some_and(|who| !self.refused_reads.may_record(who, batch.moment)) {
            return Ok(Err(IntakeError::RefusedReads(self.limits.refusals_per_minute)));
        }
        batch.note(decision.lines.clone())?;
        Ok(Ok(decision))
    }

    /// Ends a batch: records the lines of its reads.
    pub fn conclude(&mut self, batch: &mut Batch) -> Result<(), WriterError> {
        batch.record_lines(&mut self.state)
    }

    /// Records the refusal of a known person's command, unless that person had too many within a minute.
    fn refuse(
        &mut self,
        job: &Job,
        refusal: Refusal,
        batch: &mut Batch,
    ) -> Result<Result<Answer, IntakeError>, WriterError> {
        let entry = self.state.entries;
        let Actor::Person(person) = job.origin.actor else {
            return Ok(Ok(Answer::Refused { entry: None, refusal }));
        };
        if cfg!(feature = "drill-refusal-record") {
            return Ok(Ok(Answer::Refused { entry: Some(entry), refusal }));
        }
        let person = person.into();
        if !self.refusals.may_record(person, batch.moment) {
            return Ok(Ok(Answer::Refused { entry: None, refusal }));
        }
        let refusal = refusal.with_texts_of(REFUSAL_TEXT_CHARS_MAX);
        let reasons = refusal.reasons().map(|reason| reason.code.clone()).collect();
        let refused = Refused { person, action: job.origin.action.clone(), reasons, more: None };
        let texts = serde_json::to_value(&refusal).map_err(WriterError::particulars)?;
        let recorded = batch.record(&mut self.state, &job.refused(texts), vec![Event::Refused(refused)])?;
        Ok(recorded.map(|()| Answer::Refused { entry: Some(entry), refusal }))
    }
}

/// Longest recorded text of a reason; a longer one repeats text that was sent.
const REFUSAL_TEXT_CHARS_MAX: usize = 500;
/// How far the clock may be behind the ledger before the writer stops.
const CLOCK_BEHIND_MAX: Duration = Duration::from_mins(2);
