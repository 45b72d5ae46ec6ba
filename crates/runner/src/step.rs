//! One step: the sandbox around its command, and a signed receipt of the result.
//!
//! Invariant: outputs are read once, after every process of the step is dead, and the receipt names the bytes that were
//! read. A step whose declared output is missing has failed, whatever its exit code.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use evidence::canonical;
use evidence::dsse::{Envelope, PAYLOAD_BYTES_MAX};
use evidence::pipeline::{PATH, Pipeline, Step};
use evidence::receipt::{Ending, Forge, Output, Reached, Receipt, SandboxLevel, Work};
use evidence::{Digest, Name};
use sandbox::{Exit, StepOutcome, Stream};

use crate::host::{Host, Identity};
use crate::left::{CollectedOutputs, RetainedOutputs};
use crate::reports::TranslatedReports;
use crate::source::Source;
use crate::specification::specify;
use crate::step_error::StepError;
use crate::toolchain::Toolchain;
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
    let spec = specify(identity, source, step, plan, host)?;
    let inputs = inputs(source, retained)?;
    let kept = Mutex::new(Vec::new());
    let started = (host.now)();
    let log = |stream, piece: &[u8]| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(piece);
        (host.log)(stream, piece);
    };
    for remark in source.remarks() {
        log(Stream::Error, format!("countersign: {remark}\n").as_bytes());
    }
    let outcome = host.isolation.run(&spec, &inputs, &log, host.wanted)?;
    let mut log = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    // A log that was cut ends in the middle of a line.
    log.extend(outcome.log_truncated.then_some(b'\n'));
    let mut left = CollectedOutputs::collect(&outcome.outputs, &plan.outputs);
    let mut said = remarks(&outcome, &left);
    let mut reports = TranslatedReports::default();
    let mut failed = ending(outcome.exit);
    if accepts_reports(outcome.exit, plan) {
        // A declared output is missing, or a report cannot be read: the step has failed, and its log says why.
        if left.wrong.is_empty() {
            let producer = pipeline.producer(step)?;
            reports =
                TranslatedReports::read((step, plan), producer, &outcome.outputs, (source, retained), host)?;
            failed = Ending::Code(REPORT_UNREADABLE);
        } else {
            failed = Ending::Code(OUTPUT_MISSING);
        }
        said.extend(left.wrong.iter().map(ToString::to_string));
        said.append(&mut reports.remarks);
    }
    let complete = left.wrong.is_empty() && reports.references.len() == plan.reports.len();
    // Another code than 0 stays: it fails a step that has no reports.
    let exit = if outcome.exit == Exit::Code(0) && !complete { failed } else { ending(outcome.exit) };
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
        inputs: described(retained),
        outputs: described(&left.outputs),
        reports: reports.references,
        report_exits: plan.report_exits.clone(),
        exit,
        sandbox: level(&outcome, host.toolchain),
        network: outcome.reached.into_iter().map(reached).collect(),
        log: Digest::of(b""),
        started,
        ended: (host.now)().max(started),
        forge: Forge::None,
    };
    if canonical::encode("receipt", &facts)?.len() > PAYLOAD_BYTES_MAX {
        // A larger receipt would be refused by everybody who gets it.
        said.push(TOO_MANY.to_owned());
        left.outputs.clear();
        reports.blobs.clear();
        facts.outputs.clear();
        facts.reports.clear();
        facts.exit = Ending::Code(OUTPUT_MISSING);
    }
    add(&mut log, said, host);
    facts.log = Digest::of(&log);
    let receipt = facts.sign(identity.signer)?;
    Ok(Execution { receipt, facts, outputs: left.outputs, log, reports: reports.blobs })
}

/// Digests and kinds of outputs, by path.
fn described(kept: &RetainedOutputs) -> BTreeMap<String, Output> {
    kept.iter().map(|(path, kept)| (path.clone(), kept.output.clone())).collect()
}

/// Adds the runner's own sentences to the log.
fn add(log: &mut Vec<u8>, said: Vec<String>, host: &Host<'_>) {
    for line in said {
        let line = format!("countersign: {line}\n");
        (host.log)(Stream::Error, line.as_bytes());
        log.extend_from_slice(line.as_bytes());
    }
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

fn level(outcome: &StepOutcome, toolchain: &Toolchain) -> SandboxLevel {
    SandboxLevel {
        user: outcome.level.user.clone(),
        landlock: outcome.level.landlock,
        memory: outcome.level.memory.clone(),
        toolchain: toolchain.digest(),
    }
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

const TOO_MANY: &str = "the names and digests of the step's inputs and outputs do not fit a receipt of 512 KiB; pack \
                        them into fewer files, with `tar` for example";
/// Exit code of a step that ended with 0 but did not leave a declared output.
const OUTPUT_MISSING: i32 = 254;
/// Exit code of a step that ended with 0 but left a report that cannot be read.
const REPORT_UNREADABLE: i32 = 253;
