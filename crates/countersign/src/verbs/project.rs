//! `countersign project`: adds a project to an installation, with its environments and their agents.
//!
//! A crash here leaves behind places that are recorded already, each with its agent's key; `project add` again adds the
//! missing ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use client::access::Access;
use client::clock::now;
use client::commit_command::{self, GitSettings};
use client::files;
use client::hosts::AgentLine;
use client::policies;
use client::ports::{self, TakenPort};
use client::profile::Profile;
use client::project;
use client::request::Parts;
use client::session;
use evidence::dsse::Envelope;
use evidence::environment;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{CommitId, Name, Place};
use serde::Serialize;
use serde_json::json;
use shown::shell;
use wire::PlaceView;

use super::init::{MESSAGE, PlaceReport, commit_first};
use super::trust_statement::{beside, my_key, write_envelope};
use super::{DataDir, agent, runtime};
use crate::cleanup::Cleanup;
use crate::failure::Failure;
use crate::output::Output;
use crate::places::{self, Prepared};
use crate::scaffold::{self, Described};
use crate::sending;
use crate::trust::{self, Named};

/// Subcommands of `project`.
#[derive(Debug, Subcommand)]
pub enum Project {
    /// Make the environments dev, staging and production with their agents for every service of a repository that has none
    /// yet, and write the project's two files if they are missing.
    Add(Add),
}

/// Arguments of `project add`.
#[derive(Debug, Args)]
pub struct Add {
    #[command(flatten)]
    data_dir: DataDir,
    /// Repository of the project; default: the repository of the current directory.
    #[arg(long)]
    repository: Option<PathBuf>,
    /// Name of the project; default: the repository's name.
    #[arg(long)]
    project: Option<Name>,
    /// Directory for the statements, if more than one person has to sign them; default: `countersign-PROJECT` in the current
    /// directory.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Agent on another host, as `countersign agent key` prints it behind the place: PLACE=NAME=KEY@HOST; may be given several times.
    /// Required for each place if the server is on another machine; default: an agent is made on this host.
    #[arg(long, value_name = "PLACE=NAME=KEY@HOST")]
    agent: Vec<AgentLine>,
    #[command(flatten)]
    service: scaffold::Service,
}

#[derive(Debug, Serialize)]
struct ProjectReport {
    project: Name,
    places: Vec<PlaceReport>,
    written: Vec<PathBuf>,
    /// The command that commits the files that were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// Statements that other people have to sign first.
    statements: Vec<PathBuf>,
    next: String,
    #[serde(skip)]
    notes: Vec<String>,
}

/// The description of the project, and the root and pin under which its places are made.
struct New {
    name: Name,
    repository: PathBuf,
    described: Described,
    baseline: CommitId,
    root: TrustRoot,
}

/// Carries out a subcommand.
pub fn run(verb: &Project, output: Output) -> Result<(), Failure> {
    match verb {
        Project::Add(verb) => add(verb, output),
    }
}

fn add(verb: &Add, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let (root, _) = trust::pinned_root_of(&access)?;
    let repository = project::repository(verb.repository.as_deref())?;
    let name = project::name(verb.project.as_ref(), &repository)?;
    let baseline = ::runner::resolve(&repository, "HEAD")?;
    let described = scaffold::describe(&repository, &name, &verb.service)?;
    let new = New { name, repository, described, baseline, root };
    let known = runtime()?.block_on(session::client(&access)?.places())?;
    rejoin(&access, &new, &known)?;
    let taken = runtime()?.block_on(ports::taken(&session::client(&access)?, &known))?;
    let missing = missing(&access, verb, &new, &known, &taken)?;
    if missing.is_empty() && new.described.missing.is_empty() {
        let what = format!("project {} has its places in this installation already", new.name);
        return Err(Failure::error(format!("{what}; nothing was changed. next: countersign run")));
    }
    let cleanup = Cleanup::of(new.described.missing.iter().map(|(path, _)| path.clone()));
    let written = new.described.write()?;
    project::keep(&new.name, &new.repository)?;
    cleanup.keep();
    let commit = match written.is_empty() {
        true => None,
        false => Some(commit_by(&access)?),
    };
    let mut added = ProjectReport {
        commit,
        next: "countersign run".into(),
        places: missing.iter().map(PlaceReport::of).collect::<Result<_, _>>()?,
        notes: project::renamed(&new.name, &new.repository).into_iter().collect(),
        written,
        statements: Vec::new(),
        project: new.name.clone(),
    };
    added.notes.extend(new.described.kind.map(|kind| format!("taken for: {kind}")));
    if new.root.policy.threshold > 1 {
        added.statements = prepare(verb, &access, &new, &missing)?;
        added.next = signers(&access, &new, &added.statements)?;
    } else {
        missing.iter().try_for_each(|place| send(&access, &new, place))?;
    }
    output.print(&added, text)
}

/// The command with which this person commits: by the key that git knows, else by the one that signs requests.
fn commit_by(access: &Access) -> Result<String, Failure> {
    let git = GitSettings::read()?;
    let key = Profile::of(access)?.sign_in_key;
    let key = git.ssh_key().map_or(key, Path::to_path_buf);
    Ok(commit_command::commit(&git, &key, None, MESSAGE))
}

