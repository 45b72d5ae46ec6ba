//! `countersign trust environment`: makes or amends the statement of a place, and signs it.

use std::path::{Path, PathBuf};

use clap::Args;
use evidence::Place as At;
use evidence::configuration::Configuration;
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::environment::Environment;
use evidence::pin::{EnvironmentPin, Pin};
use evidence::trust_root::{Machine, Place as Host, TrustRoot};
use evidence::{CommitId, Name, configuration, policy_files};
use serde_json::json;
use wire::{Client, PlaceView};

use super::trust::{write_envelope, write_file};
use super::trust_sign::sign_shown;
use super::{Place, runtime};
use crate::clock::now;
use crate::failure::Failure;
use crate::output::Output;
use crate::request::{self, With};
use crate::{home, policies, project, trust};

/// Arguments of `trust environment`.
#[derive(Debug, Args)]
pub struct Amend {
    #[command(flatten)]
    place: Place,
    /// The place, PROJECT/SERVICE/ENVIRONMENT.
    at: At,
    /// Directory of policies; default: the policy in force, else the built-in one.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Loopback port of a process.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Variable, NAME=VALUE; an empty value removes it. May be given more than once.
    #[arg(long)]
    variable: Vec<String>,
    /// Agent, NAME=KEY as `agent join` prints it; replaces the agents in force. May be given more than once.
    #[arg(long)]
    agent: Vec<String>,
    /// Environment that must run the same artifact before.
    #[arg(long)]
    after: Option<Name>,
    /// Let releases begin by themselves, or not.
    #[arg(long)]
    automatic: Option<bool>,
    /// Commit from which the first range counts; default: `HEAD` of the repository that you are in.
    #[arg(long)]
    baseline: Option<CommitId>,
    /// Say all of it anew, on the statement in force nothing is based but the number: its signers may not count any
    /// more.
    #[arg(long, requires = "agent")]
    anew: bool,
    /// Sign without asking.
    #[arg(long)]
    yes: bool,
    /// Write the statement here for others to sign, instead of sending it.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What a statement names, as bytes.
struct Named {
    statement: Environment,
    policy: Vec<u8>,
    configuration: Vec<u8>,
}

/// Makes or amends, signs, sends or writes.
pub fn run(verb: &Amend, output: Output) -> Result<(), Failure> {
    let home = verb.place.home()?;
    let client = home.client()?;
    let runtime = runtime()?;
    let places = runtime.block_on(client.places())?;
    let view = places.iter().find(|view| view.place == verb.at);
    let (root, pin) = trust::pinned_root_of(home.data())?;
    let named = match view {
        Some(view) if !verb.anew => runtime.block_on(amended(verb, &client, view, (&root, &pin)))?,
        shown => new(verb, &root, number_of(&verb.at, shown, &pin)?)?,
    };
    let mut envelope = named.statement.envelope()?;
    let attached = [named.policy.clone(), named.configuration.clone()];
    sign_shown(&home, &mut envelope, &attached, verb.yes, output)?;
    if let Some(out) = &verb.out {
        write_envelope(out, &envelope)?;
        write_file(&beside(out, "policy"), &named.policy)?;
        write_file(&beside(out, "configuration"), &named.configuration)?;
        return output.print(&json!({ "file": out }), |_| {
            let file = out.display();
            format!("wrote {file} with what it names beside it\nnext: countersign trust sign {file}   (each other signer), then: countersign trust send {file}")
        });
    }
    let statement = serde_json::to_string_pretty(&named.statement)?;
    let arguments = json!({ "statement": envelope.payload_digest() });
    let with = With {
        statements: vec![envelope],
        attachments: vec![named.policy, named.configuration],
        ..With::default()
    };
    let outcome = request::send(&home, "set-environment", arguments, with)?.outcome;
    output.print(&outcome, |outcome| format!("{statement}\nrecorded as entry {}", outcome.entry))
}

/// Policy and configuration that lie beside a statement in a file.
pub fn attachments(file: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let read = |what| {
        let path = beside(file, what);
        let shown = path.display().to_string();
        std::fs::read(path).map_err(|error| Failure::error(format!("cannot read `{shown}`: {error}")))
    };
    Ok(vec![read("policy")?, read("configuration")?])
}

/// The file beside a statement in which something lies that it names.
pub fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
    name.push(format!(".{what}"));
    file.with_file_name(name)
}

