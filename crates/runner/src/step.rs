//! One step: the sandbox around its command, and a signed receipt of what came of it.
//!
//! Invariant: outputs are read once, after every process of the step is dead, and the receipt names the
//! bytes that were read. A step whose declared output is missing has failed, whatever it said itself.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::pipeline::{PATH, Pipeline, PipelineError, Step};
use evidence::receipt::{Ending, Forge, Output, Reached, Receipt, ReceiptError, SandboxLevel, Work};
use evidence::tree_list::TreeListError;
use evidence::{Digest, Id, Moment, Name};
use sandbox::{
    Destination, Exit, Input, InputKind, Limits, Outcome, OutputError, OutputKind, Outputs, SandboxError,
    Spec, Stream,
};

use crate::ecosystem;
use crate::source::Source;
use crate::toolchain::Toolchain;

/// Who runs the step, and for what.
#[derive(Debug)]
pub struct Identity<'a> {
    /// The installation.
    pub installation: Id,
    /// Name of the runner in the trust root.
    pub runner: Name,
    /// Version of the trust root that the runner has pinned.
    pub root: u32,
    /// The runner's receipt key.
    pub signer: &'a MachineSigner,
    /// The project.
    pub project: Name,
    /// Nonce of this run of the step.
    pub nonce: Id,
}

/// The machine that runs it.
pub struct Host<'a> {
    /// What steps see of it.
    pub toolchain: &'a Toolchain,
    /// What keeps the step apart from everything else.
    pub isolation: &'a dyn Isolation,
    /// Its clock.
    pub now: &'a dyn Fn() -> Moment,
    /// Where the log goes as it comes.
    pub log: Log<'a>,
    /// Whether anybody still wants the step.
    pub wanted: Wanted<'a>,
}

/// What keeps a step apart from everything else while it runs.
pub trait Isolation: Send + Sync {
    /// Runs a step to its end, or until nobody wants it; every process of it is dead when this answers.
    ///
    /// # Errors
    /// `SandboxError` when it did not run to an end.
    fn run(
        &self,
        spec: &Spec,
        inputs: &[Input],
        log: Log<'_>,
        wanted: Wanted<'_>,
    ) -> Result<Outcome, SandboxError>;
}

/// The sandbox of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox {
    /// Makes a command that ends up in the sandbox's init.
    pub init: fn() -> Command,
}

impl Isolation for Sandbox {
    fn run(
        &self,
        spec: &Spec,
        inputs: &[Input],
        log: Log<'_>,
        wanted: Wanted<'_>,
    ) -> Result<Outcome, SandboxError> {
        sandbox::run((self.init)(), spec, inputs, log, wanted)
    }
}

/// What the step is given besides the source: outputs of the steps that it needs.
pub type Given = BTreeMap<String, Kept>;

/// A file that a step left, with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its digest, size and mode.
    pub output: Output,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What came of a step.
#[derive(Debug)]
pub struct Execution {
    /// The receipt, signed.
    pub receipt: Envelope,
    /// The same, to be read.
    pub facts: Receipt,
    /// What the step left.
    pub outputs: Given,
    /// Its log, both streams as they came.
    pub log: Vec<u8>,
}

/// Gets each piece of the log as it comes.
pub type Log<'a> = &'a (dyn Fn(Stream, &[u8]) + Sync);

