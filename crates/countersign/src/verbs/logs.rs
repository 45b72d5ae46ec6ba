//! `countersign logs`: the log of a step, as it comes or as it was kept.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};

use clap::Args;
use evidence::Name;
use serde_json::json;
use wire::{Client, LOG_PIECE_BYTES_MAX, RunView};

use super::logs_place::{self, Subject};
use super::{Place, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    #[command(flatten)]
    place: Place,
    /// The run, or a place such as shop/api/staging for what its service printed; the newest run by default.
    #[arg(value_name = "RUN|PLACE")]
    run: Option<Subject>,
    /// The step or artifact; all of them when left away.
    step: Option<Name>,
    /// The runner; the first one when left away.
    #[arg(long)]
    runner: Option<Name>,
    /// Follow until the run ends.
    #[arg(short, long)]
    follow: bool,
}

/// Prints logs.
pub fn run(verb: &Logs, output: Output) -> Result<(), Failure> {
    let client = verb.place.home()?.client()?;
    runtime()?.block_on(show(verb, &client, output))
}

async fn show(verb: &Logs, client: &Client, output: Output) -> Result<(), Failure> {
    let run = match &verb.run {
        Some(Subject::Place(place)) => return logs_place::show(place, client, verb.follow, output).await,
        Some(Subject::Run(run)) => *run,
        None => client
            .runs()
            .await?
            .first()
            .map(|view| view.run)
            .ok_or_else(|| Failure::error("there is no run yet"))?,
    };
    let mut offsets: BTreeMap<String, u64> = BTreeMap::new();
    let mut kept: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut seen = 0;
    loop {
        let view = client.run(run).await?;
        for path in paths(verb, &view) {
            loop {
                let offset = offsets.entry(path.clone()).or_default();
                let (bytes, complete) = client.log(&path, *offset).await?;
                *offset += bytes.len() as u64;
                match output {
                    Output::Text => print_piece(&bytes)?,
                    Output::Json => kept.entry(path.clone()).or_default().extend_from_slice(&bytes),
                }
                let is_all = bytes.len() < LOG_PIECE_BYTES_MAX;
                if complete || bytes.is_empty() || is_all && !verb.follow {
                    break;
                }
            }
        }
        if !verb.follow || view.state != "running" {
            break;
        }
        seen = client.wait_past(seen).await?;
    }
    match output {
        Output::Text => Ok(()),
        Output::Json => {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let logs: BTreeMap<_, _> = kept.into_iter().map(|(path, bytes)| (path, text(bytes))).collect();
            output.print(&json!({ "run": run, "logs": logs }), |_| String::new())
        }
    }
}

/// A log is foreign: a terminal is shown its text, anything else gets its bytes.
pub fn print_piece(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        return out.write_all(shown::log(&String::from_utf8_lossy(bytes)).as_bytes());
    }
    out.write_all(bytes)
}

/// The logs that are meant: of each step on one runner.
fn paths(verb: &Logs, view: &RunView) -> Vec<String> {
    let first = view.works.iter().find_map(|work| work.runner.clone());
    let runner = verb.runner.clone().or(first);
    view.works
        .iter()
        .filter(|work| work.runner.is_some() && work.runner == runner)
        .filter(|work| verb.step.as_ref().is_none_or(|step| step.as_str() == work.name))
        .filter_map(|work| {
            Some(format!("{}/{}/{}/{}", view.run, work.kind, work.name, work.runner.as_ref()?))
        })
        .collect()
}
