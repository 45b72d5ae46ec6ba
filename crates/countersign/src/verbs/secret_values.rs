//! `countersign secret put|list|destroy`: versions of build secrets.
//!
//! Invariant: a value comes from standard input or a file, never from an argument, and is printed nowhere.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use client::new_statement::Until;
use client::secret_values::{self as values, NewVersion};
use client::session;
use evidence::secret_name::{SecretName, SecretNameError};
use evidence::{Digest, Name, Place};
use serde::Serialize;
use wire::{Client, SecretVersionView, SecretView};
use zeroize::Zeroizing;

use super::secret_people::Names;
use super::{DataDir, words};
use crate::consent;
use crate::failure::Failure;
use crate::output::Output;
use crate::waiting::{runtime, unless_interrupted};

/// Arguments of `secret put`.
#[derive(Debug, Args)]
pub struct Put {
    #[command(flatten)]
    pub data_dir: DataDir,
    /// The secret: PROJECT/PATH, such as shop/registry/token; with --place its name there, as `release.yaml` names it.
    pub secret: String,
    /// Place whose service gets it, PROJECT/SERVICE/ENVIRONMENT: the value is sealed to the agents that its statement names, and nobody else can open it.
    #[arg(long, conflicts_with_all = ["number", "rotate_days", "honey"], requires = "reason")]
    place: Option<Place>,
    /// Your reason for a version at a place; it is signed and recorded.
    #[arg(long, value_parser = words, requires = "place")]
    pub reason: Option<String>,
    /// Sign a version at a place without asking; default: show it and ask.
    #[arg(long, requires = "place")]
    pub yes: bool,
    /// File with the value; default: standard input. Every byte counts, a line feed at the end too.
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// Number of the version: it is refused unless it is the one after the newest; default: that one.
    #[arg(long)]
    number: Option<u32>,
    /// End of the version: a date, which means the end of that day in UTC, or a time such as 2026-12-31T12:00:00Z; default: none, at a place 365 days from now.
    #[arg(long)]
    pub expires: Option<Until>,
    /// Days after which a newer version is due: people are warned before, and afterwards the secret is not lent; default: never.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    rotate_days: Option<u32>,
    /// Nothing needs this secret: every read of it is an alert.
    #[arg(long)]
    honey: bool,
}

impl Put {
    /// The place, if the secret is one of a place.
    pub const fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The value, from a file or standard input.
    pub fn value(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        match &self.file {
            Some(file) => Ok(values::read_file(file)?),
            None if io::stdin().is_terminal() => Err(Failure::usage(
                "a terminal would show the value: send it from a program through a pipe, or name a file with --file",
            )),
            None => Ok(values::read_pipe(io::stdin().lock())?),
        }
    }
}

/// Arguments of `secret list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    data_dir: DataDir,
    /// Only secrets of this project; default: all that you may read.
    project: Option<Name>,
}

/// Arguments of `secret destroy`.
#[derive(Debug, Args)]
pub struct Destroy {
    #[command(flatten)]
    data_dir: DataDir,
    /// The secret.
    secret: SecretName,
    /// Number of the version.
    #[arg(long)]
    number: u32,
    /// Destroy it without asking.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct PutReport {
    secret: SecretName,
    number: u32,
    value: Digest,
    entry: u64,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct ListReport {
    secrets: Vec<SecretView>,
}

#[derive(Debug, Serialize)]
struct DestroyReport {
    secret: SecretName,
    number: u32,
    entry: u64,
    remains: &'static str,
}

/// Seals a value and puts it.
pub fn put(verb: &Put, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let secret: SecretName =
        verb.secret.parse().map_err(|error: SecretNameError| Failure::usage(error.to_string()))?;
    let value = verb.value()?;
    let (bytes, of_value) = (value.len(), note(&value));
    let new = NewVersion {
        secret: secret.clone(),
        number: verb.number,
        value,
        expires: verb.expires.as_ref().map(|until| until.0),
        rotate_days: verb.rotate_days,
        honey: verb.honey,
    };
    let client = session::client(&access)?;
    let putting = async {
        let put = values::put(&access, &client, new).await?;
        Ok((put, placeless(&client, secret.project()).await))
    };
    let (put, placeless) = runtime()?.block_on(unless_interrupted(putting, UNKNOWN))?;
    let report = PutReport {
        secret,
        number: put.number,
        value: put.value,
        entry: put.entry,
        bytes,
        note: of_value.map(str::to_owned).or(placeless),
    };
    output.print(&report, |report| {
        let note = report.note.iter().map(|note| format!("\nnote: {note}")).collect::<String>();
        format!(
            "put version {} of {} ({} bytes), recorded as entry {}{note}",
            report.number, report.secret, report.bytes, report.entry
        )
    })
}

/// A note about a value that a person may not have meant.
fn note(value: &[u8]) -> Option<&'static str> {
    match value.last() {
        None => Some(EMPTY),
        Some(b'\n') => Some(LINE_FEED),
        Some(_) => None,
    }
}