/// Says whether what is being done is still wanted.
pub type Wanted<'a> = &'a dyn Fn() -> bool;

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The commit has no pipeline file.
    #[error("commit {0} has no {PATH}")]
    NoPipeline(evidence::CommitId),
    /// The file is none.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The pipeline has no such step, or it is people's.
    #[error("the pipeline has no step `{0}` that is run")]
    NoStep(Name),
    /// A step asks for a destination that is none.
    #[error("step `{0}`: network: {1}")]
    Network(Name, String),
    /// An input is not what its digest says, or would overwrite another.
    #[error("input `{0}` is not what it is said to be, or stands in the source already")]
    Input(String),
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// An output cannot be read.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// An output is a link or too large.
    #[error("output `{0}`: {1}")]
    Unfit(String, &'static str),
    /// The receipt cannot be made.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The tree cannot be listed.
    #[error(transparent)]
    Tree(#[from] TreeListError),
}

/// Runs one step of the pipeline that lies in the source.
///
/// # Errors
/// `StepError` when there is nothing to sign; a step that failed has a receipt.
pub fn execute(
    identity: &Identity<'_>,
    source: &Source,
    step: &Name,
    given: &Given,
    host: &Host<'_>,
) -> Result<Execution, StepError> {
    let file = source.file(PATH).ok_or_else(|| StepError::NoPipeline(source.id.clone()))?;
    let pipeline = Pipeline::parse(file)?;
    let plan = pipeline.steps.get(step).ok_or_else(|| StepError::NoStep(step.clone()))?;
    let spec = spec(identity, source, step, plan, host.toolchain)?;
    let inputs = inputs(source, given)?;
    let kept = Mutex::new(Vec::new());
    let started = (host.now)();
    let log = |stream, piece: &[u8]| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(piece);
        (host.log)(stream, piece);
    };
    let outcome = host.isolation.run(&spec, &inputs, &log, host.wanted)?;
    let mut log = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    if outcome.log_truncated {
        log.extend_from_slice(b"\ncountersign: the log reached its limit; the rest was dropped\n");
    }
    for to in &outcome.refused {
        log.extend_from_slice(format!("countersign: refused to connect to {to}\n").as_bytes());
    }
    let mut ending = ending(outcome.exit);
    let mut outputs = Given::new();
    let mut room = OUTPUTS_BYTES_MAX;
    for declared in &plan.outputs {
        match collect(&outcome.outputs, declared, &mut outputs, &mut room) {
            Ok(()) => {}
            Err(error) if ending == Ending::Code(0) => {
                // What was promised is not there: the step has failed, and its log says why.
                log.extend_from_slice(format!("countersign: {error}\n").as_bytes());
                ending = Ending::Code(OUTPUT_MISSING);
            }
            Err(_) => {}
        }
    }
    let facts = Receipt {
        v: 1,
        installation: identity.installation,
        runner: identity.runner.clone(),
        root: identity.root,
        nonce: identity.nonce,
        project: identity.project.clone(),
        commit: source.id.clone(),
        tree: source.list.digest()?,
        pipeline: Pipeline::digest(file),
        work: Work::Step(step.clone()),
        inputs: given.iter().map(|(path, kept)| (path.clone(), kept.output.clone())).collect(),
        outputs: outputs.iter().map(|(path, kept)| (path.clone(), kept.output.clone())).collect(),
        exit: ending,
        sandbox: SandboxLevel {
            user: outcome.level.user,
            landlock: outcome.level.landlock,
            memory: outcome.level.memory,
            toolchain: host.toolchain.digest(),
        },
        network: outcome.reached.into_iter().map(reached).collect(),
        log: Digest::of(&log),
        started,
        ended: (host.now)().max(started),
        forge: Forge::None,
    };
    Ok(Execution { receipt: facts.sign(identity.signer)?, facts, outputs, log })
}

fn spec(
    identity: &Identity<'_>,
    source: &Source,
    name: &Name,
    step: &Step,
    toolchain: &Toolchain,
) -> Result<Spec, StepError> {
    let run = step.run.as_ref().ok_or_else(|| StepError::NoStep(name.clone()))?;
    let mut environment = toolchain.environment().clone();
    environment.extend(step.env.clone());
    environment.extend([
        ("COUNTERSIGN_COMMIT".to_owned(), source.id.to_string()),
        ("COUNTERSIGN_PROJECT".into(), identity.project.to_string()),
        ("COUNTERSIGN_STEP".into(), name.to_string()),
        ("SOURCE_DATE_EPOCH".into(), source.time_seconds().to_string()),
    ]);
    let network = plan_network(name, step)?;
    if !network.is_empty() {
        environment.extend(proxy_environment());
    }
    let mib = |asked: Option<u64>, default: u64| asked.unwrap_or(default) << 20;
    let limits = Limits {
        workspace_bytes: mib(step.limits.workspace_mib, 4096),
        tmp_bytes: 1 << 30,
        memory_bytes: mib(step.limits.memory_mib, 4096),
        processes: step.limits.processes.unwrap_or(512),
        open_files: 4096,
        wall_ms: step.limits.time_seconds.unwrap_or(1800) * 1000,
        log_bytes: 16 << 20,
    };
    Ok(Spec { command: run.command(), environment, binds: toolchain.binds().to_vec(), network, limits })
}

