//! `countersign pipeline run`: runs the pipeline on the working tree of this machine, in the sandbox of a runner. It uses
//! no server, signs nothing that counts, and needs no installation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use client::project;
use client::project_files::{self, ProjectFiles};
use client::working_tree;
use domain::gate::GateOutcome;
use evidence::oci::{LayerEntry, LayerFile, LayerFiles, open_layer};
use evidence::pipeline::Pipeline;
use evidence::receipt::{Ending, OutputKind};
use evidence::release_file::{self, ReleaseFile};
use evidence::{Digest, Id, Name};
use policy::Reason;
use runner::{
    ArtifactBytes, ArtifactError, Budget, Repository, RetainedOutput, RetainedOutputs, Source, assemble,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::local_build::LocalBuild;
use crate::operator::Reach;
use crate::output::{self, Output};
use crate::progress::Progress;

/// The options of `pipeline run`.
#[derive(Debug)]
pub struct Local<'a> {
    /// The repository; if `None`, the one of the current directory.
    pub repository: Option<&'a Path>,
    /// The project; if `None`, the repository's name.
    pub project: Option<&'a Name>,
    /// Steps to run, with all steps that they need; if empty, all steps.
    pub steps: &'a [String],
    /// Directory for outputs and artifacts.
    pub out: Option<&'a Path>,
    /// Toolchains and networks that the steps can use.
    pub reach: &'a Reach,
}

#[derive(Debug, Serialize)]
struct Ran {
    /// Always false: no receipt of a local run counts.
    counts: bool,
    steps: BTreeMap<Name, String>,
    artifacts: BTreeMap<Name, Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<PathBuf>,
}

/// Runs the steps, and assembles the artifacts whose steps have all run.
pub fn run(verb: &Local<'_>, output: Output) -> Result<(), Failure> {
    let path = project::repository(verb.repository)?;
    let project = project::name(verb.project, &path)?;
    let out = verb.out.map(empty_dir).transpose()?;
    let tree = working_tree::WorkingTreeCommit::make(&path)?;
    let repository = tree.repository();
    let source = Source::fetch(&mut Repository::open(&repository, Budget::default())?, &tree.commit)?;
    // From here on everything is in memory, so that an interrupted step leaves no directory behind.
    drop(tree);
    let of = format!("the working tree `{}`", path.display());
    let remedy = "correct the file; `countersign pipeline check` names all problems";
    let described = project_files::sound(&of, |name| source.file(name), remedy)?;
    let ProjectFiles { pipeline, .. } = &described;
    let wanted = wanted(pipeline, verb.steps)?;
    let mut progress = Progress::new(output);
    let files = shown::many(source.files.len(), "file");
    progress.say(format!("{files} of {of}; its receipts do not count, and nothing is sent"));
    let nobody = Id::from_random([0; 16]);
    let mut build = LocalBuild::new(&source, pipeline, (nobody, project, 0), verb.reach)?;
    let mut ran = Ran { counts: false, steps: BTreeMap::new(), artifacts: BTreeMap::new(), out };
    for name in pipeline.order().into_iter().filter(|name| wanted.contains(*name)) {
        let state = step(&mut build, name, output, &mut progress)?;
        ran.steps.insert(name.clone(), state);
    }
    for (name, left) in build.left.iter().filter(|(_, left)| !left.is_empty()) {
        if let Some(out) = &ran.out {
            leave(&out.join("steps").join(name.as_str()), &as_layer(left))?;
        }
    }
    for name in pipeline.artifacts.keys() {
        let sources = pipeline.artifacts.get(name).into_iter().flat_map(|artifact| artifact.files.values());
        if sources.clone().all(|source| build.left.contains_key(&source.step)) {
            let built = assemble(pipeline, name, &build.left, &source.id, source.time_seconds());
            let built = built.map_err(|error| not_made(name, &error))?;
            holds_programs(name, &built, described.release.as_ref())?;
            progress.say(format!("artifact {name}: assembled"));
            ran.out.as_ref().map(|out| leave_artifact(out, name, &built)).transpose()?;
            ran.artifacts.insert(name.clone(), Digest::of(&built.layer));
        }
    }
    output.print(&ran, text)
}

