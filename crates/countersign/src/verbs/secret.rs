//! `countersign secret`: secrets of a project: their values, versions and uses, and who may have them.

use clap::Subcommand;

use super::secret_grant::{self, SecretGrantVerb};
use super::secret_import::{self, Import};
use super::secret_leaked::{self, Leaked};
use super::secret_place;
use super::secret_read::{self, Exec, Get};
use super::secret_root::{self, RotateRoot};
use super::secret_rotate::{self, Rotate};
use super::secret_seen::{self, Used};
use super::secret_values::{self, Destroy, List, Put};
use super::secret_who::{self, WhoCan};
use crate::failure::Failure;
use crate::output::Output;

/// Verbs about secrets.
#[derive(Debug, Subcommand)]
pub enum SecretVerb {
    /// Put a new version of a secret. The value comes from standard input or a file, is sealed on this machine, and is kept as it is.
    Put(Box<Put>),
    /// Show secrets with their versions, never a value.
    List(List),
    /// Give a secret its next value by a recipe: valid beside the former one, put, in use, and then the former one ends.
    Rotate(Box<Rotate>),
    /// Destroy a version of a secret: the key of its value leaves the vault.
    Destroy(Box<Destroy>),
    /// Put the secrets of a file: `.env`, JSON, or one that sops encrypted.
    Import(Box<Import>),
    /// Look for a value, which comes from standard input: in a directory and its history, in logs, services and artifacts.
    Leaked(Box<Leaked>),
    /// Read the value of a secret, on a terminal or into a file, for a reason. It is recorded, and it is an alert.
    Get(Box<Get>),
    /// Run a command that gets secrets in variables, for work on this machine. Each read is recorded, and it is an alert.
    Exec(Box<Exec>),
    /// Show who may have a secret: its grants in force.
    WhoCan(WhoCan),
    /// Show who had secrets: reads, allowed and refused, and alerts, the newest first.
    Used(Box<Used>),
    /// Give the vault another root key, while the server is stopped.
    RotateRoot(RotateRoot),
    /// Lend a secret to a step of a pipeline, or let a service have it, with your signature.
    Grant(Box<SecretGrantVerb>),
}

/// Runs the verb.
pub fn run(verb: SecretVerb, output: Output) -> Result<(), Failure> {
    match verb {
        SecretVerb::Put(verb) => match verb.place() {
            Some(place) => secret_place::put(&verb, place, output),
            None => secret_values::put(&verb, output),
        },
        SecretVerb::List(verb) => secret_values::list(&verb, output),
        SecretVerb::Rotate(verb) => secret_rotate::run(&verb, output),
        SecretVerb::Destroy(verb) => secret_values::destroy(&verb, output),
        SecretVerb::Import(verb) => secret_import::run(&verb, output),
        SecretVerb::Leaked(verb) => secret_leaked::run(&verb, output),
        SecretVerb::Get(verb) => secret_read::get(&verb, output),
        SecretVerb::Exec(verb) => secret_read::exec(&verb),
        SecretVerb::WhoCan(verb) => secret_who::who_can(&verb, output),
        SecretVerb::Used(verb) => secret_seen::used(&verb, output),
        SecretVerb::RotateRoot(verb) => secret_root::rotate(&verb, output),
        SecretVerb::Grant(verb) => secret_grant::run(*verb, output),
    }
}
