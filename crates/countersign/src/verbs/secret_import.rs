//! `countersign secret import`: secrets of a file as new versions in the vault.
//!
//! Invariant: the whole file is read and each name is sound before the first value is put. No value is printed.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use client::secret_file::{self, SecretFormat};
use client::secret_values::{self as values, NewVersion};
use client::session;
use evidence::secret_name::SecretName;
use serde::Serialize;
use zeroize::Zeroizing;

use super::DataDir;
use crate::failure::Failure;
use crate::output::Output;
use crate::waiting::{runtime, unless_interrupted};

/// Arguments of `secret import`.
#[derive(Debug, Args)]
pub struct Import {
    #[command(flatten)]
    data_dir: DataDir,
    /// The file; `-` for the standard input.
    file: PathBuf,
    /// The place of its secrets: a project, or a project and the start of a path, such as shop/payments. `DB_PASSWORD` becomes
    /// shop/payments/db-password.
    #[arg(long)]
    to: String,
    /// Format of the file.
    #[arg(long, value_enum)]
    format: FileFormat,
    /// Leave out secrets that exist already; default: they get a new version.
    #[arg(long)]
    only_new: bool,
    /// Show the names alone, and put nothing.
    #[arg(long)]
    dry_run: bool,
}

/// A secret of the file.
type Named = (SecretName, Zeroizing<Vec<u8>>);

/// Formats of files.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FileFormat {
    /// Lines `NAME=VALUE`, as in a file `.env`.
    Env,
    /// A JSON object; objects in it are parts of the path.
    Json,
    /// A file that sops encrypted, with age or anything else; your own `sops` decrypts it.
    Sops,
}

#[derive(Debug, Serialize)]
struct ImportReport {
    dry_run: bool,
    secrets: Vec<Imported>,
}

#[derive(Debug, Serialize)]
struct Imported {
    secret: SecretName,
    bytes: usize,
    /// Number of the new version; null if none was put.
    number: Option<u32>,
    exists: bool,
}

/// Reads the file and puts its secrets.
pub fn run(verb: &Import, output: Output) -> Result<(), Failure> {
    let found = read(verb)?;
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let putting = async {
        let project = found.first().map(|(secret, _)| secret.project().clone());
        let known = values::list(&client, project.as_ref()).await?;
        let mut secrets = Vec::new();
        for (secret, value) in found {
            let exists = known.iter().any(|view| view.secret == secret);
            let bytes = value.len();
            let number = if verb.dry_run || exists && verb.only_new {
                None
            } else {
                let new = NewVersion {
                    secret: secret.clone(),
                    number: None,
                    value,
                    expires: None,
                    rotate_days: None,
                    honey: false,
                };
                Some(values::put(&access, &client, new).await?.number)
            };
            secrets.push(Imported { secret, bytes, number, exists });
        }
        Ok(ImportReport { dry_run: verb.dry_run, secrets })
    };
    let report = runtime()?.block_on(unless_interrupted(putting, PARTLY))?;
    output.print(&report, text)
}

fn read(verb: &Import) -> Result<Vec<Named>, Failure> {
    let format = match verb.format {
        FileFormat::Env => SecretFormat::Env,
        FileFormat::Json => SecretFormat::Json,
        FileFormat::Sops => SecretFormat::Sops,
    };
    let mut input = io::stdin();
    let input: Option<&mut dyn io::Read> = if verb.file == Path::new("-") { Some(&mut input) } else { None };
    let read = secret_file::read(&verb.file, format, input);
    let read = read.map_err(|error| Failure::error(format!("`{}`: {error}", verb.file.display())))?;
    let named = read.into_iter().map(|(path, value)| {
        let parts = path.iter().map(evidence::Name::as_str);
        let name: Vec<_> = std::iter::once(verb.to.as_str()).chain(parts).collect();
        let name: SecretName = name.join("/").parse().map_err(Failure::usage)?;
        Ok((name, value))
    });
    named.collect()
}

fn text(report: &ImportReport) -> String {
    let line = |one: &Imported| {
        let what = match (one.number, one.exists) {
            (Some(number), _) => format!("version {number}"),
            (None, true) if report.dry_run => {
                "exists; it would get a new version unless --only-new is given".to_owned()
            }
            (None, true) => "exists; left out".to_owned(),
            (None, false) => "new".to_owned(),
        };
        format!("{} ({} bytes): {what}", one.secret, one.bytes)
    };
    let mut lines: Vec<_> = report.secrets.iter().map(line).collect();
    lines.push(match report.dry_run {
        true => "nothing was put".to_owned(),
        false => "remove the file, and its copies in backups and histories; `countersign secret leaked` looks for a value".to_owned(),
    });
    lines.join("\n")
}

const PARTLY: &str =
    "secrets of the file may have been put; `countersign secret list` shows them, and --only-new goes on";