/// Runs one step and shows its log as it arrives.
fn step(
    build: &mut LocalBuild<'_>,
    name: &Name,
    output: Output,
    progress: &mut Progress,
) -> Result<String, Failure> {
    if build.is_apart(name) {
        progress.say(format!("step {name}: gets secrets, or needs a step that does; skipped here"));
        return Ok("skipped".into());
    }
    progress.say(format!("step {name}: running"));
    let pending = Mutex::new(Vec::new());
    // With `-o json`, standard output holds the result alone.
    let live = |piece: &[u8], is_last| match output {
        Output::Text => show(&mut pending.lock().unwrap_or_else(PoisonError::into_inner), piece, is_last),
        Output::Json => {}
    };
    let done = build.step(name, &|_, piece| live(piece, false))?;
    live(b"", true);
    let Some(done) = done else {
        progress.say(format!("step {name}: is for people to approve; skipped here"));
        return Ok("skipped".into());
    };
    if done.facts.passed() {
        progress.say(format!("step {name}: passed"));
        return Ok("passed".into());
    }
    let how = ending(done.facts.exit);
    let log = String::from_utf8_lossy(&done.log).into_owned();
    let last = log.lines().last().unwrap_or_default();
    let finding = Reason {
        code: "step-failed".to_owned(),
        what: format!("step `{name}` {how}; the last line of its log: {last}"),
        remedy: format!(
            "correct it; `countersign pipeline run {name}` runs it and the steps that it needs again"
        ),
        finding: None,
    };
    Err(Failure::decided(GateOutcome::Fail, "the pipeline does not pass on this working tree", vec![finding]))
}

/// Shows whole lines of a log as they arrive, so that no character is cut. If the reader has gone, the rest is dropped;
/// the step and its verdict do not depend on it.
fn show(pending: &mut Vec<u8>, piece: &[u8], is_last: bool) {
    pending.extend_from_slice(piece);
    let whole = if is_last {
        Some(pending.len())
    } else {
        pending.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1)
    };
    let bytes: Vec<u8> = pending.drain(..whole.unwrap_or(0)).collect();
    if bytes.is_empty() {
        return;
    }
    let shown = if io::stdout().is_terminal() {
        shown::log(&String::from_utf8_lossy(&bytes)).into_bytes()
    } else {
        bytes
    };
    let _ = output::stream(&shown);
}

fn ending(exit: Ending) -> String {
    match exit {
        Ending::Code(code) => format!("ended with exit code {code}"),
        Ending::Signal(signal) => format!("was ended by signal {signal}"),
        Ending::TimedOut => "was ended at its time limit".to_owned(),
        Ending::MemoryExceeded => "was ended at its memory limit".to_owned(),
        Ending::GaveUp => "could not be run".to_owned(),
    }
}

