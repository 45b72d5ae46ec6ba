//! Tasks of this program: strangers' bytes are parsed in a sandbox without network, key or file of the host.
//!
//! Input: words of a task and the files that it reads. Output: the document that it left, or the reason why it left nothing. Invariant:
//! a task gets no more than the operator gives to a step, and no more memory than its step has reserved.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use evidence::document;
use sandbox::{Exit, Input, Level, Limits, OutputError, Outputs, SandboxError, Spec, StepOutcome};
use scan::advisories::AdvisoriesError;

use crate::caps::Caps;
use crate::host::Host;

/// The memory that a step has reserved and does not use while its tasks run.
#[derive(Clone, Copy, Debug)]
pub struct TaskRoom {
    caps: Caps,
    left: u64,
}

/// A task.
#[derive(Debug)]
pub struct Task<'a> {
    /// Words of its command.
    pub words: Vec<String>,
    /// Files that it sees.
    pub inputs: Vec<Input<'a>>,
    /// Files of the operator that it sees read-only, at the same paths.
    pub binds: Vec<PathBuf>,
    /// Memory that it needs at most.
    pub memory_bytes: u64,
    /// Inputs that this process holds for the task alone.
    pub held: u64,
    /// Time that it gets, unless the operator gives less.
    pub seconds: u64,
}

/// The result of a task.
#[derive(Debug)]
pub struct TaskDone {
    /// The isolation that it ran in, if it ran.
    pub level: Option<Level>,
    /// The document that it left.
    pub document: Result<Vec<u8>, TaskFault>,
}

/// Why a task leaves no document, as it says itself.
#[derive(Debug, thiserror::Error)]
pub enum OwnTaskError {
    /// This program has no such task.
    #[error("no such task")]
    Unknown,
    /// A file of its workspace cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Its report cannot be read; it may look like one of another format.
    #[error("{0}{1}")]
    Report(scan::ScanError, String),
    /// Its files cannot be read.
    #[error(transparent)]
    Scan(#[from] scan::ScanError),
    /// The database of advisories cannot be read, or the judgement has no document.
    #[error(transparent)]
    Advisories(#[from] AdvisoriesError),
    /// The operator has put another database in the place of the one that the receipt would name.
    #[error("the advisories were replaced while they were opened; run the commit again")]
    Replaced,
    /// An image in which steps run cannot be judged.
    #[error(transparent)]
    Image(#[from] scan::images::toolchain::ToolchainError),
    /// The document is unsound or too large.
    #[error(transparent)]
    Document(#[from] document::DocumentError),
}

/// Why a task has no result.
#[derive(Debug, thiserror::Error)]
pub enum TaskFault {
    /// Its files do not fit a workspace.
    #[error(
        "it takes a workspace of {asked} MiB, this runner gives at most {most}; have the operator raise `--step-workspace-max`"
    )]
    Workspace {
        /// The size that it needs.
        asked: u64,
        /// The operator's limit.
        most: u64,
    },
    /// The memory of all steps is too small for it.
    #[error(
        "its reader has no memory beside the workspace and the outputs of the step; ask for a lower `workspace-mib`, or have the operator raise `--steps-memory-max`"
    )]
    Room,
    /// It said why.
    #[error("{0}")]
    Said(String),
    /// It ended without a word.
    #[error("its reader {0}")]
    Ended(String),
    /// It left nothing that can be read.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl TaskRoom {
    /// Memory to reserve for a step that fills this much while it runs, and has a workspace and inputs of this size: enough
    /// for the step, and afterwards for a task beside what the step left.
    #[must_use]
    pub fn reserved(filled: u64, remains: u64, task: Option<u64>) -> u64 {
        task.map_or(filled, |task| filled.max(remains.saturating_add(task)))
    }

    /// Room of the tasks of a step that has reserved memory, of which this much stays in use.
    #[must_use]
    pub fn new(caps: Caps, reserved: u64, used: u64) -> Self {
        Self { caps, left: reserved.min(caps.total_mib << 20).saturating_sub(used) }
    }
}

