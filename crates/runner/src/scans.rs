//! Scans by the runner itself: secrets in the verified source and in outputs of needed steps, the packages that its
//! lockfiles name, files that configure, and the images in which steps run.
//!
//! Input: a step with `scan`. Output: one document for each sort. Invariant: nothing in the repository configures a scan
//! or hides a file from it, and equal files and versions give equal bytes on every runner. A task in the second sandbox
//! parses the files. Dependencies are judged by the operator's advisories, which the receipt names. A sort that cannot be
//! read fails the step, and then none of its documents counts.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use evidence::document::{
    ComponentsDocument, Document as _, DocumentError, FindingsDocument, Knowledge, Producer, ReportRef,
};
use evidence::pipeline::{ScanSort, Step};
use evidence::receipt::Ending;
use evidence::{Digest, NameError};
use image::ImageError;
use sandbox::{Input, InputKind, Level, Limits, SandboxError};
use scan::advisories::Database;
use scan::links::{self, LinkFault};
use scan::lint::{self, Lint, Subject};

use crate::advisories::{OperatorAdvisories, OperatorAdvisoriesError, open_advisories};
use crate::caps::Caps;
use crate::finished::{FinishedStep, StepLog};
use crate::host::Host;
use crate::image_scans::{self, ShownImages};
use crate::outputs::RetainedOutputs;
use crate::reports::{REPORT_UNREADABLE, TranslatedReports, summary};
use crate::source::{Source, is_file};
use crate::step_image::StepImage;
use crate::task::{self, OwnTaskError, Task, TaskFault, TaskRoom};

/// Why a scan has no document.
#[derive(Debug, thiserror::Error)]
pub enum ScanFault {
    /// The runner has no advisories that it can judge by.
    #[error(transparent)]
    Advisories(#[from] OperatorAdvisoriesError),
    /// The task has no result.
    #[error(transparent)]
    Task(#[from] TaskFault),
    /// The task left no sound document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Its sort has no name that a receipt can hold.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An image is gone or unsound.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// No sandbox can show a file at this path.
    #[error(
        "a sandbox cannot show the image `{}`; have the operator choose a data directory outside of /proc, /sys, /dev and /work", .0.display()
    )]
    Place(PathBuf),
    /// A file that a scan reads by its name is a link that leads to no file.
    #[error("`{path}`: {fault}")]
    Link {
        /// Path of the link.
        path: String,
        /// The fault.
        fault: LinkFault,
    },
    /// Links lead to more than one scan reads.
    #[error(
        "links to files of this scan lead to more than {} bytes; commit fewer of them",
        scan::INPUT_BYTES_MAX
    )]
    Links,
}