async fn amended(
    verb: &Amend,
    client: &Client,
    view: &PlaceView,
    (root, pin): (&TrustRoot, &Pin),
) -> Result<Named, Failure> {
    let envelope = Envelope::decode(&client.blob(&view.envelope, ENVELOPE_BYTES_MAX).await?)?;
    let old = trust::statement_in(&envelope, &verb.at, root, Some(pin))?;
    let seen = EnvironmentPin {
        project: old.project.clone(),
        service: old.service.clone(),
        environment: old.environment.clone(),
        number: old.number,
        release: 0,
    };
    home::saw(pin, |pin| pin.environments = seen.beside(&pin.environments))?;
    let kept = client.blob(&old.configuration, configuration::BYTES_MAX).await?;
    let configuration = change(verb, Configuration::decode(&kept)?)?.encode()?;
    let policy = match &verb.policy {
        Some(dir) => policies::read(dir)?.0.encode()?,
        None => client.blob(&old.policy, policy_files::BYTES_MAX).await?,
    };
    let host = old.agents.first().map(|agent| agent.place.clone());
    let statement = Environment {
        number: old.number + 1,
        issued: now()?,
        policy: evidence::Digest::of(&policy),
        configuration: evidence::Digest::of(&configuration),
        agents: if verb.agent.is_empty() { old.agents.clone() } else { agents(verb, host)? },
        baseline: verb.baseline.clone().unwrap_or_else(|| old.baseline.clone()),
        after: verb.after.clone().or_else(|| old.after.clone()),
        automatic: verb.automatic.unwrap_or(old.automatic),
        ..old
    };
    Ok(Named { statement, policy, configuration })
}

/// The number in force, 0 where there is said to be none, for a statement that takes nothing else from the server: a lie
/// about it leaves none for those after it, or is refused by whoever has seen a higher one.
fn number_of(at: &At, shown: Option<&PlaceView>, pin: &Pin) -> Result<u64, Failure> {
    let number = shown.map_or(0, |view| view.statement);
    let seen = trust::seen_of(pin, at).map_or(0, |known| known.number);
    if number < seen || number - seen > LEAP_MAX {
        let what = format!("the server says that statement {number} of {at} is in force");
        return Err(Failure::error(format!("{what}, and you have seen {seen}; find out which one is")));
    }
    Ok(number)
}

fn new(verb: &Amend, root: &TrustRoot, before: u64) -> Result<Named, Failure> {
    let policy = match &verb.policy {
        Some(dir) => policies::read(dir)?.0,
        None => policies::built_in(),
    };
    let policy = policy.encode()?;
    let configuration = change(verb, Configuration::default())?.encode()?;
    let baseline = match &verb.baseline {
        Some(commit) => commit.clone(),
        None => runner::resolve(&project::repository(None)?, "HEAD")?,
    };
    if verb.agent.is_empty() {
        let remedy = "make one with `countersign agent join` and name it with --agent NAME=KEY";
        return Err(Failure::usage(format!("{} has no agent yet; {remedy}", verb.at)));
    }
    let statement = Environment {
        v: 1,
        installation: root.installation,
        project: verb.at.project.clone(),
        service: verb.at.service.clone(),
        environment: verb.at.environment.clone(),
        number: before + 1,
        issued: now()?,
        policy: evidence::Digest::of(&policy),
        configuration: evidence::Digest::of(&configuration),
        agents: agents(verb, Some(root.server.clone()))?,
        baseline,
        after: verb.after.clone(),
        automatic: verb.automatic.unwrap_or(false),
    };
    Ok(Named { statement, policy, configuration })
}

fn change(verb: &Amend, mut configuration: Configuration) -> Result<Configuration, Failure> {
    configuration.port = verb.port.or(configuration.port);
    for text in &verb.variable {
        let (name, value) =
            text.split_once('=').ok_or_else(|| Failure::usage(format!("`{text}` is not NAME=VALUE")))?;
        if value.is_empty() {
            configuration.variables.remove(name);
        } else {
            configuration.variables.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(configuration)
}

fn agents(verb: &Amend, host: Option<Host>) -> Result<Vec<Machine>, Failure> {
    let host = host.ok_or_else(|| Failure::error("nobody says where the agent runs"))?;
    let agent = |text: &String| {
        let (name, key) =
            text.split_once('=').ok_or_else(|| Failure::usage(format!("`{text}` is not NAME=KEY")))?;
        Ok::<_, Failure>(Machine { name: name.parse()?, key: key.parse()?, place: host.clone() })
    };
    let mut agents = verb.agent.iter().map(agent).collect::<Result<Vec<_>, _>>()?;
    agents.sort();
    Ok(agents)
}

/// Most numbers that anybody has missed.
const LEAP_MAX: u64 = 10_000;
