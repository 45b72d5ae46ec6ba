//! `countersign key`: which of your keys would be used, and what countersign thinks of a key.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::signing::PersonKey;

/// Subcommands of `key`.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Show a key: yours as it is found out, or the one in a file.
    Show {
        /// Private or public key file.
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Serialize)]
struct Shown {
    fingerprint: String,
    public_key: String,
    file: PathBuf,
    hardware: bool,
}

/// Shows a key.
pub fn run(verb: &Key, output: Output) -> Result<(), Failure> {
    let Key::Show { file } = verb;
    let found = file.as_deref().map_or_else(PersonKey::discover, PersonKey::read)?;
    let shown = Shown {
        fingerprint: found.key.fingerprint().to_owned(),
        public_key: found.key.line().to_owned(),
        hardware: found.key.is_hardware(),
        file: found.file,
    };
    output.print(&shown, |shown| {
        let kind = if shown.hardware { "hardware key" } else { "file or agent key" };
        format!("{}\n{}\n{} ({kind})", shown.fingerprint, shown.public_key, shown.file.display())
    })
}
