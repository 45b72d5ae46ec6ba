//! `countersign secret used`: who had a secret.

use clap::Args;
use client::session;
use evidence::entry::Actor;
use evidence::secret_name::{SecretName, SecretNameError};
use evidence::{Id, Name, Place};
use serde::Serialize;
use wire::{SecretUseFilter, SecretUseView};

use super::DataDir;
use super::secret_people::Names;
use super::secret_place::plain;
use crate::failure::Failure;
use crate::output::Output;
use crate::waiting::{runtime, unless_interrupted};

/// Arguments of `secret used`.
#[derive(Debug, Args)]
pub struct Used {
    #[command(flatten)]
    data_dir: DataDir,
    /// Only this secret, or with `--place` this name there; default: all of every project that you may read.
    secret: Option<String>,
    /// Only uses at this place: PROJECT/SERVICE/ENVIRONMENT.
    #[arg(long)]
    place: Option<Place>,
    /// Only secrets of this project.
    #[arg(long)]
    project: Option<Name>,
    /// Only reads for this run, by its full id.
    #[arg(long)]
    run: Option<Id>,
    /// Only lines of entries before this number, for the next page.
    #[arg(long)]
    before: Option<u64>,
}

#[derive(Debug, Serialize)]
struct UsedReport {
    lines: Vec<SecretUseView>,
}

/// Shows reads and alerts.
pub fn used(verb: &Used, output: Output) -> Result<(), Failure> {
    let client = session::client(&verb.data_dir.access()?)?;
    let filter = SecretUseFilter {
        project: verb.project.clone(),
        secret: asked(verb)?,
        place: verb.place.clone(),
        run: verb.run,
        before: verb.before,
    };
    let asking = async { Ok((client.secret_uses(&filter).await?, Names::of(&client).await)) };
    let (lines, names) = runtime()?.block_on(unless_interrupted(asking, NOTHING))?;
    output.print(&UsedReport { lines }, |report| match report.lines.as_slice() {
        [] => "nobody read such a secret".to_owned(),
        lines => lines.iter().map(|used| line(used, &names)).collect::<Vec<_>>().join("\n"),
    })
}

/// The secret of the question, as lines name it.
fn asked(verb: &Used) -> Result<Option<SecretName>, Failure> {
    let Some(text) = &verb.secret else { return Ok(None) };
    let secret = match &verb.place {
        None => text.parse().map_err(|error: SecretNameError| Failure::usage(error.to_string()))?,
        Some(place) => SecretName::at_place(&place.project, &plain(text)?),
    };
    Ok(Some(secret))
}

fn line(used: &SecretUseView, names: &Names) -> String {
    let SecretUseView { entry, time, who, run, step, place, release, summary, .. } = used;
    let who = match who {
        Actor::Person(person) => names.person(person),
        Actor::Machine(machine) => machine.to_string(),
        Actor::System => "the server".to_owned(),
    };
    let work = match (step, run, place) {
        (Some(step), Some(run), _) => format!(", step {step} of run {run}"),
        (_, _, Some(place)) => {
            let release = release.map(|release| format!(", release {release}")).unwrap_or_default();
            format!(", at {place}{release}")
        }
        _ => String::new(),
    };
    format!("{time}  {summary}, {who}{work} (entry {entry})")
}

const NOTHING: &str = "nothing was changed";
