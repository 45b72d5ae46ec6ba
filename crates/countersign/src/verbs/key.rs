//! `countersign key`: shows the keys that would be used and what countersign knows of a key.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use client::session;
use client::signing::PersonKey;
use serde::Serialize;

use super::{DataDir, key_use, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Subcommands of `key`.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Show a key: whether it can be used, and its fingerprint.
    Show {
        /// Private or public key file; default: the key that you would sign with.
        file: Option<PathBuf>,
    },
    /// List the keys of all enrolled people, as the server sees them.
    List(DataDir),
    /// Tell this machine who you are in an installation, and which of your keys you use there.
    Use(key_use::Use),
}

#[derive(Debug, Serialize)]
struct KeyReport {
    fingerprint: String,
    public_key: String,
    file: PathBuf,
    hardware: bool,
}

/// Carries out a subcommand.
pub fn run(verb: &Key, output: Output) -> Result<(), Failure> {
    match verb {
        Key::Show { file } => show(file.as_deref(), output),
        Key::List(place) => list(place, output),
        Key::Use(verb) => key_use::run(verb, output),
    }
}

fn list(data_dir: &DataDir, output: Output) -> Result<(), Failure> {
    let client = session::client(&data_dir.access()?)?;
    let people = runtime()?.block_on(client.installation())?.people;
    output.print(&people, |people| {
        let line = |person: &wire::PersonView| format!("{}  {}", person.person, person.keys.join("  "));
        people.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn show(file: Option<&Path>, output: Output) -> Result<(), Failure> {
    let found = file.map_or_else(PersonKey::discover, PersonKey::read)?;
    let report = KeyReport {
        fingerprint: found.key.fingerprint().to_owned(),
        public_key: found.key.line().to_owned(),
        hardware: found.key.is_hardware(),
        file: found.file,
    };
    output.print(&report, |report| {
        let kind = if report.hardware { "hardware key" } else { "file or agent key" };
        format!("{}\n{}\n{} ({kind})", report.fingerprint, report.public_key, report.file.display())
    })
}