/// A note if no place is of the project: its name may be mistyped, since a project is whatever a secret is put for.
async fn placeless(client: &Client, project: &Name) -> Option<String> {
    let places = client.places().await.ok()?;
    let known = places.is_empty() || places.iter().any(|view| view.place.project == *project);
    (!known).then(|| format!("no place of this installation is of project `{project}`; look at its spelling"))
}

/// Shows secrets.
pub fn list(verb: &List, output: Output) -> Result<(), Failure> {
    let client = session::client(&verb.data_dir.access()?)?;
    let asking =
        async { Ok((values::list(&client, verb.project.as_ref()).await?, Names::of(&client).await)) };
    let (secrets, names) = runtime()?.block_on(unless_interrupted(asking, "nothing was changed"))?;
    output.print(&ListReport { secrets }, |report| match report.secrets.as_slice() {
        [] => "there is no secret; `countersign secret put PROJECT/PATH` puts one".to_owned(),
        secrets => secrets.iter().map(|secret| lines(secret, &names)).collect::<Vec<_>>().join("\n"),
    })
}

fn lines(secret: &SecretView, names: &Names) -> String {
    let due = secret.rotation_due.map(|due| format!(", a newer version is due at {due}")).unwrap_or_default();
    let cadence = secret.rotate_days.map(|days| format!(", every {days} days")).unwrap_or_default();
    let honey = if secret.honey { ", a honey token" } else { "" };
    let versions: String =
        secret.versions.iter().map(|version| format!("\n  {}", line(version, names))).collect();
    format!("{}{cadence}{due}{honey}{versions}", secret.secret)
}

fn line(version: &SecretVersionView, names: &Names) -> String {
    let SecretVersionView { number, at, person, expires, destroyed, .. } = version;
    let end = match (destroyed, expires) {
        (true, _) => ", destroyed".to_owned(),
        (false, Some(expires)) => format!(", until {expires}"),
        (false, None) => String::new(),
    };
    format!("version {number}: put at {at} by {}{end}", names.person(person))
}

/// Destroys a version.
pub fn destroy(verb: &Destroy, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let Destroy { secret, number, .. } = verb;
    let page = format!("version {number} of {secret} is destroyed for good: {REMAINS}");
    consent::ask_for("Destroy it?", "nothing was destroyed", &page, verb.yes, output)?;
    let client = session::client(&access)?;
    let destroying = async { Ok(values::destroy(&access, &client, secret, *number).await?) };
    let entry = runtime()?.block_on(unless_interrupted(destroying, UNKNOWN))?;
    let report = DestroyReport { secret: secret.clone(), number: *number, entry, remains: REMAINS };
    output.print(&report, |report| {
        format!(
            "destroyed version {} of {}, recorded as entry {}\n{REMAINS}",
            report.number, report.secret, report.entry
        )
    })
}

const EMPTY: &str =
    "the value is empty: the program that was to send it may have failed; put the next version if so";
const LINE_FEED: &str = "the value ends with a line feed, which is kept; `printf %s` sends none";
const UNKNOWN: &str = "it is unknown whether the server has recorded the request; `countersign secret list` shows what is recorded";
const REMAINS: &str = "the key of its value leaves the vault, and the other keys are wrapped anew. An older backup of the vault opens it \
                       only together with the root key: change that with `countersign secret rotate-root` if somebody may have both. A step \
                       or person that read the value still knows it, so change it where it is used, too";
