//! `countersign evidence`: saves the evidence of a released artifact, for anyone who wants to verify it.

use std::path::PathBuf;

use clap::Args;
use client::{evidence_file, places, session};
use evidence::Place;
use serde::Serialize;
use shown::shell;

use super::{DataDir, release, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `evidence`.
#[derive(Debug, Args)]
pub struct Evidence {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: the only place that runs a release approved by people.
    place: Option<Place>,
    /// Number of the release; default: the release that runs at the place.
    #[arg(value_parser = release)]
    release: Option<u64>,
    /// File to write, which replaces an existing one; default: a file in the current directory, which git is told to ignore.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct EvidenceReport {
    place: Place,
    release: u64,
    bundle: PathBuf,
    next: String,
}

/// Fetches the evidence and saves it.
pub fn run(verb: &Evidence, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let runtime = runtime()?;
    let known = runtime.block_on(client.places())?;
    let view = match &verb.place {
        Some(at) => places::named(known, at)?,
        None => places::only(
            known,
            |view| !view.automatic && view.running.is_some(),
            "runs a release that people promoted",
        )?,
    };
    let release = runtime.block_on(evidence_file::meant(&client, &view, verb.release))?;
    let saved = runtime.block_on(evidence_file::save(&access, &client, &release, verb.out.as_deref()))?;
    let next = format!("countersign verify {}", shell::path(&saved.file));
    let report = EvidenceReport { place: view.place, release: saved.release, bundle: saved.file, next };
    output.print(&report, |report| {
        format!(
            "evidence of release {} of {} saved in `{}`\nnext: {}",
            report.release,
            report.place,
            report.bundle.display(),
            report.next
        )
    })
}
