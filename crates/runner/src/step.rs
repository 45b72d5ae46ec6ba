//! One step: the sandbox around its command, and a signed receipt of the result.
//!
//! Invariant: outputs are read once, after every process of the step is dead, and the receipt names the bytes that were
//! read. A step whose declared output is missing has failed, whatever its exit code.

use std::collections::BTreeMap;

use evidence::canonical;
use evidence::document::Maker;
use evidence::dsse::{Envelope, PAYLOAD_BYTES_MAX};
use evidence::pipeline::{Image, PATH, Pipeline, ScanSort, Step};
use evidence::receipt::{Ending, Forge, Output, Reached, Receipt, SandboxLevel, Work};
use evidence::release_check::ReleaseCheck;
use evidence::{Digest, Name};
use judge::CheckTarget;
use sandbox::{Exit, Input, Level, SandboxError, Spec, StepOutcome};

use crate::finished::{FinishedStep, StepLog};
use crate::host::{Host, Identity};
use crate::outputs::{CollectedOutputs, RetainedOutputs};
use crate::reports::{REPORT_UNREADABLE, ReportReader, TranslatedReports, reading_bytes};
use crate::scans::scan;
use crate::source::Source;
use crate::specification::{CheckedService, specify};
use crate::step_error::StepError;
use crate::step_image::StepImage;
use crate::task::TaskRoom;
use crate::workspace::inputs;

/// The result of a step.
#[derive(Debug)]
pub struct Execution {
    /// The receipt, signed.
    pub receipt: Envelope,
    /// The payload of the receipt.
    pub facts: Receipt,
    /// The kept outputs of the step.
    pub outputs: RetainedOutputs,
    /// Its log: both streams, in the order in which they arrived.
    pub log: Vec<u8>,
    /// Documents of its reports.
    pub reports: Vec<Vec<u8>>,
}

/// Runs one step of the pipeline in the source.
///
/// # Errors
/// `StepError` if there is nothing to sign; a step that failed has a receipt.
pub fn execute(
    identity: &Identity<'_>,
    source: &Source,
    step: &Name,
    retained: &RetainedOutputs,
    host: &Host<'_>,
) -> Result<Execution, StepError> {
    let file = source.file(PATH).ok_or_else(|| StepError::NoPipeline(source.id.clone()))?;
    let pipeline = Pipeline::parse(file)?;
    let plan = pipeline.steps.get(step).ok_or_else(|| StepError::NoStep(step.clone()))?;
    let job = Job {
        maker: Maker::Step(step.clone()),
        plan,
        work: Work::Step(step.clone()),
        producer: pipeline.producer(step)?,
        image: pipeline.image_of(plan),
        scanned: if plan.scan.contains(&ScanSort::Images) { pipeline.images() } else { BTreeMap::new() },
        service: None,
    };
    perform(identity, source, &job, retained, host)
}

/// Checks a service in the source of its release.
///
/// # Errors
/// `StepError` if there is nothing to sign; a check that failed has a receipt.
pub fn check(
    identity: &Identity<'_>,
    source: &Source,
    wanted: &ReleaseCheck,
    target: &CheckTarget,
    host: &Host<'_>,
) -> Result<Execution, StepError> {
    let job = Job {
        maker: Maker::Check(wanted.name.clone()),
        plan: &target.check.step(),
        work: Work::Check(wanted.clone()),
        producer: target.check.producer(&wanted.place.service, &wanted.name)?,
        image: None,
        scanned: BTreeMap::new(),
        service: Some(CheckedService { check: wanted, port: target.port }),
    };
    perform(identity, source, &job, &RetainedOutputs::default(), host)
}

/// A command to run, and the work that it is.
struct Job<'a> {
    maker: Maker,
    plan: &'a Step,
    work: Work,
    producer: Digest,
    image: Option<&'a Image>,
    /// Images that the step scans.
    scanned: BTreeMap<Digest, &'a Image>,
    service: Option<CheckedService<'a>>,
}

