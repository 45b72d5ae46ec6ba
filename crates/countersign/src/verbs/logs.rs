//! `countersign logs`: the logs of a run, live or as recorded, each below a line that names its step and runner.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;
use client::project;
use client::session;
use domain::RunId;
use evidence::Name;
use serde_json::json;
use wire::{Client, LOG_PIECE_BYTES_MAX, RunFilter, RunState, RunView, WorkKind, WorkState, WorkView};

use super::logs_place::{self, Subject};
use super::{DataDir, runtime};
use crate::failure::Failure;

use crate::log_text::LogText;
use crate::output::{self, Output};

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    #[command(flatten)]
    data_dir: DataDir,
    /// The run's id or the first digits of it, or a place such as shop/api/staging for the log of its service; default: the
    /// newest run of the project whose repository you are in, else the newest run of all.
    #[arg(value_name = "RUN|PLACE")]
    run: Option<Subject>,
    /// The step or artifact, or the check as SERVICE.ENVIRONMENT.RELEASE.CHECK, such as api.staging.4.smoke; default: all of them.
    step: Option<String>,
    /// The runner; default: the first one, and others whose step failed.
    #[arg(long)]
    runner: Option<Name>,
    /// Follow the log until the run ends; default: print what is there and end.
    #[arg(short, long)]
    follow: bool,
}

/// A log that is being read.
#[derive(Default)]
struct Reading {
    offset: u64,
    is_complete: bool,
    text: LogText,
    /// The whole log, for JSON.
    kept: Vec<u8>,
}

/// Prints logs.
pub fn run(verb: &Logs, output: Output) -> Result<(), Failure> {
    let client = session::client(&verb.data_dir.access()?)?;
    runtime()?.block_on(show(verb, &client, output))
}

async fn show(verb: &Logs, client: &Client, output: Output) -> Result<(), Failure> {
    let run = match &verb.run {
        Some(Subject::Place(place)) => return logs_place::show(place, client, verb.follow, output).await,
        Some(Subject::Run(run)) => run.run(client).await?,
        None => newest(client).await?,
    };
    let mut readings: BTreeMap<String, Reading> = BTreeMap::new();
    let mut page = Page { output, ..Page::default() };
    loop {
        let view = client.run(run).await?;
        let has_ended = view.state != RunState::Running;
        page.title(&view)?;
        let is_last_look = has_ended || !verb.follow;
        let works = works(verb, &view)?;
        for work in if is_last_look { failed_last(works) } else { works } {
            let reading = readings.entry(path(&view, work)).or_default();
            read(client, &view, work, reading, &mut page).await?;
            if is_last_look {
                page.piece(work, &reading.text.rest())?;
                page.nothing(work)?;
            }
        }
        if is_last_look {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    page.end(run, readings)
}

/// The newest run of the current directory's project, else the newest of all.
async fn newest(client: &Client) -> Result<RunId, Failure> {
    let repository = project::toplevel(&std::env::current_dir()?).ok().flatten();
    let own = repository.and_then(|path| project::name(None, &path).ok());
    let places = client.places().await?;
    let own = own.filter(|name| places.iter().any(|view| view.place.project == *name));
    let runs = client.runs(&RunFilter { project: own.clone(), ..RunFilter::default() }).await?;
    let first = runs.first().map(|view| view.run);
    first.ok_or_else(|| match own {
        Some(name) => {
            Failure::error(format!("there is no run of {name} yet; begin one with `countersign run`"))
        }
        None => Failure::error("there is no run yet; begin one with `countersign run`"),
    })
}

/// Reads the part of a log that is new, and prints it.
async fn read(
    client: &Client,
    view: &RunView,
    work: &WorkView,
    reading: &mut Reading,
    page: &mut Page,
) -> Result<(), Failure> {
    while !reading.is_complete {
        let (bytes, is_complete) = client.log(&path(view, work), reading.offset).await?;
        reading.offset += bytes.len() as u64;
        reading.is_complete = is_complete;
        match page.output {
            Output::Text => page.piece(work, &reading.text.take(&bytes))?,
            Output::Json => reading.kept.extend_from_slice(&bytes),
        }
        if bytes.len() < LOG_PIECE_BYTES_MAX {
            return Ok(());
        }
    }
    Ok(())
}

/// The selected logs: of each step on the named runner; without one, on the first runner and on others where the step
/// failed although it did not fail on the first.
fn works<'a>(verb: &Logs, view: &'a RunView) -> Result<Vec<&'a WorkView>, Failure> {
    let all: Vec<_> = view.works.iter().filter(|work| work.runner.is_some()).collect();
    if let Some(step) = &verb.step
        && !view.works.iter().any(|work| work.name == *step)
    {
        let known: BTreeSet<_> = all.iter().map(|work| work.name.as_str()).collect();
        let known: Vec<_> = known.into_iter().collect();
        return Err(Failure::error(format!(
            "run {} has no step, artifact or check `{step}` so far; it has {}",
            view.run,
            if known.is_empty() { "none yet".to_owned() } else { known.join(", ") }
        )));
    }
    if let Some(runner) = &verb.runner
        && !all.iter().any(|work| work.runner.as_ref() == Some(runner))
    {
        let known: BTreeSet<_> =
            all.iter().filter_map(|work| Some(work.runner.as_ref()?.to_string())).collect();
        let known: Vec<_> = known.into_iter().collect();
        let known =
            if known.is_empty() { "has none yet".to_owned() } else { format!("has {}", known.join(", ")) };
        return Err(Failure::error(format!("run {} has no runner called `{runner}`; it {known}", view.run)));
    }
    let mut meant: Vec<&WorkView> = Vec::new();
    for work in all {
        let is_wanted = verb.step.as_ref().is_none_or(|step| *step == work.name);
        let same = meant.iter().find(|other| other.kind == work.kind && other.name == work.name);
        let is_shown = match &verb.runner {
            Some(runner) => work.runner.as_ref() == Some(runner),
            None => {
                same.is_none_or(|first| work.state == WorkState::Failed && first.state != WorkState::Failed)
            }
        };
        if is_wanted && is_shown {
            meant.push(work);
        }
    }
    Ok(meant)
}

