//! `countersign demo`: a rehearsal of the whole way from commit to production, with two people, on the example service.
//!
//! Invariant: the demo uses only the public command line and HTTP of separate processes. Each line that it prints was
//! read back from an exit code, an answer or the ledger. The first line whose check fails ends the story with an error
//! that names the line.

mod acts;
mod attack;
mod configuration;
mod database;
mod drift;
mod example;
mod findings;
mod held;
mod lived_in;
mod look;
mod migration;
mod mirror;
mod outcomes;
mod outside;
mod repository;
mod rollouts;
mod secrets;
mod stage;
mod traffic;
mod values;
mod windows;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use look::{Look, Person};
use serde::Serialize;
use stage::Stage;
use wire::PagePath;

use super::runtime;
use crate::children::stop_signal;
use crate::failure::Failure;
use crate::log_options::LogOptions;
use crate::output::{self, Output};

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// The server's data directory; default: a new directory below the system's temporary directory.
    #[arg(long)]
    data: Option<PathBuf>,
    /// End when the story is over; default: on a terminal, keep all roles running until Ctrl-C.
    #[arg(long)]
    exit: bool,
    /// Keep all roles running until Ctrl-C, also without a terminal; default: only on a terminal.
    #[arg(long, conflicts_with = "exit")]
    stay: bool,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Debug, Serialize)]
struct DemoReport {
    data: PathBuf,
    bundle: PathBuf,
    trust_root: PathBuf,
    url: String,
    /// Address of the console.
    console: String,
    /// Things to look at in the console.
    look: Vec<Look>,
    /// People whose commands a reader may give, while the demo stays up.
    people: Vec<Person>,
    story: Vec<String>,
    verify: String,
}

/// Plays the story.
pub fn run(verb: &Demo, output: Output) -> Result<(), Failure> {
    let log = verb.log.or("warn");
    let _journal = log.start("", &[("role", "rehearsal")]);
    let mut stage = Stage::build(verb.data.as_deref(), &log, output)?;
    let look = acts::all(&mut stage)?;
    // The story is over; if nobody could read it, no roles are left running for a reader.
    if let Some(failure) = stage.unread.take() {
        return Err(failure);
    }
    let stays = verb.stay || !verb.exit && std::io::stdout().is_terminal();
    let verify = format!(
        "{} verify {} --trust-root {}",
        stage.program.display(),
        stage.bundle().display(),
        stage.trust_root().display()
    );
    let report = DemoReport {
        data: stage.data.clone(),
        bundle: stage.bundle(),
        trust_root: stage.trust_root(),
        url: stage.url.clone(),
        console: stage.console.clone(),
        look,
        people: look::people(&stage.ledger),
        story: stage.story.clone(),
        verify,
    };
    output.print(&report, |report| {
        format!(
            "\nEach release that reached production was approved by a person who did not write it, and its agent verified \
             the evidence. No attack got there.\n\
             The evidence of the last release: {}\nAnyone can verify it, without this machine's server:\n  {}\nThe whole ledger: {} audit verify --data {}",
            report.bundle.display(), report.verify, stage.program.display(), report.data.display()
        )
    })?;
    if stays {
        if output == Output::Text {
            let link = runtime()?.block_on(stage.client()?.open_page(&PagePath::root()))?;
            output::stream(look::guide(&stage, &link.url, &report.look).as_bytes())?;
        }
        runtime()?.block_on(stop_signal());
    }
    Ok(())
}