/// Places that the installation does not have yet, with the keys of their agents: those that were named, else new ones on this
/// host.
fn missing(
    access: &Access,
    verb: &Add,
    new: &New,
    known: &[PlaceView],
    taken: &[TakenPort],
) -> Result<Vec<Prepared>, Failure> {
    let elsewhere: BTreeMap<_, _> =
        verb.agent.iter().map(|line| (line.place.clone(), line.agent.clone())).collect();
    let project = places::Project {
        name: &new.name,
        releases: &new.described.releases,
        baseline: &new.baseline,
        ports: taken.iter().map(|taken| taken.port).collect(),
        elsewhere: &elsewhere,
    };
    let is_known = |place: &Place| known.iter().any(|view| view.place == *place);
    let wanted: Vec<_> = places::usual(&project)?.into_iter().filter(|place| !is_known(place)).collect();
    if let Some(unknown) = elsewhere.keys().find(|place| !wanted.contains(place)) {
        let what = format!("--agent names `{unknown}`, which is not a new place of project {}", new.name);
        return Err(Failure::usage(format!("{what}; `countersign trust environment` amends other places")));
    }
    let here = access.host().ok();
    let unnamed: Vec<_> = wanted.iter().filter(|place| !elsewhere.contains_key(place)).collect();
    if here.is_none() && !unnamed.is_empty() {
        let names: Vec<_> = unnamed.iter().map(ToString::to_string).collect();
        return Err(Failure::usage(format!(
            "the server is on another machine, so name an agent for each of {} with --agent PLACE=NAME=KEY@HOST, as `countersign agent key` \
             prints it; nothing was changed",
            names.join(", ")
        )));
    }
    // Without the server's host, every agent was named.
    let agent = |service: &Name, environment: &Name| {
        here.map_or_else(PathBuf::new, |home| home.agent_of(&new.name, service, environment))
    };
    places::default_places(&project, &new.root, &policies::built_in(), now()?, is_known, agent)
}

/// Signs and sends a statement, and makes the agent's directory for the place.
fn send(access: &Access, new: &New, place: &Prepared) -> Result<(), Failure> {
    let envelope = signed(access, place)?;
    let arguments = json!({ "statement": envelope.payload_digest() });
    let with = Parts {
        statements: vec![envelope],
        attachments: vec![place.policy.clone(), place.configuration.clone()],
        ..Parts::default()
    };
    sending::send(access, "set-environment", arguments, with)?;
    join(access, new, place.agent_dir.as_deref(), &place.place, &place.agent)
}

/// Writes statements for others to sign, signed by this person, with the files that they name beside them.
fn prepare(verb: &Add, access: &Access, new: &New, missing: &[Prepared]) -> Result<Vec<PathBuf>, Failure> {
    let dir = verb.out.clone().unwrap_or_else(|| PathBuf::from(format!("countersign-{}", new.name)));
    std::fs::create_dir_all(&dir)?;
    let mut files = Vec::new();
    for place in missing {
        let file = dir.join(format!("{}.json", place.place.to_string().replace('/', "-")));
        write_envelope(&file, &signed(access, place)?)?;
        let named = [("policy", &place.policy), ("configuration", &place.configuration)];
        for (what, bytes) in named {
            files::write_shared(&beside(&file, what), bytes)?;
        }
        join(access, new, place.agent_dir.as_deref(), &place.place, &place.agent)?;
        files.push(file);
    }
    Ok(files)
}

fn signed(access: &Access, place: &Prepared) -> Result<Envelope, Failure> {
    let mut envelope = place.envelope()?;
    my_key(access)?.sign(&mut envelope, environment::NAMESPACE)?;
    Ok(envelope)
}

/// Lets an agent know where it belongs, unless it knows.
fn join(access: &Access, new: &New, dir: Option<&Path>, at: &Place, name: &Name) -> Result<(), Failure> {
    let Some(dir) = dir else { return Ok(()) };
    if dir.join(::agent::MEMORY_FILE).exists() {
        return Ok(());
    }
    let pin = trust::pin_of(access, Named::default())?;
    agent::write_memory(dir, name, at, &pin, new.root.mode == Mode::Rehearsal)
}

/// Makes the directories of agents whose place was recorded when the command was interrupted.
fn rejoin(access: &Access, new: &New, known: &[PlaceView]) -> Result<(), Failure> {
    let Ok(home) = access.host() else { return Ok(()) };
    for view in known.iter().filter(|view| view.place.project == new.name) {
        let dir = home.agent_of(&new.name, &view.place.service, &view.place.environment);
        if dir.join("key.pem").exists() {
            join(access, new, Some(&dir), &view.place, &places::agent()?)?;
        }
    }
    Ok(())
}

/// The people who have to sign, the statements that they sign, and the commands that send them.
fn signers(access: &Access, new: &New, files: &[PathBuf]) -> Result<String, Failure> {
    let mine = my_key(access)?.key;
    let quorum = &new.root.policy;
    let others = quorum.holders.iter().filter(|holder| holder.key != mine);
    let others: String =
        others.map(|holder| format!("\n    {} ({})", holder.subject, holder.key.fingerprint())).collect();
    let by_me = usize::from(quorum.holders.iter().any(|holder| holder.key == mine));
    let more = (quorum.threshold as usize).saturating_sub(by_me);
    let each = |verb: &str| {
        files
            .iter()
            .map(|file| format!("\n    countersign trust {verb} {}", shell::path(file)))
            .collect::<String>()
    };
    Ok(format!(
        "{more} more policy signers sign each statement, of{others}\n  with{}\n  then send them, in this order:{}\n  then: countersign run",
        each("sign"),
        each("send")
    ))
}

fn text(added: &ProjectReport) -> String {
    let notes: String = added.notes.iter().map(|note| format!("{note}\n")).collect();
    let places: String = added.places.iter().map(PlaceReport::line).collect();
    let what = if added.statements.is_empty() { "added" } else { "prepared" };
    format!(
        "{what} project {}\n{notes}{places}next: {}",
        added.project,
        commit_first(&added.written, added.commit.as_deref(), &added.next)
    )
}