/// Checks that the artifact contains the programs that services and probes start; an agent would fail on them later.
fn holds_programs(name: &Name, built: &ArtifactBytes, release: Option<&ReleaseFile>) -> Result<(), Failure> {
    let (files, _) = open_layer(&built.layer)?;
    let mut reasons = Vec::new();
    for (service, how) in release.into_iter().flat_map(|file| &file.services) {
        let process = how.process.as_ref().map(|process| ("process.command", &process.command));
        let commands =
            process.into_iter().chain(how.probe.command.as_ref().map(|words| ("probe.command", words)));
        for (field, words) in commands.filter(|_| how.artifact == *name) {
            let program = words.first().map(String::as_str).unwrap_or_default();
            let why = match files.get(program) {
                None | Some(LayerEntry::Directory) => "is not in",
                Some(LayerEntry::File(file)) if !file.executable => "is not executable in",
                Some(LayerEntry::File(_) | LayerEntry::Link(_)) => continue,
            };
            reasons.push(Reason {
                code: "program-missing".to_owned(),
                what: format!(
                    "{}: services.{service}.{field}: `{program}` {why} artifact `{name}`",
                    release_file::PATH
                ),
                remedy: "have the step write it there as an executable file, or name another program"
                    .to_owned(),
                finding: None,
            });
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Failure::decided(GateOutcome::Fail, "the artifacts of this working tree cannot be started", reasons))
}

fn not_made(name: &Name, error: &ArtifactError) -> Failure {
    let finding = Reason {
        code: "artifact-failed".to_owned(),
        what: format!("artifact `{name}` cannot be assembled: {error}"),
        remedy: "change its sources in the pipeline file, or the outputs of the steps".to_owned(),
        finding: None,
    };
    Failure::decided(GateOutcome::Fail, "the pipeline does not pass on this working tree", vec![finding])
}

/// The named steps, with all steps that they need.
fn wanted(pipeline: &Pipeline, named: &[String]) -> Result<BTreeSet<Name>, Failure> {
    if named.is_empty() {
        return Ok(pipeline.steps.keys().cloned().collect());
    }
    let mut open: Vec<Name> = Vec::new();
    for text in named {
        let known = text.parse().ok().filter(|name| pipeline.steps.contains_key(name));
        open.push(known.ok_or_else(|| {
            let steps = pipeline.steps.keys().map(Name::as_str).collect::<Vec<_>>().join(", ");
            Failure::usage(format!("the pipeline has no step `{text}`; it has: {steps}"))
        })?);
    }
    let mut wanted = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(step) = pipeline.steps.get(&name).filter(|_| wanted.insert(name.clone())) {
            open.extend(step.needs.iter().cloned());
        }
    }
    Ok(wanted)
}

/// A directory that exists and is empty, so that outputs are not mixed with other files.
fn empty_dir(out: &Path) -> Result<PathBuf, Failure> {
    let out = std::path::absolute(out)?;
    fs::create_dir_all(&out)?;
    if fs::read_dir(&out)?.next().is_some() {
        let what = format!("`{}` is not empty; name another directory with --out", out.display());
        return Err(Failure::usage(what));
    }
    Ok(out)
}

/// Writes the artifact as an agent would unpack it, with its layer and manifest beside it.
fn leave_artifact(out: &Path, name: &Name, built: &ArtifactBytes) -> Result<(), Failure> {
    let dir = out.join("artifacts");
    leave(&dir.join(name.as_str()), &open_layer(&built.layer)?.0)?;
    disk::write(&dir.join(format!("{name}.layer.tar")), &built.layer, 0o644)?;
    Ok(disk::write(&dir.join(format!("{name}.manifest.json")), &built.manifest, 0o644)?)
}

fn as_layer(left: &RetainedOutputs) -> LayerFiles {
    let entry = |kept: &RetainedOutput| match &kept.output.kind {
        OutputKind::File => {
            LayerEntry::File(LayerFile { bytes: kept.bytes.clone(), executable: kept.output.executable })
        }
        OutputKind::Link(target) => LayerEntry::Link(target.clone()),
        OutputKind::Directory => LayerEntry::Directory,
    };
    left.iter().map(|(path, kept)| (path.clone(), entry(kept))).collect()
}

/// Writes files below a new directory. Links are made but never followed, because no file lies below a link.
fn leave(dir: &Path, files: &LayerFiles) -> Result<(), Failure> {
    fs::create_dir_all(dir)?;
    for (path, entry) in files {
        let target = dir.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        match entry {
            LayerEntry::Directory => fs::create_dir_all(&target)?,
            LayerEntry::Link(to) => std::os::unix::fs::symlink(to, &target)?,
            LayerEntry::File(file) => {
                disk::write(&target, &file.bytes, if file.executable { 0o755 } else { 0o644 })?;
            }
        }
    }
    Ok(())
}

fn text(ran: &Ran) -> String {
    let mut lines: Vec<String> =
        ran.artifacts.iter().map(|(name, layer)| format!("artifact {name}: layer {layer}")).collect();
    lines.extend(ran.out.as_ref().map(|out| format!("written to {}", out.display())));
    lines.push("its receipts do not count; next: commit, then countersign run".to_owned());
    lines.join("\n")
}