/// Sorts the log with the reason of a failed run last, where people look first; another runner may still be running.
fn failed_last(mut works: Vec<&WorkView>) -> Vec<&WorkView> {
    works.sort_by_key(|work| work.state == WorkState::Failed);
    works
}

fn path(view: &RunView, work: &WorkView) -> String {
    let runner = work.runner.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}/{}/{}/{runner}", view.run, work.kind, work.name)
}

/// The printed page so far.
#[derive(Default)]
struct Page {
    output: Output,
    has_title: bool,
    has_ended: bool,
    /// The heading above the current log.
    heading: String,
    /// Works whose heading was printed.
    headed: BTreeSet<(WorkKind, String, Option<Name>)>,
    is_in_line: bool,
}

impl Page {
    fn title(&mut self, view: &RunView) -> Result<(), Failure> {
        self.has_ended = view.state != RunState::Running;
        if std::mem::replace(&mut self.has_title, true) || self.output == Output::Json {
            return Ok(());
        }
        let RunView { run, project, commit, state, .. } = view;
        output::stream(format!("run {run} of {project} at commit {commit}: {state}\n").as_bytes())
    }

    fn piece(&mut self, work: &WorkView, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.head(work)?;
        self.is_in_line = !bytes.ends_with(b"\n");
        output::log(bytes)
    }

    /// Prints the heading of a log that is empty.
    fn nothing(&mut self, work: &WorkView) -> Result<(), Failure> {
        if self.headed.contains(&key(work)) { Ok(()) } else { self.head(work) }
    }

    fn head(&mut self, work: &WorkView) -> Result<(), Failure> {
        let on = work.runner.as_ref().map_or_else(String::new, |runner| format!(" on {runner}"));
        let heading = format!("== {} {}{on}", work.kind, work.name);
        if self.output == Output::Json || self.heading == heading {
            return Ok(());
        }
        let before = if std::mem::take(&mut self.is_in_line) { "\n" } else { "" };
        self.headed.insert(key(work));
        // Work that remained when a run ended is not due any more.
        let is_unfinished = self.has_ended && work.state == WorkState::Due;
        let state = if is_unfinished { "unfinished".to_owned() } else { work.state.to_string() };
        output::stream(format!("{before}{heading}: {state}\n").as_bytes())?;
        self.heading = heading;
        Ok(())
    }

    fn end(mut self, run: RunId, readings: BTreeMap<String, Reading>) -> Result<(), Failure> {
        if self.output == Output::Text {
            return if std::mem::take(&mut self.is_in_line) { output::stream(b"\n") } else { Ok(()) };
        }
        let text = |reading: Reading| String::from_utf8_lossy(&reading.kept).into_owned();
        let logs: BTreeMap<_, _> =
            readings.into_iter().map(|(path, reading)| (path, text(reading))).collect();
        self.output.print(&json!({ "run": run, "logs": logs }), |_| String::new())
    }
}

fn key(work: &WorkView) -> (WorkKind, String, Option<Name>) {
    (work.kind, work.name.clone(), work.runner.clone())
}

/// Interval at which a growing log is read.
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use wire::{WorkKind, WorkView};

    use super::failed_last;

    #[test]
    fn what_failed_stands_after_what_is_unfinished_on_another_runner() {
        let work = |name: &str, state: &str| WorkView {
            kind: WorkKind::Step,
            name: name.to_owned(),
            runner: None,
            state: state.parse().unwrap(),
            running: false,
            log: None,
        };
        let works = [work("a", "passed"), work("b", "failed"), work("c", "due"), work("d", "failed")];
        let names: Vec<_> = failed_last(works.iter().collect()).iter().map(|work| &work.name).collect();
        assert_eq!(names, ["a", "c", "b", "d"]);
    }
}
