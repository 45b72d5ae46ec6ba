//! One step: the sandbox around its command, and a signed receipt of what came of it.
//!
//! Invariant: outputs are read once, after every process of the step is dead, and the receipt names the
//! bytes that were read. A step whose declared output is missing has failed, whatever it said itself.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use evidence::canonical::{self, CanonicalError};
use evidence::dsse::{Envelope, PAYLOAD_BYTES_MAX};
use evidence::machine::MachineSigner;
use evidence::pipeline::{PATH, Pipeline, PipelineError, Step};
use evidence::receipt::{Ending, Forge, Reached, Receipt, ReceiptError, SandboxLevel, Work};
use evidence::tree_list::TreeListError;
use evidence::{Digest, Id, Moment, Name};
use sandbox::{Destination, Exit, Input, Limits, Outcome, SandboxError, Spec, Stream};

use crate::ecosystem;
use crate::given::{GivenError, inputs};
use crate::left::{Given, Left};
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
    /// Its workspace cannot be laid out.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The receipt cannot be made.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The receipt cannot be encoded.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
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
        // It was cut in the middle of a line.
        log.push(b'\n');
    }
    let mut left = Left::collect(&outcome.outputs, &plan.outputs);
    let mut said = remarks(&outcome, &left);
    let mut exit = ending(outcome.exit);
    if outcome.exit == Exit::Code(0) && !left.wrong.is_empty() {
        // What was promised is not there: the step has failed, and its log says why.
        exit = Ending::Code(OUTPUT_MISSING);
        said.extend(left.wrong.iter().map(ToString::to_string));
    }
    let described =
        |kept: &Given| kept.iter().map(|(path, kept)| (path.clone(), kept.output.clone())).collect();
    let mut facts = Receipt {
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
        inputs: described(given),
        outputs: described(&left.outputs),
        exit,
        sandbox: level(&outcome, host.toolchain),
        network: outcome.reached.into_iter().map(reached).collect(),
        log: Digest::of(b""),
        started,
        ended: (host.now)().max(started),
        forge: Forge::None,
    };
    if canonical::encode("receipt", &facts)?.len() > PAYLOAD_BYTES_MAX {
        // Such a receipt would be refused by whoever it is sent to.
        said.push(TOO_MANY.to_owned());
        left.outputs.clear();
        facts.outputs.clear();
        facts.exit = Ending::Code(OUTPUT_MISSING);
    }
    for line in said {
        let line = format!("countersign: {line}\n");
        (host.log)(Stream::Error, line.as_bytes());
        log.extend_from_slice(line.as_bytes());
    }
    facts.log = Digest::of(&log);
    Ok(Execution { receipt: facts.sign(identity.signer)?, facts, outputs: left.outputs, log })
}

/// What is said in the log of what did not happen as the step may think.
fn remarks(outcome: &Outcome, left: &Left) -> Vec<String> {
    let mut said = Vec::new();
    if outcome.log_truncated {
        said.push("the log reached its limit; the rest was dropped".to_owned());
    }
    said.extend(outcome.refused.iter().map(|to| format!("refused to connect to {to}")));
    said.extend(left.notes.iter().cloned());
    said
}

fn level(outcome: &Outcome, toolchain: &Toolchain) -> SandboxLevel {
    SandboxLevel {
        user: outcome.level.user.clone(),
        landlock: outcome.level.landlock,
        memory: outcome.level.memory.clone(),
        toolchain: toolchain.digest(),
    }
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

const TOO_MANY: &str = "the names and digests of what the step was given and left do not fit a receipt of 512 KiB; pack \
                        them into fewer files, with `tar` for example";
/// Exit code of a step that passed by its own account but did not leave what it declared.
const OUTPUT_MISSING: i32 = 254;
