//! The command line: one file for each verb.

mod audit;
mod init;
mod key;
mod server;
mod status;
mod trust;
mod up;
mod witness;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::failure::Failure;
use crate::home::{Home, Profile};
use crate::output::Output;

/// From commit to production, with evidence that anyone can check.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, arg_required_else_help = true)]
pub struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
    /// How to print.
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an installation: keys of the roles, trust root, first enrolment.
    Init(init::Init),
    /// Start server and witness on what `init` made, and stop them together.
    Up(up::Up),
    /// Show the installation as its server sees it.
    Status(status::Status),
    /// Make, sign, send and pin statements of trust.
    #[command(subcommand)]
    Trust(trust::Trust),
    /// Verify a ledger from its files.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Show keys.
    #[command(subcommand)]
    Key(key::Key),
    /// Run the server.
    Server(server::Server),
    /// Run a witness.
    Witness(witness::Witness),
}

/// Where the installation is.
#[derive(Debug, Args)]
pub struct Place {
    /// The server's data directory.
    #[arg(long, env = "COUNTERSIGN_DATA")]
    data: Option<PathBuf>,
}

impl Place {
    /// The directory given, else that of the person's profile, else the default one.
    fn home(&self) -> Result<Home, Failure> {
        match &self.data {
            Some(dir) => Home::new(Some(dir)),
            None => Home::new(Profile::find()?.map(|profile| profile.data).as_deref()),
        }
    }
}

/// What `up` tells the roles that it starts.
#[derive(Debug, Args)]
pub struct Child {
    /// End when the process with this id does.
    #[arg(long, hide = true)]
    with_parent: Option<u32>,
}

/// Carries out a command line.
pub fn run(command: CommandLine) -> Result<(), Failure> {
    let output = command.output;
    match command.verb {
        Verb::Init(verb) => init::run(&verb, output),
        Verb::Up(verb) => up::run(&verb, output),
        Verb::Status(verb) => status::run(&verb, output),
        Verb::Trust(verb) => trust::run(&verb, output),
        Verb::Audit(verb) => audit::run(&verb, output),
        Verb::Key(verb) => key::run(&verb, output),
        Verb::Server(verb) => server::run(&verb, output),
        Verb::Witness(verb) => witness::run(&verb, output),
    }
}

/// Runs asynchronous work on a runtime of its own.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
