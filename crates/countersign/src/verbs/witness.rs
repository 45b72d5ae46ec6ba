//! `countersign witness`: remembers checkpoints and cosigns growth, as a separate process.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use client::key_files;
use tlog::NoteVerifier;

use super::{Child, address, runtime};
use crate::children::{announce, follow_parent, stop_signal};
use crate::failure::Failure;
use crate::log_options::LogOptions;
use crate::output::Output;

/// Arguments of `witness`.
#[derive(Debug, Args)]
pub struct Witness {
    /// Directory of the witness, with `key.pem`, `name` and `logs`.
    #[arg(long)]
    data: PathBuf,
    /// Loopback address to listen on; port 0 selects any free port.
    #[arg(long, default_value = "127.0.0.1:0", value_parser = address)]
    listen: SocketAddr,
    #[command(flatten)]
    child: Child,
    #[command(flatten)]
    log: LogOptions,
}

/// Runs until it is asked to end.
pub fn run(verb: &Witness, output: Output) -> Result<(), Failure> {
    follow_parent(verb.child.with_parent)?;
    let _journal = verb.log.start("witness", &[("role", "witness")]);
    let read = |name: &str| {
        let path = verb.data.join(name);
        std::fs::read_to_string(&path).map_err(|error| {
            Failure::error(format!("cannot read `{}`: {error}; {DIRECTORY}", path.display()))
        })
    };
    let name = read("name")?;
    let key = key_files::read(&verb.data.join("key.pem"))?;
    let _lock = disk::lock(&verb.data)?;
    let key = key_files::witness(&key, name.trim())?;
    let logs = read("logs")?.lines().map(str::parse::<NoteVerifier>).collect::<Result<Vec<_>, _>>()?;
    let store = witness::Store::open(&verb.data.join("state"), key, logs)?;
    let ready = |url: &str| announce("witness", url, output);
    runtime()?.block_on(witness::serve(store, verb.listen, ready, stop_signal()))?;
    Ok(())
}

const DIRECTORY: &str = "`countersign init` makes the directory of a witness beside the data directory; it can be moved to another host";