/// Does the scans of a step. `inputs` are the files of the source and the outputs of the steps that it needs; `images` are those of
/// the steps after it.
///
/// # Errors
/// `SandboxError` if the sandbox failed. A sort that cannot be read is no error: the log names it, and the step fails.
pub fn scan(
    step: &Step,
    (source, inputs, images): (&Source, &[Input<'_>], &[StepImage]),
    limits: &Limits,
    log: &StepLog<'_>,
    host: &Host<'_>,
) -> Result<FinishedStep, SandboxError> {
    // A step's own limits hold for each of its tasks.
    let caps = Caps {
        memory_mib: limits.memory_bytes >> 20,
        workspace_mib: limits.workspace_bytes >> 20,
        time_seconds: limits.wall_ms / 1000,
        processes: limits.processes,
        ..host.isolation.caps()
    };
    let held: u64 = inputs.iter().map(|input| input.bytes.len() as u64).sum();
    let tasks: Vec<_> = step.scan.iter().map(|sort| (*sort, read_by(*sort, source, inputs))).collect();
    let filled = tasks.iter().filter_map(|(sort, files)| {
        let files = files.as_ref().ok()?;
        let sizes = files.iter().map(|input| input.bytes.len());
        Some(Task::filled(&caps, task::files_bytes(sizes), memory_bytes(*sort, files)))
    });
    let reserved = held.saturating_add(filled.max().unwrap_or_default());
    let said = |stream, piece: &[u8]| log.add(stream, piece);
    let _part = host.isolation.reserve(reserved, &said, host.wanted)?;
    let room = TaskRoom::new(caps, reserved, held);
    let mut reports = TranslatedReports::default();
    let mut level = None;
    let mut unread = false;
    for (sort, files) in tasks {
        let done = match files {
            Ok(files) => run_sort(sort, (&files, images), &room, &mut level, host)?,
            Err(fault) => Err(fault),
        };
        match done {
            Ok((reference, document)) => {
                log.say(&format!("scan `{sort}`: {}", summary(&reference)));
                details(sort, &document).iter().for_each(|line| log.say(line));
                reports.references.insert(sort.to_string(), reference);
                reports.blobs.push(document);
            }
            Err(fault) => {
                unread = true;
                log.say(&format!("scan `{sort}` could not be done: {fault}"));
            }
        }
    }
    if unread {
        reports = TranslatedReports::default();
    }
    Ok(FinishedStep {
        exit: Ending::Code(if unread { REPORT_UNREADABLE } else { 0 }),
        level: level.unwrap_or_else(|| Level {
            user: "supervisor".into(),
            landlock: 0,
            memory: "none".into(),
        }),
        reached: Vec::new(),
        outputs: RetainedOutputs::new(),
        reports,
    })
}

/// Files that a sort reads. A link leads to a file that is searched for secrets itself; but only its name may be one that another
/// scan reads.
fn read_by<'a>(
    sort: ScanSort,
    source: &'a Source,
    inputs: &[Input<'a>],
) -> Result<Vec<Input<'a>>, ScanFault> {
    match sort {
        ScanSort::Secrets => Ok(inputs.iter().copied().filter(is_file).collect()),
        ScanSort::Components | ScanSort::Dependencies => {
            let is_lockfile = |path: &str| scan::components::format_of(path).is_some();
            named(&source.inputs(), scan::components::is_read, is_lockfile)
        }
        ScanSort::Infrastructure => configuring(inputs, Subject::Infrastructure),
        ScanSort::Pipelines => configuring(inputs, Subject::Pipelines),
        // Their blobs are shown to the task where they are.
        ScanSort::Images => Ok(Vec::new()),
    }
}

fn configuring<'a>(inputs: &[Input<'a>], subject: Subject) -> Result<Vec<Input<'a>>, ScanFault> {
    let is_read = |path: &str| lint::is_read(subject, path);
    named(inputs, is_read, is_read)
}

/// The files with such a name, and those that links with a name of the second sort lead to.
fn named<'a>(
    inputs: &[Input<'a>],
    is_read: impl Fn(&str) -> bool,
    is_followed: impl Fn(&str) -> bool,
) -> Result<Vec<Input<'a>>, ScanFault> {
    let has_name = |input: &Input<'_>| input.path.to_str().is_some_and(&is_read);
    let mut files: Vec<_> = inputs.iter().copied().filter(is_file).filter(has_name).collect();
    files.extend(linked(inputs, is_followed)?);
    Ok(files)
}

/// The files that links with such a name lead to, at the paths of the links.
fn linked<'a>(inputs: &[Input<'a>], is_read: impl Fn(&str) -> bool) -> Result<Vec<Input<'a>>, ScanFault> {
    let by_path: BTreeMap<&str, &Input<'a>> =
        inputs.iter().filter_map(|input| Some((input.path.to_str()?, input))).collect();
    let target = |path: &str| {
        let link = by_path.get(path).filter(|input| input.kind == InputKind::Link)?;
        Some(String::from_utf8_lossy(link.bytes).into_owned())
    };
    let named = by_path.iter().filter(|(path, input)| input.kind == InputKind::Link && is_read(path));
    let (mut found, mut left) = (Vec::new(), scan::INPUT_BYTES_MAX);
    for (path, link) in named {
        let at = |fault| ScanFault::Link { path: (*path).to_owned(), fault };
        let leads_to = links::resolve(path, target).map_err(at)?;
        let file = by_path.get(leads_to.as_str()).ok_or_else(|| at(LinkFault::Nothing))?;
        // Many links may lead to one large file.
        left = left.checked_sub(file.bytes.len()).ok_or(ScanFault::Links)?;
        found.push(Input { path: link.path, kind: InputKind::Plain, bytes: file.bytes });
    }
    Ok(found)
}