/// Destinations as the pipeline names them: ecosystems by the hosts of their own clients, or hosts.
fn plan_network(name: &Name, step: &Step) -> Result<Vec<Destination>, StepError> {
    let mut destinations = Vec::new();
    for text in &step.network {
        let wrong = |what: String| StepError::Network(name.clone(), what);
        let hosts = match ecosystem::hosts(text) {
            Some(hosts) => hosts.map_err(wrong)?.into_iter().collect(),
            None => vec![text.clone()],
        };
        for host in hosts {
            let full = if host.contains(':') { host.clone() } else { format!("{host}:443") };
            let known = host.contains(['.', ':']);
            let remedy = || {
                wrong(format!(
                    "`{host}` is no host; write `host` (port 443), `host:port` or an ecosystem: cargo, pip, npm"
                ))
            };
            destinations.push(full.parse().ok().filter(|_| known).ok_or_else(remedy)?);
        }
    }
    Ok(destinations)
}

/// How package managers and other clients are told of the proxy.
fn proxy_environment() -> Vec<(String, String)> {
    let url = format!("http://127.0.0.1:{}", sandbox::PROXY_PORT);
    let names = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "CARGO_HTTP_PROXY",
        "NPM_CONFIG_HTTPS_PROXY",
    ];
    names.map(|name| (name.to_owned(), url.clone())).to_vec()
}

/// The source, and the outputs of needed steps on top of it; neither may hide the other.
fn inputs(source: &Source, given: &Given) -> Result<Vec<Input>, StepError> {
    let mut inputs = source.inputs();
    for (path, kept) in given {
        let sound =
            Digest::of(&kept.bytes) == kept.output.sha256 && kept.bytes.len() as u64 == kept.output.size;
        if !sound || source.file(path).is_some() || source.list.lies_below_a_file(path) {
            return Err(StepError::Input(path.clone()));
        }
        let kind = if kept.output.executable { InputKind::Executable } else { InputKind::Plain };
        inputs.push(Input { path: PathBuf::from(path), kind, bytes: kept.bytes.clone() });
    }
    Ok(inputs)
}

/// Takes a declared output: one file, or a directory with all below it.
fn collect(outputs: &Outputs, declared: &str, into: &mut Given, room: &mut u64) -> Result<(), StepError> {
    let path = Path::new(declared);
    match outputs.open(path) {
        Ok(_) => take(outputs, declared, into, room),
        Err(OutputError::Kind(_)) => {
            let found = outputs.list(path, evidence::receipt::OUTPUTS_MAX)?;
            if found.is_empty() {
                return Err(StepError::Unfit(declared.to_owned(), "the directory is empty"));
            }
            for file in found {
                let name =
                    file.path.to_str().ok_or_else(|| unfit(&file.path, "its name is not UTF-8"))?.to_owned();
                match file.kind {
                    OutputKind::File { .. } => take(outputs, &name, into, room)?,
                    OutputKind::Link(_) => {
                        return Err(unfit(&file.path, "is a link; outputs are plain files"));
                    }
                }
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes one file into memory. Files with holes are large and cost the step nothing: what all have together is
/// looked at before one is read.
fn take(outputs: &Outputs, name: &str, into: &mut Given, room: &mut u64) -> Result<(), StepError> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = Path::new(name);
    let file = outputs.open(path)?;
    let io = |source| OutputError::Io { path: path.to_path_buf(), source };
    let executable = file.metadata().map_err(io)?.permissions().mode() & 0o100 != 0;
    let size = file.metadata().map_err(io)?.len();
    *room = room.checked_sub(size).ok_or_else(|| unfit(path, "all outputs of a step are more than 2 GiB"))?;
    let mut bytes = Vec::new();
    // Nobody can write it any more: what is read is as long as it was.
    file.take(size).read_to_end(&mut bytes).map_err(io)?;
    let output = Output { sha256: Digest::of(&bytes), size: bytes.len() as u64, executable };
    into.insert(name.to_owned(), Kept { output, bytes });
    Ok(())
}

fn unfit(path: &Path, what: &'static str) -> StepError {
    StepError::Unfit(path.display().to_string(), what)
}

fn reached(to: sandbox::Reached) -> Reached {
    Reached { host: to.host, port: to.port, sent: to.sent, received: to.received }
}

const fn ending(exit: Exit) -> Ending {
    match exit {
        Exit::Code(code) => Ending::Code(code),
        Exit::Signal(signal) => Ending::Signal(signal),
        Exit::TimedOut => Ending::TimedOut,
        Exit::MemoryExceeded => Ending::MemoryExceeded,
    }
}

/// Most bytes of all outputs of a step.
const OUTPUTS_BYTES_MAX: u64 = 2 << 30;
/// Exit code of a step that passed by its own account but did not leave what it declared.
const OUTPUT_MISSING: i32 = 254;
