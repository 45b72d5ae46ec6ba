//! `countersign witness`: remembers checkpoints and cosigns growth, as a separate process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use tlog::NoteVerifier;

use super::witness_join::{self, DIRECTORY};
use super::{Child, address, runtime};
use crate::children::{announce, follow_parent, stop_signal};
use crate::failure::Failure;
use crate::log_options::LogOptions;
use crate::output::Output;

/// Arguments of `witness`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Witness {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Directory of the witness, with `key.pem`, `name` and `logs`.
    #[arg(long, required = true)]
    data: Option<PathBuf>,
    /// Loopback address to listen on; port 0 selects any free port.
    #[arg(long, default_value = "127.0.0.1:0", value_parser = address)]
    listen: SocketAddr,
    #[command(flatten)]
    child: Child,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a witness's directory and key, before or after there is an installation, and print the line that names it in the trust root.
    Key(witness_join::WitnessKey),
    /// Give a witness the key of a ledger, from a trust root that a pin confirms.
    Join(witness_join::WitnessJoin),
}

/// Prepares a witness, or runs it until it is asked to end.
pub fn run(verb: &Witness, output: Output) -> Result<(), Failure> {
    match (&verb.verb, &verb.data) {
        (Some(Verb::Key(key)), _) => witness_join::key(key, output),
        (Some(Verb::Join(join)), _) => witness_join::join(join, output),
        (None, Some(data)) => serve(data, verb, output),
        (None, None) => Err(Failure::usage("--data is required")),
    }
}

fn serve(data: &Path, verb: &Witness, output: Output) -> Result<(), Failure> {
    follow_parent(verb.child.with_parent)?;
    let _journal = verb.log.start("witness", &[("role", "witness")]);
    let keys = witness_join::keys(data)?;
    let _lock = disk::lock(data)?;
    let path = data.join("logs");
    let logs = std::fs::read_to_string(&path)
        .map_err(|error| Failure::error(format!("cannot read `{}`: {error}; {DIRECTORY}", path.display())))?;
    let logs = logs.lines().map(str::parse::<NoteVerifier>).collect::<Result<Vec<_>, _>>()?;
    let store = witness::Store::open(&data.join("state"), keys, logs)?;
    let ready = |url: &str| announce("witness", url, output);
    runtime()?.block_on(witness::serve(store, verb.listen, ready, stop_signal()))?;
    Ok(())
}