/// Words, files and facts for the task of a sort, beside its inputs.
#[derive(Debug, Default)]
struct Beside {
    words: Vec<String>,
    binds: Vec<PathBuf>,
    knowledge: Option<Knowledge>,
}

impl Beside {
    fn of(sort: ScanSort, images: &[StepImage], host: &Host<'_>) -> Result<Self, ScanFault> {
        if !matches!(sort, ScanSort::Dependencies | ScanSort::Images) {
            return Ok(Self::default());
        }
        let OperatorAdvisories { file, knowledge } = OperatorAdvisories::at(host.isolation.advisories())?;
        let words = vec![file.to_string_lossy().into_owned(), knowledge.digest.to_string()];
        let mut beside = Self { words, binds: vec![file], knowledge: Some(knowledge) };
        if sort == ScanSort::Images {
            let shown = ShownImages::of(images, host)?;
            if let Some(hidden) = shown.binds.iter().find(|bind| !sandbox::can_be_bound(bind)) {
                return Err(ScanFault::Place(hidden.clone()));
            }
            beside.words.extend(shown.words);
            beside.binds.extend(shown.binds);
        }
        Ok(beside)
    }
}

/// Runs the task of one sort over its files.
fn run_sort(
    sort: ScanSort,
    (files, images): (&[Input<'_>], &[StepImage]),
    room: &TaskRoom,
    level: &mut Option<Level>,
    host: &Host<'_>,
) -> Result<Result<(ReportRef, Vec<u8>), ScanFault>, SandboxError> {
    let Beside { words: more, binds, knowledge } = match Beside::of(sort, images, host) {
        Ok(beside) => beside,
        Err(fault) => return Ok(Err(fault)),
    };
    let mut words = vec![TASK.to_owned(), sort.to_string()];
    words.extend(more);
    let paths: Vec<_> = files.iter().map(|input| (Path::new(TREE).join(input.path), input.bytes)).collect();
    let inputs = paths.iter().map(|(path, bytes)| Input { path, kind: InputKind::Plain, bytes });
    let task = Task {
        words,
        inputs: inputs.collect(),
        binds,
        memory_bytes: memory_bytes(sort, files),
        held: 0,
        seconds: u64::MAX,
    };
    let done = task.run(room, host)?;
    *level = done.level.or_else(|| level.take());
    Ok(done
        .document
        .map_err(ScanFault::from)
        .and_then(|document| Ok((reference(sort, &document, knowledge)?, document))))
}

/// Memory for a scan: a few copies of its largest file, and of what lockfiles say; for images that of the names of all files.
fn memory_bytes(sort: ScanSort, files: &[Input<'_>]) -> u64 {
    if sort == ScanSort::Images {
        return 1 << 30;
    }
    let largest = files.iter().map(|input| input.bytes.len().min(scan::INPUT_BYTES_MAX) as u64).max();
    (512 << 20) + 16 * largest.unwrap_or_default()
}

/// The reference to a document. A scan has no other original than its document.
fn reference(sort: ScanSort, document: &[u8], knowledge: Option<Knowledge>) -> Result<ReportRef, ScanFault> {
    let kind = sort.document();
    let summary = kind.inspect(document)?;
    Ok(ReportRef {
        kind,
        format: sort.as_str().parse()?,
        producer: Producer::Runner,
        tool: summary.tool,
        document: Digest::of(document),
        original: Digest::of(document),
        items: summary.items,
        knowledge,
    })
}

/// Lines for the log about single findings. Messages of secrets hold no secret.
fn details(sort: ScanSort, document: &[u8]) -> Vec<String> {
    if sort == ScanSort::Components {
        return Vec::new();
    }
    let Ok(document) = FindingsDocument::decode(document) else { return Vec::new() };
    let line = |finding: &evidence::document::findings::Finding| {
        let severity = if finding.unconfirmed { "unconfirmed" } else { finding.severity.as_str() };
        format!("  {severity}: {}: {} ({})", finding.site, finding.message, finding.rule)
    };
    let mut lines: Vec<_> = document.findings.values().map(line).collect();
    lines.sort();
    let more = lines.len().saturating_sub(SHOWN_MAX);
    lines.truncate(SHOWN_MAX);
    lines.extend((more > 0).then(|| format!("  and {more} more")));
    lines
}

/// The task of a scan, inside the sandbox: it reads all files of its tree.
///
/// # Errors
/// `OwnTaskError` if a file cannot be read, or the document would be too large.
pub fn scan_in_task(sort: ScanSort) -> Result<Vec<u8>, OwnTaskError> {
    let paths = paths()?;
    match sort {
        ScanSort::Secrets => {
            let mut all = scan::secrets::of(&BTreeMap::new())?.document;
            for path in paths {
                // One byte more than a scan takes, so that it says that the file is too large.
                let bytes = content(&path, scan::INPUT_BYTES_MAX as u64 + 1)?;
                all = all.merge(scan::secrets::of(&BTreeMap::from([(path, bytes)]))?.document);
            }
            Ok(all.encode()?)
        }
        ScanSort::Components => Ok(components(paths)?.encode()?),
        ScanSort::Infrastructure => lint_files(Subject::Infrastructure, paths),
        ScanSort::Pipelines => lint_files(Subject::Pipelines, paths),
        // They have more words, see `match_in_task` and `images_in_task`.
        ScanSort::Dependencies | ScanSort::Images => Err(OwnTaskError::Unknown),
    }
}

fn lint_files(subject: Subject, paths: Vec<String>) -> Result<Vec<u8>, OwnTaskError> {
    let mut lint = Lint::new(subject);
    for path in paths {
        let bytes = content(&path, scan::INPUT_BYTES_MAX as u64 + 1)?;
        lint.add(subject, &path, &bytes)?;
    }
    Ok(lint.document.encode()?)
}

/// The task that judges dependencies, inside the sandbox: by the database in this file, which must have this digest.
///
/// # Errors
/// `OwnTaskError` if the database is damaged or another one, or a file cannot be read.
pub fn match_in_task(file: &str, digest: &str) -> Result<Vec<u8>, OwnTaskError> {
    let database = expected(open_advisories(Path::new(file))?, digest)?;
    Ok(scan::advisories::judge(&components(paths()?)?, &database)?.encode()?)
}

/// The task that judges images in which steps run, inside the sandbox.
///
/// # Errors
/// `OwnTaskError` if the database is damaged or another one, or an image cannot be read whole.
pub fn images_in_task((file, digest): (&str, &str), images: &[&str]) -> Result<Vec<u8>, OwnTaskError> {
    image_scans::judge(images, &expected(open_advisories(Path::new(file))?, digest)?)
}

/// A database, if it is the one that the receipt will name. `osv sync` may have replaced the file meanwhile.
fn expected(database: Database, digest: &str) -> Result<Database, OwnTaskError> {
    let same = database.knowledge().digest.to_string() == digest;
    if same { Ok(database) } else { Err(OwnTaskError::Replaced) }
}

fn components(paths: Vec<String>) -> Result<ComponentsDocument, OwnTaskError> {
    let mut files = BTreeMap::new();
    for path in paths {
        let bytes = content(&path, scan::INPUT_BYTES_MAX as u64 + 1)?;
        files.insert(path, bytes);
    }
    Ok(scan::components::of(&files)?)
}

/// Paths of all files below the tree, as the source names them.
fn paths() -> Result<Vec<String>, OwnTaskError> {
    let (mut open, mut files) = (vec![PathBuf::from(TREE)], Vec::new());
    while let Some(directory) = open.pop() {
        let entries = match std::fs::read_dir(&directory) {
            // No file at all is handed in.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
                continue;
            }
            let path = entry.path();
            let below = path.strip_prefix(TREE).ok().and_then(Path::to_str);
            files.push(below.ok_or(OwnTaskError::Unknown)?.to_owned());
        }
    }
    files.sort();
    Ok(files)
}

fn content(path: &str, bytes_max: u64) -> Result<Vec<u8>, OwnTaskError> {
    let mut bytes = Vec::new();
    std::fs::File::open(Path::new(TREE).join(path))?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first word of the task.
pub const TASK: &str = "scan";
const TREE: &str = "tree";
const SHOWN_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use scan::advisories::{Builder, Ecosystem};

    use super::*;

    fn is_lockfile(path: &str) -> bool {
        scan::components::format_of(path).is_some()
    }

    #[test]
    fn a_lockfile_that_is_a_link_is_read_where_it_leads() {
        use std::os::unix::ffi::OsStrExt as _;
        let input = |path: &'static str, kind, bytes: &'static str| Input {
            path: Path::new(std::ffi::OsStr::from_bytes(path.as_bytes())),
            kind,
            bytes: bytes.as_bytes(),
        };
        let real = input("lib/deps.data", InputKind::Plain, "evil==6.6.6");
        let tree = [
            input("Cargo.lock", InputKind::Link, "lib/d/deps.data"),
            input("lib/d", InputKind::Link, "."),
            real,
        ];
        let found = linked(&tree, is_lockfile).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path, found[0].kind), (Path::new("Cargo.lock"), InputKind::Plain));
        assert_eq!(found[0].bytes, b"evil==6.6.6");
        for (target, why) in [
            ("../../up", "leads out of the tree"),
            ("/etc/hosts", "leads out of the tree"),
            ("sub/yarn.lock", "through more than 40 links"),
            ("lib", "leads to no file of the tree"),
            ("gone", "leads to no file of the tree"),
        ] {
            let tree = [input("sub/yarn.lock", InputKind::Link, target), real];
            let fault = match target {
                "sub/yarn.lock" => {
                    linked(&[input("sub/yarn.lock", InputKind::Link, "yarn.lock")], is_lockfile)
                }
                _ => linked(&tree, is_lockfile),
            };
            let fault = fault.map(|_| ()).unwrap_err().to_string();
            assert!(fault.contains("`sub/yarn.lock`: ") && fault.contains(why), "{target}: {fault}");
        }
        assert!(
            linked(&[input("README.md", InputKind::Link, "/etc/hosts")], is_lockfile).unwrap().is_empty()
        );
        static LARGE: [u8; scan::INPUT_BYTES_MAX / 2 + 1] = [b' '; scan::INPUT_BYTES_MAX / 2 + 1];
        let large = Input { path: Path::new("x"), kind: InputKind::Plain, bytes: &LARGE };
        let links = ["a/uv.lock", "b/uv.lock"].map(|path| input(path, InputKind::Link, "../x"));
        assert!(matches!(linked(&[links[0], links[1], large], is_lockfile), Err(ScanFault::Links)));
    }

    #[test]
    fn another_database_than_the_receipt_would_name_is_not_judged_by() {
        let record = r#"{"id": "X-1", "modified": "2026-11-20T00:00:00Z",
            "affected": [{"package": {"ecosystem": "npm", "name": "a"}, "versions": ["1.0.0"]}]}"#;
        let mut builder = Builder::new("mirror", Ecosystem::ALL);
        builder.record("record", record.as_bytes()).unwrap();
        let bytes = builder.finish().unwrap();
        let database = || Database::open(bytes.clone()).unwrap();
        let known = database().knowledge().digest.to_string();
        assert!(expected(database(), &known).is_ok());
        let other = Digest::of(b"another").to_string();
        assert!(matches!(expected(database(), &other), Err(OwnTaskError::Replaced)));
    }
}
