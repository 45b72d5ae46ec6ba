//! The writer: decides commands and appends their events, one batch after the other.
//!
//! It keeps two states: its own is ahead of the disk, the durable one serves everybody else. After a failed or unknown
//! commit the writer computes its state again from the ledger, which is also how it starts.
//! Invariant: an answered command is on disk; a command that is not on disk was not answered. The writer itself reads
//! neither clock nor randomness: both come from its `World`.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::{Command, Event, EventError, RULES, Refusal, Refused, State, quota};
use evidence::canonical::CanonicalError;
use evidence::entry::{Actor, Auth, Entry, EntryError, Header, Payload, SALT_BYTES};
use evidence::{Digest, Moment, NameError};
use ledger::{Ledger, LedgerError, Reader, Tiles};
use tlog::Note;
use tracing::{Span, error};

use crate::clock;
use crate::disk_space::{DiskFull, DiskSpace};
pub use crate::job::{Answer, CommandSource, IntakeError, Job};
use crate::quotas::{Limits, QuotaError};
use crate::recorded;
use crate::refusals::Refusals;
use crate::salt::{self, NoRandomness};
use crate::snapshots;

/// Draws a salt.
type Salt = fn() -> Result<[u8; SALT_BYTES], NoRandomness>;

/// Functions of the machine that the writer uses.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The clock.
    pub now: fn() -> Moment,
    /// Randomness for salts.
    pub salt: Salt,
}

impl Default for World {
    fn default() -> Self {
        Self { now: clock::now, salt: salt::draw }
    }
}

/// The only component that appends to the ledger.
#[derive(Debug)]
pub struct Writer {
    ledger: Ledger,
    reader: Reader,
    dir: PathBuf,
    disk_space: DiskSpace,
    world: World,
    limits: Limits,
    refusals: Refusals,
    ahead: State,
    durable: Arc<RwLock<Arc<State>>>,
    /// Size of the snapshot that the state was computed from.
    snapshot: u64,
}

/// A batch under construction.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    events: Vec<(Event, Moment, Span)>,
    /// First entry of each idempotency key of this batch.
    keys: BTreeMap<Digest, u64>,
}

impl Writer {
    /// Computes the state from the ledger's newest snapshot, and derives missing tiles.
    ///
    /// # Errors
    /// `WriterError` if the ledger cannot be read or has an entry that this program does not know.
    pub fn open(dir: &Path, ledger: Ledger, world: World) -> Result<Self, WriterError> {
        let limits = Limits::read(dir)?;
        let mut writer = Self {
            limits,
            refusals: Refusals::new(limits.refusals_per_minute),
            ledger,
            reader: Reader::open(dir)?,
            dir: dir.to_path_buf(),
            disk_space: DiskSpace::of(dir),
            world,
            ahead: State::default(),
            durable: Arc::new(RwLock::new(Arc::new(State::default()))),
            snapshot: 0,
        };
        writer.reload()?;
        Tiles::new(&writer.dir, &writer.reader).derive()?;
        Ok(writer)
    }

    /// The shared durable state.
    #[must_use]
    pub fn durable(&self) -> Arc<RwLock<Arc<State>>> {
        Arc::clone(&self.durable)
    }

    /// Size of the snapshot that the state was computed from; 0 if none was used.
    #[must_use]
    pub const fn snapshot(&self) -> u64 {
        self.snapshot
    }

