//! `countersign secret leaked`: where a value appears.
//!
//! Invariant: the value comes from standard input and is in no request and no output.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use client::changes::Repository;
use client::leaks::{Leak, LeakSearch};
use client::secret_values as values;
use client::session;
use domain::gate::GateOutcome;
use evidence::Name;
use policy::Reason;
use serde::Serialize;
use wire::{RUNS_MAX, RunFilter};

use super::DataDir;
use crate::failure::Failure;
use crate::output::Output;
use crate::waiting::{runtime, unless_interrupted};

/// Arguments of `secret leaked`.
#[derive(Debug, Args)]
pub struct Leaked {
    #[command(flatten)]
    data_dir: DataDir,
    /// Directory to look into, with the history of its repository; default: the current one.
    path: Option<PathBuf>,
    /// Most commits of the history to read, the newest first.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    commits_max: u32,
    /// Only logs, artifacts and services of this project; default: all that you may read.
    #[arg(long)]
    project: Option<Name>,
    /// Most runs whose logs and artifacts are read, the newest first.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=i64::from(RUNS_MAX)))]
    runs: u16,
    /// Look into the directory and its history alone, and ask no server.
    #[arg(long, conflicts_with_all = ["project", "runs"])]
    offline: bool,
}

#[derive(Debug, Serialize)]
struct LeakReport {
    read: usize,
    leaks: Vec<Leak>,
    unread: BTreeMap<String, String>,
}

/// Looks and prints. Exit code 3: the value was found; 4: something could not be read.
pub fn run(verb: &Leaked, output: Output) -> Result<(), Failure> {
    if io::stdin().is_terminal() {
        return Err(Failure::usage(
            "a terminal would show the value: send it from a program or a file through a pipe",
        ));
    }
    let value = values::read_pipe(io::stdin().lock())?;
    let mut search = LeakSearch::new(&value)?;
    drop(value);
    let path = verb.path.as_deref().unwrap_or(Path::new("."));
    search.directory(path)?;
    // Outside of a repository there is no history; inside of one, a history that cannot be read is an error.
    match Repository::open(Some(path)) {
        Err(error) if is_in_repository(path)? => return Err(error.into()),
        Err(_) => {}
        Ok(_) => search.history(path, verb.commits_max)?,
    }
    if !verb.offline {
        let client = session::client(&verb.data_dir.access()?)?;
        let looking = async {
            let filter =
                RunFilter { project: verb.project.clone(), limit: Some(verb.runs), ..RunFilter::default() };
            let runs = client.runs(&filter).await?;
            for run in &runs {
                search.run(&client, run).await;
            }
            if runs.len() == usize::from(verb.runs) {
                search
                    .unread
                    .insert("runs".into(), format!("only the newest {} were read; raise --runs", verb.runs));
            }
            let places = client.places().await?.into_iter().map(|view| view.place);
            for place in
                places.filter(|place| verb.project.as_ref().is_none_or(|project| place.project == *project))
            {
                search.service(&client, &place).await;
            }
            Ok(())
        };
        runtime()?.block_on(unless_interrupted(looking, "nothing was changed"))?;
    }
    let report =
        LeakReport { read: search.read, leaks: search.leaks.into_iter().collect(), unread: search.unread };
    output.print(&report, text)?;
    outcome(&report)
}

/// Whether a directory above the path, or the path itself, has git's own files.
fn is_in_repository(path: &Path) -> Result<bool, Failure> {
    Ok(path.canonicalize()?.ancestors().any(|dir| dir.join(".git").exists()))
}

fn outcome(report: &LeakReport) -> Result<(), Failure> {
    if !report.leaks.is_empty() {
        let places = shown::many(report.leaks.len(), "place");
        return Err(Failure::counted(
            format!(
                "the value stands in {places}: put a new version, and have the old one revoked where it is used"
            ),
            Vec::new(),
        ));
    }
    if report.unread.is_empty() {
        return Ok(());
    }
    let reason = |(what, why): (&String, &String)| Reason {
        code: "not-scanned".to_owned(),
        what: format!("{what}: {why}"),
        remedy: "look there by hand".to_owned(),
        finding: None,
    };
    let reasons = report.unread.iter().map(reason).collect();
    let what = "not everything could be read, so the value may stand somewhere else";
    Err(Failure::decided(GateOutcome::Undecided, what, reasons))
}

fn text(report: &LeakReport) -> String {
    let mut lines: Vec<_> = report.leaks.iter().map(line).collect();
    lines.extend(report.unread.iter().map(|(what, why)| format!("not read: {what}: {why}")));
    lines.push(format!("{} read: files, versions of files, logs and artifacts", report.read));
    lines.join("\n")
}

fn line(leak: &Leak) -> String {
    match leak {
        Leak::File { path, line } => format!("file {path}, line {line}"),
        Leak::History { commit, path, line } => format!("history: {path} of commit {commit}, line {line}"),
        Leak::Log { log, line } => format!("log {log}, line {line}"),
        Leak::Service { place, line } => format!("log of the service of {place}, line {line}"),
        Leak::Artifact { artifact, name, path } => format!("artifact {name} {artifact}: {path}"),
    }
}
