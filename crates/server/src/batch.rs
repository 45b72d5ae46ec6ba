//! A batch under construction: the entries of several commands, which are appended together.
//!
//! Invariant: the entries are those of the events that the state has applied, in the same order and with one time. A
//! command whose record does not fit an entry adds nothing.

use std::collections::{BTreeMap, VecDeque};

use domain::record::Recorded;
use domain::{Event, RULES, State};
use evidence::entry::{Actor, Auth, Entry, Header, Payload};
use evidence::records::{Body, Line, Lines};
use evidence::{Digest, Id, Moment, Name};
use tracing::Span;

use crate::job::{IntakeError, Job};
use crate::world::Salt;
use crate::writer_error::{FOLLOWING_MAX, WriterError};

/// Entries and their events.
#[derive(Debug)]
pub struct Batch {
    pub moment: Moment,
    pub entries: Vec<Entry>,
    /// The event of each entry, and the request that brought it.
    pub events: Vec<(Event, Span)>,
    /// First entry of each idempotency key of this batch.
    keys: BTreeMap<Digest, u64>,
    /// Lines of all reads of this batch, by the project of their entry.
    lines: BTreeMap<Option<Name>, Vec<Line>>,
    salt: Salt,
}

/// The reason of an entry.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// The command itself; its key and particulars are recorded with its first event.
    Command { is_first: bool },
    /// An earlier entry, from which the flow derived a command.
    Entry(u64),
}

impl Batch {
    /// An empty batch of this time.
    pub const fn new(moment: Moment, salt: Salt) -> Self {
        Self {
            moment,
            entries: Vec::new(),
            events: Vec::new(),
            keys: BTreeMap::new(),
            lines: BTreeMap::new(),
            salt,
        }
    }

    /// The first entry that this batch has for an idempotency key.
    pub fn entry_of_key(&self, key: &Digest) -> Option<u64> {
        self.keys.get(key).copied()
    }

    /// Records events and everything that follows from them; nothing if one of them does not fit an entry.
    pub fn record(
        &mut self,
        state: &mut State,
        job: &Job,
        events: Vec<Event>,
    ) -> Result<Result<(), IntakeError>, WriterError> {
        let mut queue = VecDeque::new();
        for event in events {
            match self.entry(&event, job, Cause::Command { is_first: queue.is_empty() }) {
                Ok(entry) => queue.push_back((event, entry)),
                Err(error @ (WriterError::Entry(_) | WriterError::Canonical(_))) => {
                    return Ok(Err(IntakeError::Unfit(error.to_string())));
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(key) = job.origin.idempotency {
            self.keys.insert(key, state.entries);
        }
        let mut followed = 0;
        while let Some((event, entry)) = queue.pop_front() {
            let seq = state.entries;
            state.apply(&event, self.moment);
            for command in domain::next(state, &event) {
                followed += 1;
                if followed > FOLLOWING_MAX {
                    return Err(WriterError::Endless);
                }
                let decided = domain::decide(state, &command, self.moment);
                for event in decided.map_err(WriterError::Flow)? {
                    let entry = self.entry(&event, job, Cause::Entry(seq))?;
                    queue.push_back((event, entry));
                }
            }
            self.entries.push(entry);
            self.events.push((event, job.span.clone()));
        }
        Ok(Ok(()))
    }

    /// Keeps lines for the entries that [`Self::record_lines`] makes.
    pub fn note(&mut self, bodies: Vec<Body>) -> Result<(), WriterError> {
        for body in bodies {
            let project = body.columns().project.cloned();
            let line = Line { salt: Id::from_random((self.salt)()?), body };
            self.lines.entry(project).or_default().push(line);
        }
        Ok(())
    }

    /// Records the lines of all reads of this batch: an entry for each project, or a few. They come after the entries of the
    /// commands, because the reads were decided after them.
    pub fn record_lines(&mut self, state: &mut State) -> Result<(), WriterError> {
        for (project, lines) in std::mem::take(&mut self.lines) {
            for lines in Lines::split(lines)? {
                let event = Event::Recorded(Recorded::of(&lines)?);
                let entry = self.entry_of_lines(&event, project.clone(), &lines)?;
                state.apply(&event, self.moment);
                self.entries.push(entry);
                self.events.push((event, Span::none()));
            }
        }
        Ok(())
    }

    fn entry_of_lines(
        &self,
        event: &Event,
        project: Option<Name>,
        lines: &Lines,
    ) -> Result<Entry, WriterError> {
        let facts = event.facts((self.salt)()?)?;
        let particulars = Payload::new("particulars", lines, (self.salt)()?)?;
        let header = Header {
            v: 1,
            kind: event.kind().to_owned(),
            rules: RULES,
            time: self.moment,
            project,
            subject: event.subject(),
            actor: Actor::System,
            auth: Auth::None,
            cause: None,
            idempotency: None,
            facts: facts.commitment(),
            particulars: Some(particulars.commitment()),
            blobs: Vec::new(),
        };
        Ok(Entry { header: header.encode()?, facts, particulars: Some(particulars) })
    }

    fn entry(&self, event: &Event, job: &Job, cause: Cause) -> Result<Entry, WriterError> {
        let is_first = matches!(cause, Cause::Command { is_first: true });
        let (actor, auth, cause) = match cause {
            Cause::Command { .. } => (job.origin.actor.clone(), job.origin.auth, None),
            Cause::Entry(cause) => (Actor::System, Auth::None, Some(cause)),
        };
        let facts = event.facts((self.salt)()?)?;
        let particulars = match (&job.particulars, is_first) {
            (Some(value), true) => Some(Payload::new("particulars", value, (self.salt)()?)?),
            _ => None,
        };
        let header = Header {
            v: 1,
            kind: event.kind().to_owned(),
            rules: RULES,
            time: self.moment,
            project: job.origin.project.clone(),
            subject: event.subject(),
            actor,
            auth,
            cause,
            idempotency: job.origin.idempotency.filter(|_| is_first),
            facts: facts.commitment(),
            particulars: particulars.as_ref().map(Payload::commitment),
            blobs: blobs_of(event, job, is_first),
        };
        Ok(Entry { header: header.encode()?, facts, particulars })
    }
}

/// Blobs that the facts name, and those that came with the command.
fn blobs_of(event: &Event, job: &Job, is_first: bool) -> Vec<Digest> {
    let mut blobs = event.blobs();
    if is_first {
        blobs.extend(&job.blobs);
        blobs.sort();
        blobs.dedup();
    }
    blobs
}