fn perform(
    identity: &Identity<'_>,
    source: &Source,
    job: &Job<'_>,
    retained: &RetainedOutputs,
    host: &Host<'_>,
) -> Result<Execution, StepError> {
    let file = source.file(PATH).ok_or_else(|| StepError::NoPipeline(source.id.clone()))?;
    let plan = job.plan;
    let inputs = inputs(source, retained)?;
    let started = (host.now)();
    let log = StepLog::new(host.log);
    for remark in source.remarks() {
        log.say(&remark);
    }
    // Held until the step has ended, so that nobody removes it.
    let prepare = |image| StepImage::prepare(image, job.maker.name(), host, &log);
    let image = job.image.map(prepare).transpose()?;
    let scanned = job.scanned.values().copied().map(prepare).collect::<Result<Vec<_>, _>>()?;
    let mut done = if plan.scan.is_empty() {
        let seen = (job.service, image.as_ref());
        let spec = specify(identity, source, job.maker.name(), plan, seen, (host, &log))?;
        let of = (&job.maker, plan, job.producer);
        command(&spec, &inputs, of, (source, retained), &log, host)?
    } else {
        let limits = host.isolation.caps().limits(&plan.limits);
        let limits = limits.map_err(|error| StepError::Cap(job.maker.name().clone(), error))?;
        scan(plan, (source, &inputs, &scanned), &limits, &log, host)?
    };
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
        work: job.work.clone(),
        inputs: described(retained),
        outputs: described(&done.outputs),
        reports: done.reports.references,
        report_exits: plan.report_exits.clone(),
        exit: done.exit,
        sandbox: level(
            done.level,
            image.as_ref().map_or_else(|| host.toolchain.digest(), |image| image.digest),
        ),
        image: image.as_ref().map(|image| image.digest),
        network: done.reached.into_iter().map(reached).collect(),
        log: Digest::of(b""),
        started,
        ended: (host.now)().max(started),
        forge: Forge::None,
        verified_ref: identity.verified_ref.clone(),
    };
    let encoded = canonical::encode("receipt", &facts)?;
    // A larger receipt would be refused by everybody who gets it.
    let long = (encoded.len() > PAYLOAD_BYTES_MAX).then_some((TOO_MANY, OUTPUT_MISSING));
    let fault = match long {
        None => shown(&done.reports.blobs, &encoded, host)?.then_some((SHOWN, VALUE_FOUND)),
        some => some,
    };
    if let Some((why, code)) = fault {
        log.say(why);
        done.outputs.clear();
        done.reports.blobs.clear();
        facts.outputs.clear();
        facts.reports.clear();
        facts.exit = Ending::Code(code);
    }
    let log = log.into_bytes();
    facts.log = Digest::of(&log);
    let receipt = facts.sign(identity.signer)?;
    Ok(Execution { receipt, facts, outputs: done.outputs, log, reports: done.reports.blobs })
}

