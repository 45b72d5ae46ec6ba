//! `countersign demo`: a rehearsal of the whole way, with two people, on the example service.
//!
//! Invariant: it drives the public command line and HTTP of separate processes and nothing else. Each line
//! that it prints was read back from an exit code, an answer or the ledger; a line that does not come out
//! as it must ends the story with its name.

mod acts;
mod attack;
mod example;
mod stage;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use stage::Stage;

use super::runtime;
use crate::children::stop_signal;
use crate::failure::Failure;
use crate::output::{self, Output};

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// The server's data directory; default: a new one below the system's temporary directory.
    #[arg(long)]
    data: Option<PathBuf>,
    /// End when the story is over, instead of leaving everything up.
    #[arg(long)]
    exit: bool,
}

#[derive(Debug, Serialize)]
struct Told {
    data: PathBuf,
    bundle: PathBuf,
    trust_root: PathBuf,
    url: String,
    story: Vec<String>,
    verify: String,
}

/// Tells the story.
pub fn run(verb: &Demo, output: Output) -> Result<(), Failure> {
    let mut stage = Stage::build(verb.data.as_deref(), output)?;
    acts::all(&mut stage)?;
    // The story is told; if nobody reads it, nothing is left up for the reader.
    if let Some(failure) = stage.unread.take() {
        return Err(failure);
    }
    let verify = format!(
        "{} verify {} --trust-root {}",
        stage.program.display(),
        stage.bundle().display(),
        stage.trust_root().display()
    );
    let told = Told {
        data: stage.data.clone(),
        bundle: stage.bundle(),
        trust_root: stage.trust_root(),
        url: stage.url.clone(),
        story: stage.story.clone(),
        verify,
    };
    output.print(&told, |told| {
        format!(
            "\nNothing reached production but what two people's signatures and the evidence let through.\n\
             The evidence of the last release: {}\nAnyone can verify it, without this machine's server:\n  {}\nThe whole ledger: {} audit verify --data {}",
            told.bundle.display(), told.verify, stage.program.display(), told.data.display()
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
