//! `countersign secret who-can`: who may have a secret, as verified statements say it.

use clap::Args;
use client::profile::Profile;
use client::secret_holders::{KnownVersion, of_place, of_step};
use client::session;
use evidence::secret_name::{SecretName, SecretNameError};
use evidence::{Digest, Id, Moment, Name, Place};
use judge::KnownGrant;
use serde::Serialize;

use super::DataDir;
use super::secret_place::plain;
use crate::failure::Failure;
use crate::output::Output;
use crate::waiting::{runtime, unless_interrupted};

/// Arguments of `secret who-can`.
#[derive(Debug, Args)]
pub struct WhoCan {
    #[command(flatten)]
    data_dir: DataDir,
    /// The secret: PROJECT/PATH, or with `--place` its name there.
    secret: String,
    /// The place of a deploy secret: PROJECT/SERVICE/ENVIRONMENT.
    #[arg(long)]
    place: Option<Place>,
}

#[derive(Debug, Serialize)]
struct WhoCanReport {
    secret: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    grants: Vec<GrantRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<VersionRow>,
    #[serde(skip)]
    project: Name,
}

#[derive(Debug, Serialize)]
struct GrantRow {
    what: String,
    statement: Digest,
    person: Id,
    name: String,
    from: Moment,
    until: Moment,
    reason: String,
    /// Why it does not count; absent if it does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    void: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct VersionRow {
    number: u32,
    agents: Vec<Name>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
}

/// Shows the grants of a secret, and who can open its version at a place.
pub fn who_can(verb: &WhoCan, output: Output) -> Result<(), Failure> {
    let report = match &verb.place {
        None => of_project(verb)?,
        Some(place) => at_place(verb, place)?,
    };
    output.print(&report, text)
}

fn of_project(verb: &WhoCan) -> Result<WhoCanReport, Failure> {
    let secret: SecretName =
        verb.secret.parse().map_err(|error: SecretNameError| Failure::usage(error.to_string()))?;
    let access = verb.data_dir.access()?;
    let (client, profile) = (session::client(&access)?, Profile::of(&access)?);
    let asking = async { Ok(of_step(&profile, &client, &secret).await?) };
    let grants = runtime()?.block_on(unless_interrupted(asking, NOTHING))?;
    let project = secret.project().clone();
    let grants = grants.iter().map(row).collect();
    Ok(WhoCanReport { secret: secret.to_string(), place: None, grants, version: None, project })
}

fn at_place(verb: &WhoCan, place: &Place) -> Result<WhoCanReport, Failure> {
    let secret = plain(&verb.secret)?;
    let access = verb.data_dir.access()?;
    let (client, profile) = (session::client(&access)?, Profile::of(&access)?);
    let asking = async { Ok(of_place(&profile, &client, place, &secret).await?) };
    let (grants, version) = runtime()?.block_on(unless_interrupted(asking, NOTHING))?;
    let version =
        version.map(|KnownVersion { number, agents, faults }| VersionRow { number, agents, faults });
    Ok(WhoCanReport {
        secret: secret.to_string(),
        place: Some(place.clone()),
        grants: grants.iter().map(row).collect(),
        version,
        project: place.project.clone(),
    })
}

fn row(grant: &KnownGrant) -> GrantRow {
    let statement = &grant.statement;
    GrantRow {
        what: statement.body.summary(),
        statement: grant.digest,
        person: statement.person,
        name: grant.by.clone(),
        from: statement.not_before,
        until: statement.expires,
        reason: statement.reason.clone(),
        void: grant.void.clone(),
    }
}

fn text(report: &WhoCanReport) -> String {
    let WhoCanReport { secret, place, grants, version, project } = report;
    let mut lines: Vec<_> = grants.iter().map(line).collect();
    let Some(place) = place else {
        if lines.is_empty() {
            lines.push(format!("no step gets {secret}; `countersign secret grant` lends it to one"));
        }
        lines.push(format!(
            "people with the role `secret-owner` in {project} can read it: `countersign secret get`"
        ));
        return lines.join("\n");
    };
    if lines.is_empty() {
        lines.push(format!("no service gets {secret} of {place}; `countersign secret grant` lets it"));
    }
    match version {
        None => lines.push(format!("{place} has no version of {secret} in force")),
        Some(VersionRow { number, agents, faults }) => {
            let agents: Vec<_> = agents.iter().map(Name::as_str).collect();
            let agents = if agents.is_empty() { "nobody there".to_owned() } else { agents.join(", ") };
            lines.push(format!("version {number} can be opened by {agents}; the server cannot open it"));
            lines.extend(faults.iter().map(|fault| format!("  it {fault}")));
        }
    }
    lines.join("\n")
}

fn line(row: &GrantRow) -> String {
    let GrantRow { what, name, until, reason, void, .. } = row;
    let void =
        if void.is_empty() { String::new() } else { format!("\n  does not count: {}", void.join(", ")) };
    format!("{what}\n  until {until}, by {}: {}{void}", shown::line(name), shown::line(reason))
}

const NOTHING: &str = "nothing was changed";
