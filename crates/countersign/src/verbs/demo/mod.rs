//! `countersign demo`: a rehearsal of the whole way from commit to production, with two people, on the example service.
//!
//! Invariant: the demo uses only the public command line and HTTP of separate processes. Each line that it prints was
//! read back from an exit code, an answer or the ledger. The first line whose check fails ends the story with an error
//! that names the line.

mod acts;
mod attack;
mod example;
mod findings;
mod outcomes;
mod stage;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use stage::Stage;

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
    /// End when the story is over; default: keep all roles running until Ctrl-C.
    #[arg(long)]
    exit: bool,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Debug, Serialize)]
struct DemoReport {
    data: PathBuf,
    bundle: PathBuf,
    trust_root: PathBuf,
    url: String,
    story: Vec<String>,
    verify: String,
}

/// Plays the story.
pub fn run(verb: &Demo, output: Output) -> Result<(), Failure> {
    let log = verb.log.or("warn");
    let _journal = log.start("", &[("role", "rehearsal")]);
    let mut stage = Stage::build(verb.data.as_deref(), &log, output)?;
    acts::all(&mut stage)?;
    // The story is over; if nobody could read it, no roles are left running for a reader.
    if let Some(failure) = stage.unread.take() {
        return Err(failure);
    }
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
        story: stage.story.clone(),
        verify,
    };
    output.print(&report, |report| {
        format!(
            "\nOnly the release with two people's signatures and sound evidence reached production.\n\
             The evidence of the last release: {}\nAnyone can verify it, without this machine's server:\n  {}\nThe whole ledger: {} audit verify --data {}",
            report.bundle.display(), report.verify, stage.program.display(), report.data.display()
        )
    })?;
    if !verb.exit {
        if output == Output::Text {
            let line = format!("The server is up at {}; Ctrl-C ends everything.\n", stage.url);
            output::stream(line.as_bytes())?;
        }
        runtime()?.block_on(stop_signal());
    }
    Ok(())
}
