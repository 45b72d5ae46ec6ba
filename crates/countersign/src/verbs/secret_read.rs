//! `countersign secret get|exec`: values of secrets for the person who asks.
//!
//! Invariant: a value goes to a terminal, into a private file, or into the environment of one command, and nowhere else. A person
//! gives a reason, which is recorded before the value is handed out.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

use clap::Args;
use client::access::Access;
use client::secret_reads::{self, ReadValue};
use client::session;
use evidence::secret_name::{SecretName, SecretNameError};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{DataDir, words};
use crate::failure::Failure;
use crate::output::Output;
use crate::waiting::{runtime, unless_interrupted};

/// Arguments of `secret get`.
#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    data_dir: DataDir,
    /// The secret.
    secret: SecretName,
    /// Number of the version; default: the newest.
    #[arg(long)]
    number: Option<u32>,
    /// Why you read it; recorded with the read.
    #[arg(long, value_parser = words)]
    reason: String,
    /// Write the value into this file, which only you may read; default: the terminal.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Arguments of `secret exec`.
#[derive(Debug, Args)]
pub struct Exec {
    #[command(flatten)]
    data_dir: DataDir,
    /// Secrets with the variables that hold them, such as shop/registry/token=NPM_TOKEN.
    #[arg(required = true, value_name = "NAME=VARIABLE")]
    secrets: Vec<InVariable>,
    /// Why you read them; recorded with each read.
    #[arg(long, value_parser = words)]
    reason: String,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// A secret in an environment variable.
#[derive(Clone, Debug)]
struct InVariable {
    secret: SecretName,
    variable: String,
}

impl FromStr for InVariable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "expected NAME=VARIABLE, such as shop/registry/token=NPM_TOKEN; a variable has letters, digits and `_`";
        let (secret, variable) = text.split_once('=').ok_or(form)?;
        let is_named = variable.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_named || variable.is_empty() || variable.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(form.to_owned());
        }
        let secret = secret.parse().map_err(|error: SecretNameError| error.to_string())?;
        Ok(Self { secret, variable: variable.to_owned() })
    }
}

#[derive(Debug, Serialize)]
struct GetReport {
    secret: SecretName,
    number: u32,
    out: PathBuf,
    bytes: usize,
}

/// Reads a value.
pub fn get(verb: &Get, output: Output) -> Result<(), Failure> {
    // Nothing is read, and nothing recorded, that could not be shown then.
    if verb.out.is_none() && (output == Output::Json || !io::stdout().is_terminal()) {
        return Err(Failure::usage(
            "a value is printed on a terminal alone, since a pipe or a file could keep it where others read it; name a private file \
             with --out, or use `countersign secret exec`",
        ));
    }
    let access = verb.data_dir.access()?;
    let Get { secret, number, reason, .. } = verb;
    let ReadValue { number, value } = value_of(&access, secret, *number, reason)?;
    let Some(out) = &verb.out else { return print(&value) };
    disk::replace("people.private", &std::path::absolute(out)?, &value, 0o600)?;
    let report = GetReport { secret: secret.clone(), number, out: out.clone(), bytes: value.len() };
    output.print(&report, |report| {
        format!(
            "version {} of {} is in `{}` ({} bytes), which only you may read; the read is recorded",
            report.number,
            report.secret,
            report.out.display(),
            report.bytes
        )
    })
}

fn value_of(
    access: &Access,
    secret: &SecretName,
    number: Option<u32>,
    reason: &str,
) -> Result<ReadValue, Failure> {
    let client = session::client(access)?;
    let reading = async { Ok(secret_reads::read(access, &client, secret, number, reason).await?) };
    runtime()?.block_on(unless_interrupted(reading, "the read may be recorded, and no value was shown"))
}

/// Prints a value that is text; other bytes would command the terminal.
fn print(value: &[u8]) -> Result<(), Failure> {
    let text = std::str::from_utf8(value).ok().filter(|text| {
        let body = text.strip_suffix('\n').unwrap_or(text);
        !body.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
    });
    let text = text.ok_or_else(|| {
        Failure::error(
            "the value is no plain text, so a terminal cannot show it; name a private file with --out",
        )
    })?;
    let mut line = Zeroizing::new(String::with_capacity(text.len() + 1));
    line.push_str(text);
    if !text.ends_with('\n') {
        line.push('\n');
    }
    crate::output::stream(line.as_bytes())?;
    Ok(io::stdout().flush()?)
}

/// Becomes a command that has values in its environment.
pub fn exec(verb: &Exec) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let Some((program, arguments)) = verb.command.split_first() else {
        return Err(Failure::usage("name the command after `--`"));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for InVariable { secret, variable } in &verb.secrets {
        let read = value_of(&access, secret, None, &verb.reason)?;
        if read.value.contains(&0) {
            let what = format!("the value of {secret} has a byte 0, which no variable can have");
            return Err(Failure::error(format!("{what}; use `countersign secret get --out FILE`")));
        }
        command.env(variable, OsString::from_vec(read.value.to_vec()));
    }
    // This process becomes the command, so that no other one holds the values.
    let error = command.exec();
    Err(Failure::error(format!("the command `{}` did not start: {error}", program.to_string_lossy())))
}
