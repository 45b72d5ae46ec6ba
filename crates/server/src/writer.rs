//! The writer: takes commands, appends what was decided, and answers, one batch after the other.
//!
//! It keeps two states: the decider's is ahead of the disk, the durable one serves everybody else. After a failed or unknown
//! commit the writer computes the state again from the ledger, which is also how it starts.
//! Invariant: an answered command is on disk; a command that is not on disk was not answered.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use domain::State;
use domain::secret::{Reading, ReadingDecision};
use ledger::{Ledger, LedgerError, Reader, Tiles};
use tlog::Note;
use tracing::error;

use crate::batch::Batch;
use crate::decider::Decider;
use crate::disk_space::{DiskFull, DiskSpace};
use crate::job::{Answer, IntakeError, Job};
use crate::quotas::Limits;
use crate::world::World;
use crate::writer_error::WriterError;
use crate::{recorded, snapshots};

/// The outcome of a read.
type ReadingAnswer = Result<ReadingDecision, IntakeError>;
/// The outcomes of commands and of reads, each in their order.
type Answers = (Vec<Result<Answer, IntakeError>>, Vec<ReadingAnswer>);

/// The only component that appends to the ledger.
#[derive(Debug)]
pub struct Writer {
    ledger: Ledger,
    reader: Reader,
    dir: PathBuf,
    disk_space: DiskSpace,
    decider: Decider,
    durable: Arc<RwLock<Arc<State>>>,
    /// Size of the snapshot that the state was computed from.
    snapshot: u64,
}

impl Writer {
    /// Computes the state from the ledger's newest snapshot, and derives missing tiles.
    ///
    /// # Errors
    /// `WriterError` if the ledger cannot be read or has an entry that this program does not know.
    pub fn open(dir: &Path, ledger: Ledger, world: World) -> Result<Self, WriterError> {
        let mut writer = Self {
            ledger,
            reader: Reader::open(dir)?,
            dir: dir.to_path_buf(),
            disk_space: DiskSpace::of(dir),
            decider: Decider::new(Limits::read(dir)?, world),
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

    /// Whether counted refusals remain to be recorded by a later call.
    #[must_use]
    pub fn has_counted(&self) -> bool {
        self.decider.has_counted()
    }

    /// Decides commands in order and appends their events in one batch; they are durable when it returns. The answers have
    /// the same order.
    pub fn take<'a>(
        &mut self,
        jobs: impl Iterator<Item = &'a Job> + Clone,
    ) -> Vec<Result<Answer, IntakeError>> {
        self.take_with(jobs, &[]).0
    }

    /// The same, and decides reads after the commands. Their lines are in the same batch, so a read is answered only once its
    /// line is durable. If the disk is full or the append fails, nothing is read.
    pub fn take_with<'a>(
        &mut self,
        jobs: impl Iterator<Item = &'a Job> + Clone,
        readings: &[&Reading],
    ) -> Answers {
        let space = if readings.is_empty() { Ok(()) } else { self.disk_space.for_anything() };
        let read = space.as_ref().map(|()| readings).unwrap_or_default();
        // A command without space is rejected; the others are decided as if they had come alone.
        let spaces: Vec<_> = jobs.clone().map(|job| self.disk_space.for_command(&job.command)).collect();
        let admitted = || jobs.clone().zip(&spaces).filter(|(_, space)| space.is_ok()).map(|(job, _)| job);
        let (decided, answers) = match self.decide_and_append(admitted(), read) {
            Ok(answers) => answers,
            Err(error) => {
                let error = match self.reload() {
                    Ok(()) => IntakeError::Append(error.to_string()),
                    Err(again) => IntakeError::Stopped(format!("{error}; then {again}")),
                };
                let recorded = |job| self.recorded(job).map_or_else(|| Err(error.clone()), Ok);
                (admitted().map(recorded).collect(), read.iter().map(|_| Err(error.clone())).collect())
            }
        };
        let mut decided = decided.into_iter();
        let answer = |space: Result<(), DiskFull>| match space {
            Ok(()) => decided.next().unwrap_or_else(|| Err(IntakeError::Stopped("it gave no answer".into()))),
            Err(full) => Err(full.into()),
        };
        let readings = match space {
            Ok(()) => answers,
            Err(full) => readings.iter().map(|_| Err(full.into())).collect(),
        };
        (spaces.into_iter().map(answer).collect(), readings)
    }

    fn decide_and_append<'a>(
        &mut self,
        jobs: impl Iterator<Item = &'a Job>,
        readings: &[&Reading],
    ) -> Result<Answers, WriterError> {
        let mut batch = self.decider.begin()?;
        let mut answers = Vec::new();
        for job in jobs {
            answers.push(self.decider.decide(job, &self.reader, &mut batch)?);
        }
        let mut read = Vec::new();
        for reading in readings {
            read.push(self.decider.read(reading, &mut batch)?);
        }
        self.decider.conclude(&mut batch)?;
        if batch.entries.is_empty() {
            return Ok((answers, read));
        }
        let append = self.ledger.begin(self.decider.entries() - batch.entries.len() as u64)?;
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
        Ok((answers, read))
    }

    fn publish(&self, batch: &Batch) {
        let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
        // Copies the state only while somebody still reads the old one.
        let state = Arc::make_mut(&mut durable);
        let first = state.entries;
        batch.events.iter().for_each(|(event, _)| state.apply(event, batch.moment));
        drop(durable);
        (first..).zip(&batch.events).for_each(|(entry, (event, span))| recorded::say(span, event, entry));
    }

    /// Computes the state from the ledger's newest snapshot: at the start, and after a failed commit.
    fn reload(&mut self) -> Result<(), WriterError> {
        let (state, snapshot) = snapshots::state_of(&self.dir, &self.reader)?;
        self.snapshot = snapshot;
        self.decider.set_state(state.clone());
        *self.durable.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        Ok(())
    }

    /// After a commit whose outcome is unknown: the answer for a command that the ledger contains.
    fn recorded(&self, job: &Job) -> Option<Answer> {
        let key = job.origin.idempotency?;
        self.reader.by_idempotency(&key).ok().flatten().map(Answer::Repeated)
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
        let stored = self.ledger.set_witnessed(note, self.decider.now());
        stored.map_err(|error| IntakeError::Append(error.to_string()))
    }
}