/// Whether a document or the receipt shows a value of a secret of the step: a reader may have put one together.
fn shown(documents: &[Vec<u8>], receipt: &[u8], host: &Host<'_>) -> Result<bool, SandboxError> {
    for bytes in documents.iter().map(Vec::as_slice).chain([receipt]) {
        if host.isolation.has_value(bytes)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Runs the command of a step, and reads what it left.
fn command(
    spec: &Spec,
    inputs: &[Input<'_>],
    (maker, plan, producer): (&Maker, &Step, Digest),
    (source, earlier): (&Source, &RetainedOutputs),
    log: &StepLog<'_>,
    host: &Host<'_>,
) -> Result<FinishedStep, SandboxError> {
    // Held until this function ends: the files that the step left live in memory while its reports are read.
    let memory = Memory::of(spec, inputs, plan, source, host);
    let said = |stream, piece: &[u8]| log.add(stream, piece);
    let _part = host.isolation.reserve(memory.reserved, &said, host.wanted)?;
    let outcome = host.isolation.run(spec, inputs, &said, host.wanted)?;
    if outcome.log_truncated {
        log.end_line();
    }
    let found = host.isolation.found();
    if !found.is_empty() {
        // Not even read: this process never has a value in memory.
        let said = remarks(&outcome, &CollectedOutputs::default());
        said.iter().chain(&found).for_each(|said| log.say(said));
        return Ok(FinishedStep::without_outputs(value_found(outcome.exit), outcome.level, outcome.reached));
    }
    let left = CollectedOutputs::collect(&outcome.outputs, &plan.outputs);
    for remark in remarks(&outcome, &left) {
        log.say(&remark);
    }
    let mut reports = TranslatedReports::default();
    let mut failed = ending(outcome.exit);
    if accepts_reports(outcome.exit, plan) {
        // A declared output is missing, or a report cannot be read: the step has failed, and its log says why.
        if left.wrong.is_empty() {
            let (room, outputs) = (memory.room(&left, host), &outcome.outputs);
            let reader = ReportReader { maker, producer, outputs, earlier, source, room, host };
            reports = TranslatedReports::read(plan, &reader)?;
            failed = Ending::Code(REPORT_UNREADABLE);
        } else {
            failed = Ending::Code(OUTPUT_MISSING);
        }
        left.wrong.iter().map(ToString::to_string).for_each(|wrong| log.say(&wrong));
        reports.remarks.iter().for_each(|remark| log.say(remark));
    }
    let complete = left.wrong.is_empty() && reports.references.len() == plan.reports.len();
    // Another code than 0 stays: it fails a step that has no reports.
    let exit = if outcome.exit == Exit::Code(0) && !complete { failed } else { ending(outcome.exit) };
    let (level, reached) = (outcome.level, outcome.reached);
    Ok(FinishedStep { exit, level, reached, outputs: left.outputs, reports })
}

/// The memory of a step.
struct Memory {
    reserved: u64,
    /// Bytes that stay in use after the step: its inputs, and its workspace.
    remains: u64,
}

impl Memory {
    fn of(spec: &Spec, inputs: &[Input<'_>], step: &Step, source: &Source, host: &Host<'_>) -> Self {
        // Inputs that this process holds in memory for the step count too.
        let held: u64 = inputs.iter().map(|input| input.bytes.len() as u64).sum();
        let remains = held.saturating_add(spec.limits.workspace_bytes);
        let reading = (!step.reports.is_empty()).then(|| reading_bytes(&host.isolation.caps(), source));
        let filled = spec.limits.filled_bytes().saturating_add(held);
        Self { reserved: TaskRoom::reserved(filled, remains, reading), remains }
    }

    fn room(&self, left: &CollectedOutputs, host: &Host<'_>) -> TaskRoom {
        TaskRoom::new(host.isolation.caps(), self.reserved, self.remains.saturating_add(left.held()))
    }
}

/// Digests and kinds of outputs, by path.
fn described(kept: &RetainedOutputs) -> BTreeMap<String, Output> {
    kept.iter().map(|(path, kept)| (path.clone(), kept.output.clone())).collect()
}

/// Whether the step passes with this exit code if its reports can be read.
fn accepts_reports(exit: Exit, step: &Step) -> bool {
    match exit {
        Exit::Code(0) => true,
        Exit::Code(code) => u8::try_from(code).is_ok_and(|code| step.report_exits.contains(&code)),
        Exit::Signal(_) | Exit::TimedOut | Exit::MemoryExceeded => false,
    }
}

/// Remarks in the log about events that the step may not have noticed.
fn remarks(outcome: &StepOutcome, left: &CollectedOutputs) -> Vec<String> {
    let mut said = Vec::new();
    if outcome.log_truncated {
        said.push("the log reached its limit; the rest was dropped".to_owned());
    }
    said.extend(
        outcome
            .refused
            .iter()
            .map(|refused| format!("refused to connect to {}: {}", refused.to, refused.why)),
    );
    said.extend(left.notes.iter().cloned());
    said
}

fn level(level: Level, toolchain: Digest) -> SandboxLevel {
    let Level { user, landlock, memory } = level;
    SandboxLevel { user, landlock, memory, toolchain }
}

fn reached(to: sandbox::Reached) -> Reached {
    Reached { host: to.host, port: to.port, sent: to.sent, received: to.received }
}

/// The ending of a step that left the value of a secret. Another code than 0 stays.
const fn value_found(exit: Exit) -> Ending {
    match exit {
        Exit::Code(0) => Ending::Code(VALUE_FOUND),
        exit => ending(exit),
    }
}

const fn ending(exit: Exit) -> Ending {
    match exit {
        Exit::Code(code) => Ending::Code(code),
        Exit::Signal(signal) => Ending::Signal(signal),
        Exit::TimedOut => Ending::TimedOut,
        Exit::MemoryExceeded => Ending::MemoryExceeded,
    }
}

const TOO_MANY: &str = "the names and digests of the step's inputs and outputs do not fit a receipt of 512 KiB; pack \
                        them into fewer files, with `tar` for example";
const SHOWN: &str =
    "secret-in-output: a report of the step, or a name in its receipt, shows the value of a secret";
/// Exit code of a step that ended with 0 and left the value of a secret.
const VALUE_FOUND: i32 = 252;
/// Exit code of a step that ended with 0 but did not leave a declared output.
const OUTPUT_MISSING: i32 = 254;
