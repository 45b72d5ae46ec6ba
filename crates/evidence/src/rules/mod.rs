//! Rules for a project's two files. They name faults that would otherwise show only during a run, each with its place.
//!
//! Invariant: the rules are pure and apply only before something new starts (`run`, `pipeline check`, `pipeline run`, a
//! runner before a step). `Pipeline::parse` and `ReleaseFile::parse` do not apply them and still read what they always
//! read, because they verify the evidence of old commits. So a new rule never changes the meaning of a ledger.

mod every;
mod network;
pub mod programs;
mod release;
mod step;
mod tested;

use std::collections::BTreeSet;
use std::fmt;

pub use network::{ECOSYSTEMS, fault as network_fault};
pub use tested::{UNTESTED, is_tested};

use crate::Name;
use crate::pipeline::{self, Pipeline};
use crate::release_file::{self, ReleaseFile};

/// A fault in one of the files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Path of the file in the repository.
    pub file: &'static str,
    /// Place in the file; empty for the file as a whole.
    pub place: String,
    /// Description of the fault and its remedy.
    pub what: String,
}

/// The two files, as far as they could be read.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// The pipeline, if it could be read.
    pub pipeline: Option<Pipeline>,
    /// The release file, if it exists and could be read.
    pub release: Option<ReleaseFile>,
    /// All problems of both files.
    pub problems: Vec<Problem>,
}

impl Problem {
    fn new(file: &'static str, place: String, what: impl Into<String>) -> Self {
        Self { file, place, what: what.into() }
    }

    /// A stable code that names the file with the problem.
    #[must_use]
    pub fn code(&self) -> &'static str {
        if self.file == pipeline::PATH { "pipeline-unsound" } else { "release-file-unsound" }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, what } = self;
        if place.is_empty() { write!(f, "{file}: {what}") } else { write!(f, "{file}: {place}: {what}") }
    }
}

/// Reads both files and applies all rules. A project without a release file is built but never deployed.
#[must_use]
pub fn read(steps: &[u8], services: Option<&[u8]>) -> Read {
    let mut read = Read::default();
    match Pipeline::parse(steps) {
        Ok(pipeline) => read.pipeline = Some(pipeline),
        Err(error) => read.problems.extend(every::of_pipeline(steps, &error)),
    }
    match services.map(|bytes| (bytes, ReleaseFile::parse(bytes))) {
        None => {}
        Some((_, Ok(release))) => read.release = Some(release),
        Some((bytes, Err(error))) => read.problems.extend(every::of_release(bytes, &error)),
    }
    read.problems.extend(read.pipeline.iter().flat_map(of_pipeline));
    read.problems.extend(read.release.iter().flat_map(release::problems));
    if let (Some(pipeline), Some(release)) = (&read.pipeline, &read.release) {
        read.problems.extend(release::between(pipeline, release));
    }
    read
}

/// Problems of a pipeline that could be parsed.
#[must_use]
pub fn of_pipeline(pipeline: &Pipeline) -> Vec<Problem> {
    let steps = pipeline.steps.iter().flat_map(|(name, step)| step::problems(name, step));
    let artifacts = pipeline.artifacts.iter().flat_map(|(name, artifact)| step::of_artifact(name, artifact));
    steps.chain(artifacts).collect()
}

/// Hints at things that are allowed but probably not intended.
#[must_use]
pub fn notes(pipeline: &Pipeline, release: Option<&ReleaseFile>) -> Vec<String> {
    let mut notes = Vec::new();
    if pipeline.artifacts.is_empty() {
        notes.push("the pipeline makes no artifact, so nothing can be released".to_owned());
    }
    if !is_tested(pipeline) {
        notes.push(UNTESTED.to_owned());
    }
    let Some(release) = release else {
        notes.push(format!("there is no {}, so what is built is not released anywhere", release_file::PATH));
        return notes;
    };
    let used: BTreeSet<&Name> = release.services.values().map(|service| &service.artifact).collect();
    let idle = pipeline.artifacts.keys().filter(|name| !used.contains(name));
    notes.extend(idle.map(|name| format!("artifact `{name}` is built, but no service is released from it")));
    notes.extend(release::notes(release));
    notes
}

/// The reason why a program cannot receive this text as a variable's value or an argument; `None` if it can.
fn text_fault(text: &str) -> Option<&'static str> {
    if text.contains('\0') {
        return Some("holds a NUL byte, which no program can be given");
    }
    (text.len() > TEXT_BYTES_MAX)
        .then_some("has more than 128 KiB; Linux takes no longer ones: put it in a file")
}

/// Linux's `MAX_ARG_STRLEN` without the NUL and room for a variable's name (execve(2)).
const TEXT_BYTES_MAX: usize = 128 * 1024 - 1024;
