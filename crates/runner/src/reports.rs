//! Reports of a step or check: files that its tools left become canonical documents.
//!
//! Input: the workspace of a step whose processes are dead, and its declared reports. Output: documents, and what the
//! receipt says about them. Invariant: this process, which holds the receipt key, never parses a tool's bytes. A task
//! of this program does so in a second sandbox without network or key, and this process reads only the canonical
//! form. All reports of a step can be read, or none counts.

use std::collections::BTreeMap;
use std::path::Path;

use evidence::Digest;
use evidence::document::{DocumentError, Maker, Producer, ReportRef};
use evidence::pipeline::{Step, StepReport};
use sandbox::{Input, InputKind, OutputError, Outputs, SandboxError};
use scan::reports::ReportFormat;

use crate::caps::Caps;
use crate::host::Host;
use crate::outputs::RetainedOutputs;
use crate::source::{Source, is_file};
use crate::task::{self, OwnTaskError, Task, TaskFault, TaskRoom};

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

/// Everything that the reports of one step are read with.
pub struct ReportReader<'a> {
    /// The step or check.
    pub maker: &'a Maker,
    /// Digest of the step with all that it needs.
    pub producer: Digest,
    /// Files that the step left.
    pub outputs: &'a Outputs,
    /// Outputs of the steps that it needs.
    pub earlier: &'a RetainedOutputs,
    /// The source that the reports speak about.
    pub source: &'a Source,
    /// Memory for the tasks that read.
    pub room: TaskRoom,
    /// The machine.
    pub host: &'a Host<'a>,
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
    /// The task has no result.
    #[error(transparent)]
    Task(#[from] TaskFault),
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
    pub fn read(step: &Step, reader: &ReportReader<'_>) -> Result<Self, SandboxError> {
        let mut all = Self::default();
        let mut unread = false;
        for report in &step.reports {
            match reader.read(report)? {
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

/// Memory that the reading of one report takes at most: the report, and the sandbox that reads it.
#[must_use]
pub fn reading_bytes(caps: &Caps, source: &Source) -> u64 {
    let files = [scan::INPUT_BYTES_MAX].into_iter().chain(plain(source).map(|input| input.bytes.len()));
    let report = scan::INPUT_BYTES_MAX as u64;
    Task::filled(caps, task::files_bytes(files), parsing_bytes(report)).saturating_add(report)
}

impl ReportReader<'_> {
    /// Reads one report. Its original lives in memory no longer than this call.
    fn read(&self, report: &StepReport) -> Result<Result<ReadReport, ReportFault>, SandboxError> {
        if self.source.list.file(&report.path).is_some() {
            return Ok(Err(ReportFault::Committed));
        }
        if self.earlier.contains_key(&report.path) {
            return Ok(Err(ReportFault::Earlier));
        }
        let prepared = ReportFormat::named(report.kind.as_str())
            .ok_or_else(|| ReportFault::Format(report.kind.to_string()))
            .and_then(|format| Ok((format, bytes(self.outputs, &report.path)?)));
        let (format, original) = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => return Ok(Err(fault)),
        };
        let Self { maker, .. } = self;
        let words = [TASK, format.as_str(), maker.sort(), maker.name().as_str(), &report.path];
        Ok(match self.translate(&words, &original)? {
            Ok(document) => reference(report, format, self.producer, &original, document),
            Err(fault) => Err(fault.into()),
        })
    }

    /// Runs the task in a sandbox that holds the report and the source, and nothing of the host.
    fn translate(&self, words: &[&str], report: &[u8]) -> Result<Result<Vec<u8>, TaskFault>, SandboxError> {
        let paths: Vec<_> =
            plain(self.source).map(|input| (Path::new(TREE).join(input.path), input)).collect();
        let mut inputs = vec![Input { path: Path::new(REPORT), kind: InputKind::Plain, bytes: report }];
        let tree = paths.iter().map(|(path, input)| (path.as_path(), input.bytes));
        inputs.extend(tree.map(|(path, bytes)| Input { path, kind: InputKind::Plain, bytes }));
        let held = report.len() as u64;
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let memory_bytes = parsing_bytes(held);
        let task = Task { words, inputs, binds: Vec::new(), memory_bytes, held, seconds: SECONDS };
        Ok(task.run(&self.room, self.host)?.document)
    }
}

/// Content of a report, at most as much as a translator reads.
fn bytes(outputs: &Outputs, path: &str) -> Result<Vec<u8>, ReportFault> {
    let bytes = task::read(outputs, path, scan::INPUT_BYTES_MAX).map_err(|error| match error {
        OutputError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            ReportFault::Missing
        }
        other => other.into(),
    })?;
    if bytes.len() > scan::INPUT_BYTES_MAX { Err(ReportFault::Large) } else { Ok(bytes) }
}

/// Files of the source. A link could lead a reader elsewhere, and no report needs one.
fn plain(source: &Source) -> impl Iterator<Item = Input<'_>> {
    source.inputs().into_iter().filter(is_file)
}

/// Memory for a report that is parsed.
const fn parsing_bytes(report: u64) -> u64 {
    (256 << 20) + 16 * report
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
        knowledge: None,
    };
    Ok((reference, document))
}

fn known_formats() -> String {
    ReportFormat::all().map(ReportFormat::as_str).collect::<Vec<_>>().join(", ")
}

/// A report in one line of the log.
pub fn summary(reference: &ReportRef) -> String {
    let items: Vec<_> = reference.items.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let items = if items.is_empty() { "nothing found".to_owned() } else { items.join(", ") };
    format!("{} by {}: {items}", reference.kind, reference.tool)
}

/// The task that reads a report, inside the sandbox. Step or check and path tell the report apart from others.
///
/// # Errors
/// `OwnTaskError` if the report cannot be read.
pub fn translate_in_task(format: &str, sort: &str, name: &str, path: &str) -> Result<Vec<u8>, OwnTaskError> {
    let maker = name.parse().ok().and_then(|name| Maker::named(sort, name)).ok_or(OwnTaskError::Unknown)?;
    let format = ReportFormat::named(format).ok_or(OwnTaskError::Unknown)?;
    let report = std::fs::read(REPORT)?;
    let translated = scan::reports::translate(format, &report, &Files::default(), maker.origin(path));
    Ok(translated.map_err(|error| OwnTaskError::Report(error, another(format, &report)))?.document)
}

/// The end of the message about a report that looks like one of another format.
fn another(declared: ReportFormat, report: &[u8]) -> String {
    let looks = scan::reports::looks_like(&String::from_utf8_lossy(report));
    let declared = declared.as_str();
    looks.filter(|format| *format != declared).map_or_else(String::new, |format| {
        format!("; it looks like `{format}` and is declared as `{declared}`: correct `kind` in `reports`")
    })
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

/// The first word of the task.
pub const TASK: &str = "translate";
/// Exit code of a step that ended with 0 and has a report or scan that cannot be read.
pub const REPORT_UNREADABLE: i32 = 253;
/// Time for one report.
const SECONDS: u64 = 120;
const REPORT: &str = "report";
const TREE: &str = "tree";
