//! Reports of a step: files that its tools left become canonical documents.
//!
//! Input: the workspace of a step whose processes are dead, and its declared reports. Output: documents, and what the
//! receipt says about them. Invariant: this process, which holds the receipt key, never parses a tool's bytes. A task
//! of this program does so in a second sandbox without network or key, and this process reads only the canonical
//! form. All reports of a step can be read, or none counts.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;

use evidence::document::findings::Origin;
use evidence::document::{self, DocumentError, Producer, ReportRef};
use evidence::pipeline::{Step, StepReport};
use evidence::{Digest, Name};
use sandbox::{Exit, Input, InputKind, Limits, OutputError, Outputs, SandboxError, Spec, StepOutcome};
use scan::reports::ReportFormat;

use crate::host::Host;
use crate::left::RetainedOutputs;
use crate::source::Source;

/// Reports of a step.
#[derive(Debug, Default)]
pub struct TranslatedReports {
    /// References for the receipt, by path.
    pub references: BTreeMap<String, ReportRef>,
    /// Documents. Originals are named by their digests only: nothing that decides reads them.
    pub blobs: Vec<Vec<u8>>,
    /// Sentences for the log.
    pub remarks: Vec<String>,
}

/// Why a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReportFault {
    /// The file is missing.
    #[error(
        "the step left no such file; let its tool write the report there, or correct `path` in `reports`"
    )]
    Missing,
    /// The file is no plain file.
    #[error("it cannot be opened: {0}")]
    Output(#[from] OutputError),
    /// The file was in the commit, so nothing shows that a tool wrote it.
    #[error("it is a file of the commit; let the tool write another one")]
    Committed,
    /// The file was an output of an earlier step, so nothing shows that this step's tool wrote it.
    #[error("it is an output of an earlier step; let the tool write another one")]
    Earlier,
    /// The file is too large.
    #[error("it has more than {} bytes", scan::INPUT_BYTES_MAX)]
    Large,
    /// No format has this name.
    #[error("`{0}` is no format that this runner reads; known are {known}", known = known_formats())]
    Format(String),
    /// The task could not read it. The log of the task says why.
    #[error("{0}")]
    Unreadable(String),
    /// The task left no sound document.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl TranslatedReports {
    /// Reads all reports of a step.
    ///
    /// # Errors
    /// `SandboxError` if the second sandbox failed. A report that cannot be read is no error: a remark names it, and no
    /// report counts.
    pub fn read(
        (name, step): (&Name, &Step),
        producer: Digest,
        outputs: &Outputs,
        (source, inputs): (&Source, &RetainedOutputs),
        host: &Host<'_>,
    ) -> Result<Self, SandboxError> {
        let mut all = Self::default();
        let mut unread = false;
        for report in &step.reports {
            let found = if inputs.contains_key(&report.path) {
                Err(ReportFault::Earlier)
            } else {
                read(name, report, producer, outputs, source, host)?
            };
            match found {
                Ok((reference, document)) => {
                    all.remarks.push(format!("report `{}`: {}", report.path, summary(&reference)));
                    all.references.insert(report.path.clone(), reference);
                    all.blobs.push(document);
                }
                Err(fault) => {
                    unread = true;
                    all.remarks
                        .push(format!("report `{}` ({}) cannot be read: {fault}", report.path, report.kind));
                }
            }
        }
        if unread {
            all.references.clear();
            all.blobs.clear();
        }
        Ok(all)
    }
}

type ReadReport = (ReportRef, Vec<u8>);

fn read(
    step: &Name,
    report: &StepReport,
    producer: Digest,
    outputs: &Outputs,
    source: &Source,
    host: &Host<'_>,
) -> Result<Result<ReadReport, ReportFault>, SandboxError> {
    if source.list.file(&report.path).is_some() {
        return Ok(Err(ReportFault::Committed));
    }
    let prepared = ReportFormat::named(report.kind.as_str())
        .ok_or_else(|| ReportFault::Format(report.kind.to_string()))
        .and_then(|format| Ok((format, bytes(outputs, &report.path)?)));
    let (format, original) = match prepared {
        Ok(prepared) => prepared,
        Err(fault) => return Ok(Err(fault)),
    };
    let words = [TASK, format.as_str(), step.as_str(), &report.path];
    let outcome = translate(&words, &original, source, host)?;
    let document = match outcome {
        Ok(document) => document,
        Err(fault) => return Ok(Err(fault)),
    };
    Ok(reference(report, format, producer, &original, document))
}

/// Content of a report, at most as much as a translator reads.
fn bytes(outputs: &Outputs, path: &str) -> Result<Vec<u8>, ReportFault> {
    let file = outputs.open(Path::new(path)).map_err(|error| match error {
        OutputError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            ReportFault::Missing
        }
        other => other.into(),
    })?;
    let mut bytes = Vec::new();
    let most = scan::INPUT_BYTES_MAX as u64;
    let io = |source| OutputError::Io { path: path.into(), source };
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most { Err(ReportFault::Large) } else { Ok(bytes) }
}