impl Task<'_> {
    /// Memory that a task with files of this size fills at most, under the operator's limits.
    #[must_use]
    pub fn filled(caps: &Caps, files: u64, memory_bytes: u64) -> u64 {
        let memory_bytes = memory_bytes.min(caps.memory_mib << 20);
        let workspace_bytes = files.min(caps.workspace_mib << 20);
        Limits { workspace_bytes, memory_bytes, ..usual(caps) }.filled_bytes()
    }

    /// Runs the task and reads the document that it left.
    ///
    /// # Errors
    /// `SandboxError` if the sandbox failed. A task without a result is no such error.
    pub fn run(self, room: &TaskRoom, host: &Host<'_>) -> Result<TaskDone, SandboxError> {
        let limits = match self.limits(room) {
            Ok(limits) => limits,
            Err(fault) => return Ok(TaskDone { level: None, document: Err(fault) }),
        };
        let spec = Spec {
            command: self.words,
            own: true,
            script: None,
            environment: BTreeMap::new(),
            binds: self.binds,
            image: None,
            network: Vec::new(),
            connect: Vec::new(),
            certificates: None,
            service: None,
            secrets: Vec::new(),
            limits,
        };
        let log = Mutex::new(Vec::new());
        let said = |_, piece: &[u8]| {
            log.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(piece);
        };
        let StepOutcome { exit, outputs, level, .. } =
            host.isolation.run(&spec, &self.inputs, &said, host.wanted)?;
        let said = log.into_inner().unwrap_or_else(PoisonError::into_inner);
        let said = document::text(&String::from_utf8_lossy(&said), REASON_BYTES_MAX);
        let document = match exit {
            Exit::Code(0) => read(&outputs, DOCUMENT, document::BYTES_MAX).map_err(TaskFault::from),
            exit => Err(fault(exit, said, &limits)),
        };
        Ok(TaskDone { level: Some(level), document })
    }

    fn limits(&self, room: &TaskRoom) -> Result<Limits, TaskFault> {
        let files = files_bytes(self.inputs.iter().map(|input| input.bytes.len()));
        let most = room.caps.workspace_mib;
        if files > most << 20 {
            return Err(TaskFault::Workspace { asked: files.div_ceil(1 << 20), most });
        }
        let wall_ms = self.seconds.min(room.caps.time_seconds) * 1000;
        let limits = Limits { workspace_bytes: files, wall_ms, ..usual(&room.caps) };
        let left = room.left.saturating_sub(self.held).checked_sub(limits.filled_bytes());
        let memory = self.memory_bytes.min(room.caps.memory_mib << 20);
        let memory_bytes = memory.min(left.ok_or(TaskFault::Room)?);
        if memory_bytes < MEMORY_MIN { Err(TaskFault::Room) } else { Ok(Limits { memory_bytes, ..limits }) }
    }
}

/// Why a task that ended in this way has no result.
fn fault(exit: Exit, said: String, limits: &Limits) -> TaskFault {
    match exit {
        Exit::Code(_) if !said.is_empty() => TaskFault::Said(said),
        Exit::Code(code) => TaskFault::Ended(format!("ended with code {code}")),
        Exit::Signal(signal) => TaskFault::Ended(format!("was ended by signal {signal}")),
        Exit::TimedOut => {
            TaskFault::Ended(format!("exceeded its time limit of {} seconds", limits.wall_ms / 1000))
        }
        Exit::MemoryExceeded => {
            TaskFault::Ended(format!("exceeded its memory limit of {} MiB", limits.memory_bytes >> 20))
        }
    }
}

/// Limits that do not depend on the task, without its memory and workspace.
fn usual(caps: &Caps) -> Limits {
    Limits {
        workspace_bytes: 0,
        tmp_bytes: 1 << 20,
        memory_bytes: 0,
        processes: PROCESSES.min(caps.processes),
        open_files: 64,
        wall_ms: 0,
        log_bytes: 16 << 10,
    }
}

/// Size of a workspace for files of these sizes, and for the result.
pub fn files_bytes(sizes: impl Iterator<Item = usize>) -> u64 {
    sizes.map(|bytes| bytes as u64 + FILE_BYTES).sum::<u64>() + RESULT_BYTES
}

/// Content of a file that a step or task left, at most this many bytes and one more.
pub fn read(outputs: &Outputs, path: &str, most: usize) -> Result<Vec<u8>, OutputError> {
    let file = outputs.open(Path::new(path))?;
    let mut bytes = Vec::new();
    let io = |source| OutputError::Io { path: path.into(), source };
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// The file that a task leaves.
pub const DOCUMENT: &str = "document.json";
const REASON_BYTES_MAX: usize = 1_000;
/// Room for a file beside its bytes.
const FILE_BYTES: u64 = 4_096;
/// Room for the document and for directories.
const RESULT_BYTES: u64 = 16 << 20;
/// With less memory this program does not even start a task.
const MEMORY_MIN: u64 = 16 << 20;
const PROCESSES: u64 = 8;
