//! Intake: the queue in front of the writer, and the writer's thread. It drains the queue, has the writer decide and
//! append one batch, and answers every sender in the batch.
//!
//! Invariant: only this thread holds the writer, and the queue is bounded. Stopping actions have a separate lane
//! (`lanes.rs`).

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::State;
use domain::secret::{Reading, ReadingDecision};
use ledger::Ledger;
use tlog::Note;
use tokio::sync::{oneshot, watch};
use tracing::{Span, debug};

use crate::job::{Answer, IntakeError, Job};
use crate::lanes::{LaneError, Lanes, Next, Tasks};
use crate::world::World;
use crate::writer::Writer;
use crate::writer_error::WriterError;

/// The handle of the writer: a queue in front of its thread, and the durable state.
#[derive(Clone, Debug)]
pub struct Intake {
    queue: Arc<Lanes<Task>>,
    durable: Arc<RwLock<Arc<State>>>,
    appended: Arc<watch::Sender<u64>>,
    snapshot: u64,
}

type Waiting = (Job, oneshot::Sender<Result<Answer, IntakeError>>);

/// A read whose line the writer records.
type WaitingRead = (Reading, oneshot::Sender<Result<ReadingDecision, IntakeError>>);

/// A task for the writer's thread.
#[derive(Debug)]
enum Task {
    Decide(Box<Waiting>),
    Read(Box<WaitingRead>),
    Witnessed(Note, oneshot::Sender<Result<(), IntakeError>>),
}

impl Task {
    /// Whether the task goes first: stopping actions do, and cosignatures, which are small.
    fn goes_first(&self) -> bool {
        match self {
            Self::Decide(waiting) => waiting.0.command.stops(),
            Self::Read(_) => false,
            Self::Witnessed(..) => true,
        }
    }
}

impl Intake {
    /// Computes the state from the ledger's newest snapshot and starts the writer's thread.
    ///
    /// # Errors
    /// `WriterError` if the ledger cannot be read or has an entry that this program does not know.
    pub fn start(dir: &Path, ledger: Ledger) -> Result<(Self, JoinHandle<()>), WriterError> {
        let writer = Writer::open(dir, ledger, World::default())?;
        let (durable, snapshot) = (writer.durable(), writer.snapshot());
        let appended = Arc::new(watch::Sender::new(0));
        let signal = Arc::clone(&appended);
        let (queue, tasks) = Lanes::open();
        let work = move || run(writer, &tasks, &signal);
        let spawn = std::thread::Builder::new().name("intake".into()).spawn(work);
        let thread = spawn.map_err(|error| WriterError::Thread(error.to_string()))?;
        Ok((Self { queue: Arc::new(queue), durable, appended, snapshot }, thread))
    }

    /// The durable state.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.durable.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Size of the snapshot that the start used; 0 if it used none.
    #[must_use]
    pub const fn snapshot(&self) -> u64 {
        self.snapshot
    }

    /// Submits a command to the writer and waits until its outcome is durable.
    ///
    /// # Errors
    /// `IntakeError` if it was not decided.
    pub async fn submit(&self, job: Job) -> Result<Answer, IntakeError> {
        let (sender, receiver) = oneshot::channel();
        let action = job.origin.action.clone();
        self.enqueue(Task::Decide(Box::new((Job { span: Span::current(), ..job }, sender))))?;
        let answer = receiver.await;
        let answer = answer
            .unwrap_or_else(|_| Err(IntakeError::Stopped("it ended before the command was decided".into())));
        match &answer {
            Ok(Answer::Accepted { entry, .. }) => debug!(%action, entry, "accepted"),
            Ok(Answer::Repeated(entry)) => debug!(%action, entry, "repeated"),
            // It is on record, or counted there: everybody who is known can bring refusals about at will.
            Ok(Answer::Refused { entry, refusal }) => debug!(%action, entry, "refused: {refusal}"),
            Err(error) => debug!(%action, "not decided: {error}"),
        }
        answer
    }

    /// Has a read decided, and waits until its lines are durable.
    ///
    /// # Errors
    /// `IntakeError` if it was not decided; then nothing may be read.
    pub async fn read(&self, reading: Reading) -> Result<ReadingDecision, IntakeError> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(Task::Read(Box::new((reading, sender))))?;
        let ended = || Err(IntakeError::Stopped("it ended before the read was decided".into()));
        receiver.await.unwrap_or_else(|_| ended())
    }

    /// Stores a checkpoint that a quorum of witnesses has cosigned.
    ///
    /// # Errors
    /// `IntakeError` if it was not stored.
    pub async fn witnessed(&self, note: Note) -> Result<(), IntakeError> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(Task::Witnessed(note, sender))?;
        receiver.await.unwrap_or_else(|_| {
            Err(IntakeError::Stopped("it ended before the cosignatures were stored".into()))
        })
    }

    /// Changes after each append, and when the newest checkpoint was witnessed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.appended.subscribe()
    }

    /// Number of waiting tasks: those that go first, and ordinary ones.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        self.queue.count()
    }

    /// Whether the writer still accepts commands.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.queue.has_ended()
    }

    fn enqueue(&self, task: Task) -> Result<(), IntakeError> {
        let first = task.goes_first();
        self.queue.send(task, first).map_err(|error| match error {
            LaneError::Busy => IntakeError::Busy,
            LaneError::Ended => IntakeError::Stopped("see the server's log".into()),
        })
    }
}

fn run(mut writer: Writer, tasks: &Tasks<Task>, appended: &watch::Sender<u64>) {
    let signal = || appended.send_modify(|count| *count = count.wrapping_add(1));
    loop {
        let first = tasks.next(writer.has_counted().then_some(COUNTED_AFTER));
        let (mut waiting, mut reads, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = match first {
            Next::Task(first) => Some(first),
            Next::Nothing => {
                // No command came, but counted refusals of a past minute may still have to be recorded.
                writer.take(std::iter::empty());
                signal();
                None
            }
            Next::Closed => return,
        };
        while let Some(task) = next.take() {
            match task {
                Task::Decide(decide) => {
                    bytes += decide.0.bytes();
                    waiting.push(*decide);
                }
                Task::Read(read) => {
                    bytes += read.0.bytes();
                    reads.push(*read);
                }
                Task::Witnessed(note, sender) => {
                    let stored = writer.witnessed(&note);
                    signal();
                    drop(sender.send(stored));
                }
            }
            if waiting.len() + reads.len() < BATCH_COMMANDS_MAX && bytes < BATCH_BYTES_MAX {
                // The queue is empty or closed: decide the batch so far.
                next = tasks.at_once();
            }
        }
        if waiting.is_empty() && reads.is_empty() {
            continue;
        }
        let readings: Vec<_> = reads.iter().map(|(reading, _)| reading).collect();
        let (answers, read) = writer.take_with(waiting.iter().map(|(job, _)| job), &readings);
        if answers.iter().any(Result::is_ok) || read.iter().any(Result::is_ok) {
            signal();
        }
        for ((_, sender), answer) in reads.into_iter().zip(read) {
            drop(sender.send(answer));
        }
        for ((_, sender), answer) in waiting.into_iter().zip(answers) {
            // The sender may have gone; the entry is recorded even so.
            drop(sender.send(answer));
        }
        writer.settle();
    }
}

/// Interval at which the writer checks whether a minute of counted refusals is over.
const COUNTED_AFTER: Duration = Duration::from_secs(5);
/// Most commands and reads in one append.
const BATCH_COMMANDS_MAX: usize = 4_096;
/// Bytes of particulars beyond which no more commands join a batch.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