/// Runs the task in a sandbox that holds the report and the source, and nothing of the host.
fn translate(
    words: &[&str],
    report: &[u8],
    source: &Source,
    host: &Host<'_>,
) -> Result<Result<Vec<u8>, ReportFault>, SandboxError> {
    let spec = Spec {
        command: words.iter().map(|word| (*word).to_owned()).collect(),
        own: true,
        script: None,
        environment: BTreeMap::new(),
        binds: Vec::new(),
        network: Vec::new(),
        limits: limits(report.len() as u64, source),
    };
    let paths: Vec<_> =
        source.inputs().into_iter().map(|input| (Path::new(TREE).join(input.path), input)).collect();
    let mut inputs = vec![Input { path: Path::new(REPORT), kind: InputKind::Plain, bytes: report }];
    // A link of the source could lead a reader elsewhere, and no report needs one.
    let plain =
        paths.iter().filter(|(_, input)| matches!(input.kind, InputKind::Plain | InputKind::Executable));
    inputs.extend(plain.map(|(path, input)| Input { path, kind: InputKind::Plain, bytes: input.bytes }));
    let log = std::sync::Mutex::new(Vec::new());
    let said = |_, piece: &[u8]| {
        log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(piece);
    };
    let StepOutcome { exit, outputs, .. } = host.isolation.run(&spec, &inputs, &said, host.wanted)?;
    let said = log.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let said = document::text(&String::from_utf8_lossy(&said), REASON_BYTES_MAX);
    Ok(match exit {
        Exit::Code(0) => bytes(&outputs, DOCUMENT),
        Exit::Code(_) if !said.is_empty() => Err(ReportFault::Unreadable(said)),
        Exit::Code(code) => Err(ReportFault::Unreadable(format!("its reader ended with code {code}"))),
        Exit::Signal(signal) => Err(ReportFault::Unreadable(format!("signal {signal} ended its reader"))),
        Exit::TimedOut => Err(ReportFault::Unreadable("its reader exceeded its time limit".into())),
        Exit::MemoryExceeded => Err(ReportFault::Unreadable("its reader exceeded its memory limit".into())),
    })
}

/// Limits of the task: room for the report and the source, and memory for a report that is parsed.
fn limits(report: u64, source: &Source) -> Limits {
    let files = source.inputs().iter().map(|input| input.bytes.len() as u64 + FILE_BYTES).sum::<u64>();
    Limits {
        workspace_bytes: report + files + (16 << 20),
        tmp_bytes: 1 << 20,
        memory_bytes: (256 << 20) + 16 * report,
        processes: 8,
        open_files: 64,
        wall_ms: 120_000,
        log_bytes: 16 << 10,
    }
}

/// The reference to a report, with the bytes that it names.
fn reference(
    report: &StepReport,
    format: ReportFormat,
    producer: Digest,
    original: &[u8],
    document: Vec<u8>,
) -> Result<ReadReport, ReportFault> {
    let summary = format.document_kind().inspect(&document)?;
    let reference = ReportRef {
        kind: format.document_kind(),
        format: report.kind.clone(),
        producer: Producer::Step(producer),
        tool: summary.tool,
        document: Digest::of(&document),
        original: Digest::of(original),
        items: summary.items,
        snapshot: None,
    };
    Ok((reference, document))
}

fn known_formats() -> String {
    ReportFormat::all().map(ReportFormat::as_str).collect::<Vec<_>>().join(", ")
}

fn summary(reference: &ReportRef) -> String {
    let items: Vec<_> = reference.items.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let items = if items.is_empty() { "nothing found".to_owned() } else { items.join(", ") };
    format!("{} by {}: {items}", reference.kind, reference.tool)
}

/// The task of this program that runs in a sandbox: it reads a report and leaves a document. Its words name the format
/// of the report, its step and its path.
#[must_use]
pub fn own_task(words: &[String]) -> u8 {
    let [task, format, step, path] = words else { return UNKNOWN_TASK };
    let format = if task == TASK { ReportFormat::named(format) } else { None };
    let Some(format) = format else { return UNKNOWN_TASK };
    let translated = std::fs::read(REPORT)
        .map_err(|error| error.to_string())
        .and_then(|report| {
            let origin = Origin::Report { step, path };
            scan::reports::translate(format, &report, &Files::default(), origin)
                .map_err(|error| format!("{error}{}", another(format, &report)))
        })
        .and_then(|translated| leave(&translated.document).map_err(|error| error.to_string()));
    match translated {
        Ok(()) => 0,
        Err(why) => {
            // Standard error is the log of the task, which the supervisor quotes.
            let _ = writeln!(std::io::stderr(), "{why}");
            1
        }
    }
}

/// The end of the message about a report that looks like one of another format.
fn another(declared: ReportFormat, report: &[u8]) -> String {
    let looks = scan::reports::looks_like(&String::from_utf8_lossy(report));
    let declared = declared.as_str();
    looks.filter(|format| *format != declared).map_or_else(String::new, |format| {
        format!("; it looks like `{format}` and is declared as `{declared}`: correct `kind` in `reports`")
    })
}

/// Writes the document into the workspace, from where the supervisor takes it. Nothing there has to be durable.
fn leave(document: &[u8]) -> std::io::Result<()> {
    std::fs::File::create_new(DOCUMENT)?.write_all(document)
}

/// The source below the workspace of the task.
#[derive(Debug, Default)]
struct Files(std::cell::RefCell<BTreeMap<String, Option<&'static str>>>);

impl scan::Tree for Files {
    fn text(&self, path: &str) -> Option<&str> {
        if evidence::tree_list::path_fault(path).is_some() {
            return None;
        }
        let mut read = self.0.borrow_mut();
        *read.entry(path.to_owned()).or_insert_with(|| {
            // A file with one odd byte is still a text: without it, all its findings would have one place.
            let text = String::from_utf8_lossy(&std::fs::read(Path::new(TREE).join(path)).ok()?).into_owned();
            // The process ends with its one report, and its memory has a limit.
            Some(Box::leak(text.into_boxed_str()))
        })
    }
}

const TASK: &str = "translate";
const REPORT: &str = "report";
const TREE: &str = "tree";
const DOCUMENT: &str = "document.json";
const UNKNOWN_TASK: u8 = 127;
const REASON_BYTES_MAX: usize = 1_000;
/// Room for a file beside its bytes.
const FILE_BYTES: u64 = 4_096;