    /// Decides commands in order and appends their events in one batch; they are durable when it returns. The answers have
    /// the same order.
    pub fn take<'a>(
        &mut self,
        jobs: impl Iterator<Item = &'a Job> + Clone,
    ) -> Vec<Result<Answer, IntakeError>> {
        // A command without space is rejected; the others are decided as if they had come alone.
        let disk_space: Vec<_> = jobs.clone().map(|job| self.disk_space.for_command(&job.command)).collect();
        let admitted =
            || jobs.clone().zip(&disk_space).filter(|(_, disk_space)| disk_space.is_ok()).map(|(job, _)| job);
        let mut decided = match self.decide_and_append(admitted()) {
            Ok(answers) => answers,
            Err(error) => {
                let error = match self.reload() {
                    Ok(()) => IntakeError::Append(error.to_string()),
                    Err(again) => IntakeError::Stopped(format!("{error}; then {again}")),
                };
                admitted().map(|job| self.recorded(job).map_or_else(|| Err(error.clone()), Ok)).collect()
            }
        }
        .into_iter();
        let answer = |disk_space: Result<(), DiskFull>| match disk_space {
            Ok(()) => decided.next().unwrap_or_else(|| Err(IntakeError::Stopped("it gave no answer".into()))),
            Err(full) => Err(full.into()),
        };
        disk_space.into_iter().map(answer).collect()
    }

    /// Writes files that follow from the entries. They are made after the answers, which do not need them.
    pub fn settle(&self) {
        if let Err(error) = Tiles::new(&self.dir, &self.reader).derive() {
            error!("tiles are not up to date: {error}");
        }
    }

    /// Stores a checkpoint with its cosignatures.
    ///
    /// # Errors
    /// `IntakeError` if it was not stored.
    pub fn witnessed(&mut self, note: &Note) -> Result<(), IntakeError> {
        let stored = self.ledger.set_witnessed(note, (self.world.now)());
        stored.map_err(|error| IntakeError::Append(error.to_string()))
    }

    /// After a commit whose outcome is unknown: the answer for a command that the ledger contains.
    fn recorded(&self, job: &Job) -> Option<Answer> {
        let key = job.origin.idempotency?;
        self.reader.by_idempotency(&key).ok().flatten().map(Answer::Repeated)
    }

    fn decide_and_append<'a>(
        &mut self,
        jobs: impl Iterator<Item = &'a Job>,
    ) -> Result<Vec<Result<Answer, IntakeError>>, WriterError> {
        let moment = self.moment()?;
        let mut batch = Batch::default();
        let mut answers = Vec::new();
        self.count_refusals(moment, &mut batch)?;
        for job in jobs {
            answers.push(self.decide(job, moment, &mut batch)?);
        }
        if batch.entries.is_empty() {
            return Ok(answers);
        }
        let append = self.ledger.begin(self.ahead.entries - batch.entries.len() as u64)?;
        if !append.new_entries().is_empty() {
            return Err(LedgerError::Stale.into());
        }
        let head = append.append(&batch.entries)?;
        self.publish(&batch);
        let size = head.frontier.size();
        answers.iter_mut().for_each(|answer| {
            if let Ok(Answer::Accepted { size: after, .. }) = answer {
                *after = size;
            }
        });
        Ok(answers)
    }

    /// Decides one command and adds its events to a batch. A command that does not fit an entry changes nothing and does not
    /// affect the others.
    fn decide(
        &mut self,
        job: &Job,
        moment: Moment,
        batch: &mut Batch,
    ) -> Result<Result<Answer, IntakeError>, WriterError> {
        if let Some(key) = job.origin.idempotency {
            // Whether it is the same command is checked against the recorded entry, once that entry is durable.
            let recorded = match batch.keys.get(&key) {
                Some(entry) => Some(*entry),
                None => self.reader.by_idempotency(&key)?,
            };
            if let Some(entry) = recorded {
                return Ok(Ok(Answer::Repeated(entry)));
            }
        }
        let entry = self.ahead.entries;
        let over = match &job.command {
            Command::Run(run) => quota::over(&self.ahead, run, self.limits.runs()),
            _ => None,
        };
        let decided = over.map_or_else(|| domain::decide(&self.ahead, &job.command, moment), Err);
        match decided {
            Ok(events) => {
                let recorded = self.record(job, events, moment, batch)?;
                Ok(recorded.map(|()| Answer::Accepted { entry, size: 0 }))
            }
            Err(refusal) => {
                let Actor::Person(person) = job.origin.actor else {
                    return Ok(Ok(Answer::Refused { entry: None, refusal }));
                };
                if cfg!(feature = "drill-refusal-record") {
                    return Ok(Ok(Answer::Refused { entry: Some(entry), refusal }));
                }
                let person = person.into();
                if !self.refusals.may_record(person, moment) {
                    return Ok(Ok(Answer::Refused { entry: None, refusal }));
                }
                let refusal = refusal.with_texts_of(REFUSAL_TEXT_CHARS_MAX);
                let reasons = refusal.reasons().map(|reason| reason.code.clone()).collect();
                let action = job.origin.action.clone();
                let refused = Refused { person, action, reasons, more: None };
                let texts = serde_json::to_value(&refusal).map_err(WriterError::particulars)?;
                let recorded =
                    self.record(&job.refused(texts), vec![Event::Refused(refused)], moment, batch)?;
                Ok(recorded.map(|()| Answer::Refused { entry: Some(entry), refusal }))
            }
        }
    }

    /// Whether counted refusals remain to be recorded by a later call.
    #[must_use]
    pub fn has_counted(&self) -> bool {
        self.refusals.are_counted()
    }

    /// Records the number of counted refusals in minutes that are over.
    fn count_refusals(&mut self, moment: Moment, batch: &mut Batch) -> Result<(), WriterError> {
        for (person, more) in self.refusals.take_over(moment) {
            // Refusals of a person who was withdrawn meanwhile are dropped, because replay accepts no entry of a stranger.
            if self.ahead.identity.enrolled(person).is_none() {
                continue;
            }
            let job = Job::counting()?;
            let event = Event::Refused(quota::counted(person, job.origin.action.clone(), more));
            // The event is small, so it always fits an entry.
            let _ = self.record(&job, vec![event], moment, batch)?;
        }
        Ok(())
    }

    /// Records events and everything that follows from them; nothing if one of them does not fit an entry.
    fn record(
        &mut self,
        job: &Job,
        events: Vec<Event>,
        moment: Moment,
        batch: &mut Batch,
    ) -> Result<Result<(), IntakeError>, WriterError> {
        let mut queue = VecDeque::new();
        for event in events {
            match entry_of(&event, job, moment, None, queue.is_empty(), self.world.salt) {
                Ok(entry) => queue.push_back((event, entry)),
                Err(error @ (WriterError::Entry(_) | WriterError::Canonical(_))) => {
                    return Ok(Err(IntakeError::Unfit(error.to_string())));
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(key) = job.origin.idempotency {
            batch.keys.insert(key, self.ahead.entries);
        }
        let mut followed = 0;
        while let Some((event, entry)) = queue.pop_front() {
            let seq = self.ahead.entries;
            self.ahead.apply(&event, moment);
            for command in domain::next(&self.ahead, &event) {
                followed += 1;
                if followed > FOLLOWING_MAX {
                    return Err(WriterError::Endless);
                }
                let decided = domain::decide(&self.ahead, &command, moment);
                for event in decided.map_err(WriterError::Flow)? {
                    let entry = entry_of(&event, job, moment, Some(seq), false, self.world.salt)?;
                    queue.push_back((event, entry));
                }
            }
            batch.entries.push(entry);
            batch.events.push((event, moment, job.span.clone()));
        }
        Ok(Ok(()))
    }

    fn publish(&self, batch: &Batch) {
        let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
        // Copies the state only while somebody still reads the old one.
        let state = Arc::make_mut(&mut durable);
        let first = state.entries;
        batch.events.iter().for_each(|(event, moment, _)| state.apply(event, *moment));
        drop(durable);
        (first..).zip(&batch.events).for_each(|(entry, (event, _, span))| recorded::say(span, event, entry));
    }

    /// Computes the state from the ledger's newest snapshot: at the start, and after a failed commit.
    fn reload(&mut self) -> Result<(), WriterError> {
        let (state, snapshot) = snapshots::state_of(&self.dir, &self.reader)?;
        self.snapshot = snapshot;
        self.ahead = state.clone();
        *self.durable.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        Ok(())
    }

    /// The time of a batch: it never goes back, and a clock that is minutes behind the ledger stops the writer.
    fn moment(&self) -> Result<Moment, WriterError> {
        let (now, last) = ((self.world.now)(), self.ahead.time);
        if now.later_by(CLOCK_BEHIND_MAX) < last {
            return Err(WriterError::Clock { now, last });
        }
        Ok(now.max(last))
    }
}

fn entry_of(
    event: &Event,
    job: &Job,
    moment: Moment,
    cause: Option<u64>,
    first: bool,
    salt: Salt,
) -> Result<Entry, WriterError> {
    let facts = event.facts(salt()?)?;
    let particulars = match (&job.particulars, first) {
        (Some(value), true) => Some(Payload::new("particulars", value, salt()?)?),
        _ => None,
    };
    let header = Header {
        v: 1,
        kind: event.kind().to_owned(),
        rules: RULES,
        time: moment,
        project: job.origin.project.clone(),
        subject: event.subject(),
        actor: if cause.is_some() { Actor::System } else { job.origin.actor.clone() },
        auth: if cause.is_some() { Auth::None } else { job.origin.auth },
        cause,
        idempotency: job.origin.idempotency.filter(|_| first),
        facts: facts.commitment(),
        particulars: particulars.as_ref().map(Payload::commitment),
        blobs: blobs_of(event, job, first),
    };
    Ok(Entry { header: header.encode()?, facts, particulars })
}

/// Blobs that the facts name, and those that came with the command.
fn blobs_of(event: &Event, job: &Job, first: bool) -> Vec<Digest> {
    let mut blobs = event.blobs();
    if first {
        blobs.extend(&job.blobs);
        blobs.sort();
        blobs.dedup();
    }
    blobs
}

/// Why the writer could not work.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An entry is not an event that this program knows.
    #[error(transparent)]
    Event(#[from] EventError),
    /// An entry could not be made or is invalid.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Facts or particulars could not be encoded.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// No randomness for a salt.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The operator's quotas are invalid.
    #[error(transparent)]
    Quotas(#[from] QuotaError),
    /// A name that this program uses itself is invalid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The clock is behind the ledger.
    #[error("the clock says {now}, but the ledger's last entry is of {last}; set the clock")]
    Clock {
        /// Time of the clock.
        now: Moment,
        /// Time of the last entry.
        last: Moment,
    },
    /// The flow would not end.
    #[error("more than {FOLLOWING_MAX} commands follow from one; this is a bug")]
    Endless,
    /// A command of the flow was refused.
    #[error("a command that follows automatically was refused; this is a bug: {0}")]
    Flow(Refusal),
    /// The thread could not be started.
    #[error("cannot start the writer's thread: {0}")]
    Thread(String),
}

impl WriterError {
    fn particulars(source: serde_json::Error) -> Self {
        Self::Canonical(CanonicalError::Shape { what: "particulars", source })
    }
}

/// Most commands that wait.
pub const QUEUE_MAX: usize = 16_384;
/// Most commands that may follow from one.
const FOLLOWING_MAX: usize = 1_000;
/// Longest recorded text of a reason; a longer one repeats text that was sent.
const REFUSAL_TEXT_CHARS_MAX: usize = 500;
/// How far the clock may be behind the ledger before the writer stops.
const CLOCK_BEHIND_MAX: Duration = Duration::from_mins(2);
