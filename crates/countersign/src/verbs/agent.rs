//! `countersign agent`: the deploy plane's process at one place, and how an agent joins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use agent::{Agent, Launcher, Memory, ServiceUser};
use clap::{Args, Subcommand};
use client::clock;
use client::files::{self, private_dir};
use client::key_files;
use client::pinned_root::PinnedRoot;
use client::pkcs11::Uri;
use client::role_way;
use client::seal_files;
use evidence::Name;
use evidence::Place;
use evidence::pin::Pin;
use evidence::status::{Status, StatusFile};
use judge::Anchors;
use shown::shell;
use stores::Stores;
use wire::Machine;

use super::agent_memory::memory;
use super::health::HealthListener;
use super::joined_again::{self, Known};
use super::machine_key::{self, Named};
use super::{RoleArguments, agent_order, renewal, runtime};
use crate::children::{announce, follow_parent, stop_signal};
use crate::failure::Failure;
use crate::output::Output;
use crate::own_program;

/// Arguments of `agent`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct AgentVerb {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    role: RoleArguments,
    #[command(flatten)]
    settle: Settle,
    /// Account that services run as, without access to the agent's directory; releases and state then lie in `DIR.service`. The agent must be root, or have the capabilities that its systemd unit gives. Default: the agent's own account.
    #[arg(long, value_name = "NAME")]
    service_user: Option<String>,
    /// Account that the splitter of requests runs as, while a release is rolled out or has several processes. Default: that of services.
    #[arg(long, value_name = "NAME", requires = "service_user")]
    splitter_user: Option<String>,
}

/// Waiting times for the services that an agent starts.
#[derive(Clone, Copy, Debug, Args)]
pub struct Settle {
    /// Seconds for which a process has to stay up after its probe has passed, before its release counts as running.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(..=3600))]
    settle_seconds: u64,
}

impl Settle {
    /// The same options as arguments of `agent`.
    pub fn arguments(self) -> [String; 2] {
        ["--settle-seconds".to_owned(), self.settle_seconds.to_string()]
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an agent's directory and key, before or after there is an installation, and print the line that names both in environment statements.
    Key(machine_key::MachineKeyVerb),
    /// Give an agent its place and the pin of its installation; without `agent key` before, its directory and key are made too.
    Join(Join),
    /// Show what an agent knows of its place, for a rollback while the server is away.
    Show(agent_order::Show),
    /// Give a rollback that `countersign rollback --out` wrote to the running agent, while the server is away.
    Apply(agent_order::Apply),
    /// Give an agent a status file directly, in case the server withholds the status.
    Status {
        /// Directory of the agent.
        #[arg(long)]
        data: PathBuf,
        /// File that `countersign trust status --save` wrote.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Join {
    /// Directory of the agent; it is created.
    #[arg(long)]
    data: PathBuf,
    /// Name of the agent; default: the one given to `agent key`.
    #[arg(long)]
    name: Option<Name>,
    /// Place of the agent, PROJECT/SERVICE/ENVIRONMENT.
    #[arg(long)]
    place: Place,
    /// The line that `countersign trust pin` prints, from a person that you trust.
    #[arg(long)]
    pin: String,
    /// Accept the trust root of a rehearsal; default: it is refused.
    #[arg(long)]
    rehearsal: bool,
    /// The place is a template: the agent keeps the previews that people make from it. Their directories lie in `DIR.previews`.
    #[arg(long)]
    previews: bool,
    /// PKCS#11 URI (RFC 7512) of an Ed25519 key in a device; default: a key file is made.
    #[arg(long, value_name = "URI")]
    key: Option<Uri>,
}

/// Joins an agent, or runs it until it is asked to end.
pub fn run(verb: &AgentVerb, output: Output) -> Result<(), Failure> {
    match (&verb.verb, &verb.role.data, &verb.role.server) {
        (Some(Verb::Key(key)), ..) => {
            let data = &key.place.data;
            let joined = data.join(agent::MEMORY_FILE).exists().then(|| memory(data)).transpose()?;
            let joined = joined.map(|memory| memory.agent);
            machine_key::run(key, joined, NAMED, output)
        }
        (Some(Verb::Join(join)), ..) => joined(join, output),
        (Some(Verb::Show(show)), ..) => agent_order::show(show, output),
        (Some(Verb::Apply(apply)), ..) => agent_order::apply(apply, output),
        (Some(Verb::Status { data, file }), ..) => status(data, file, output),
        (None, Some(data), server) => serve(data, server.as_deref(), verb, output),
        (None, None, _) => Err(Failure::usage("--data is required")),
    }
}

fn joined(join: &Join, output: Output) -> Result<(), Failure> {
    let pin: Pin = join.pin.trim().parse()?;
    if join.data.join(agent::MEMORY_FILE).exists() {
        return again(join, &pin, output);
    }
    let name = machine_key::name(join.name.as_ref(), &join.data, None)?;
    let signer = key_files::take_up(&join.data.join("key.pem"), join.key.as_ref())?;
    write_memory(&join.data, &name, &join.place, &pin, join.rehearsal)?;
    if join.previews {
        let memory = Memory { previews: true, ..memory(&join.data)? };
        memory.write(&join.data)?;
    }
    seal_files::take_up(&join.data)?;
    let line = machine_key::line(&join.data, name.clone(), *signer.public())?;
    let shown = serde_json::json!({
        "name": name, "key": line.key, "line": line.to_string(), "place": join.place
    });
    output.print(&shown, |_| {
        format!(
            "{name} joined for {}\nkey: {}\nnext: `countersign trust environment {} --agent {}`, unless the statement names it, then `countersign agent --data {}{}`",
            join.place, line.key, join.place, shell::word(&line.to_string()), join.data.display(), joined_again::server(&pin)
        )
    })
}

/// An agent that has joined keeps its place and its memory.
fn again(join: &Join, pin: &Pin, output: Output) -> Result<(), Failure> {
    let memory = memory(&join.data)?;
    let name = machine_key::name(join.name.as_ref(), &join.data, Some(memory.agent))?;
    if memory.place != join.place {
        return Err(Failure::error(format!(
            "`{}` is of an agent for {}; nothing was changed; name another directory with --data",
            join.data.display(),
            memory.place
        )));
    }
    let known = Known {
        data: &join.data,
        name: &name,
        installation: memory.installation,
        version: memory.root_version,
        root: memory.root,
    };
    joined_again::run(known, pin, join.key.as_ref(), output)
}

const NAMED: Named = Named {
    first: "countersign init --agent PLACE=LINE",
    later: "countersign trust environment PLACE --agent LINE",
    is_sealed_to: true,
};

/// Writes the first memory of an agent: its pin, and the numbers in the pin.
pub fn write_memory(
    data: &Path,
    name: &Name,
    place: &Place,
    pin: &Pin,
    rehearsal: bool,
) -> Result<(), Failure> {
    private_dir(data)?;
    if data.join(agent::MEMORY_FILE).exists() {
        return Err(Failure::error(format!(
            "`{}` has joined already; nothing was changed; name another directory with --data",
            data.display()
        )));
    }
    role_way::keep(data, pin)?;
    let here = pin.environments.iter().find(|known| known.place() == *place);
    let memory = Memory {
        v: 1,
        installation: pin.installation,
        agent: name.clone(),
        place: place.clone(),
        root_version: pin.root_version,
        root: pin.root,
        rehearsal,
        seen_root: pin.root_version,
        seen_status: pin.status,
        seen_statement: here.map_or(0, |known| known.number),
        seen_release: here.map_or(0, |known| known.release),
        begun: None,
        returned: BTreeMap::new(),
        seen_time: evidence::Moment::default(),
        status: None,
        unread: None,
        aside: None,
        declared: None,
        fresh: None,
        ahead: Vec::new(),
        newer: None,
        checkpoint: pin.checkpoint.clone(),
        running: None,
        before: None,
        earlier: Vec::new(),
        left: None,
        rollout: None,
        report: None,
        secrets: BTreeMap::new(),
        chain: None,
        carried_out: Vec::new(),
        shared: false,
        drifts: false,
        undo: None,
        barred: BTreeMap::new(),
        previews: false,
        removed: BTreeMap::new(),
        preview: None,
    };
    Ok(memory.write(data)?)
}

/// Writes a status into an agent's directory if it is newer than the file there and than the number that the agent
/// remembers. The agent itself decides whether to believe it: only signatures under its own root count.
fn status(data: &Path, file: &Path, output: Output) -> Result<(), Failure> {
    let memory = memory(data)?;
    let given = super::verify::read_status(file)?;
    // A damaged file counts as missing, because this command replaces it.
    let lies = agent::read_status(data).ok().flatten();
    let newest = match newest_of(&given) {
        Ok(newest) => newest,
        Err(fault) => return keep_unread(data, &given, lies.as_ref(), &fault, output),
    };
    // One that this program cannot read may be newer all the same.
    let lies = lies.map_or(0, |lies| newest_of(&lies).map_or(lies.claimed_number(), |lies| lies.number));
    if newest.installation != memory.installation {
        return Err(Failure::error(
            "the status is of another installation than the agent; nothing was changed; save one of the agent's own with `countersign trust status --save FILE`",
        ));
    }
    let seen = memory.seen_status.max(lies);
    if newest.number < seen {
        let what = format!(
            "the agent has seen status {seen}, this is {}; nothing was changed; `countersign trust status --save FILE` saves the newest",
            newest.number
        );
        return Err(Failure::error(what));
    }
    let bytes = given.encode()?;
    files::write_private(&data.join(agent::STATUS_FILE), &String::from_utf8_lossy(&bytes))?;
    let shown = serde_json::json!({ "agent": memory.agent, "status": newest.number });
    output.print(&shown, |_| format!("{} judges under status {} or a newer one", memory.agent, newest.number))
}

/// Writes a status that this program cannot read into an agent's directory, where it holds if a status signer signed it.
/// One that can be read and lies there stays in force beside it; it replaces no other one that cannot.
fn keep_unread(
    data: &Path,
    given: &StatusFile,
    lies: Option<&StatusFile>,
    fault: &Failure,
    output: Output,
) -> Result<(), Failure> {
    if lies.is_some_and(|lies| newest_of(lies).is_err()) {
        let what = "another such status lies there, so nothing was changed; upgrade this program";
        return Err(Failure::error(format!("{}; {what}", fault.message())));
    }
    let agent = memory(data)?.agent;
    if let Some(before) = lies {
        files::write_private(&data.join(agent::ASIDE_FILE), &String::from_utf8_lossy(&before.encode()?))?;
    }
    let bytes = given.encode()?;
    files::write_private(&data.join(agent::STATUS_FILE), &String::from_utf8_lossy(&bytes))?;
    let shown = serde_json::json!({ "agent": agent, "status": null, "unread": fault.message() });
    output.print(&shown, |_| {
        format!(
            "{agent} has a status that this program cannot read ({}); if a status signer signed it, nothing is applied \
             until this program is upgraded or gets a newer status that it can read",
            fault.message()
        )
    })
}

fn newest_of(file: &StatusFile) -> Result<Status, Failure> {
    Ok(Status::read(file.tightening.as_ref().unwrap_or(&file.base))?)
}

fn serve(data: &Path, server: Option<&str>, verb: &AgentVerb, output: Output) -> Result<(), Failure> {
    follow_parent(verb.role.child.with_parent)?;
    let memory = memory(data)?;
    let (name, place) = (memory.agent.as_str(), memory.place.to_string());
    let fields = [("role", "agent"), ("agent", name), ("place", place.as_str())];
    let _journal = verb.role.log.start(&format!("agent {place}"), &fields);
    let _lock = disk::lock(data)?;
    // A mistake in the file is told now, and not when a service fails by it.
    Stores::of(data).check()?;
    renewal::of_agent(data, server, &memory)?;
    let signer = key_files::read(&data.join("key.pem"))?;
    let machine = Machine {
        installation: memory.installation,
        name: memory.agent.clone(),
        signer: signer.clone(),
        now: clock::moment,
    };
    // The identity of the server does not depend on whether a rehearsal counts.
    let anchors = Anchors { version: memory.root_version, digest: memory.root, rehearsal: true };
    let pinned = PinnedRoot::new(memory.installation, anchors, memory.seen_root, data)?;
    let (client, server) = role_way::client(data, server, memory.installation)?;
    let client = client.with_machine(machine, Box::new(pinned));
    let (at, given) = (std::path::absolute(data)?, verb.role.server.clone());
    let next_key = Box::new(move || renewal::of_running_agent(&at, given.as_deref()));
    let agent = Agent {
        dir: std::path::absolute(data)?,
        memory,
        signer,
        launcher: Arc::new(ThisProgram),
        service_user: verb.service_user.as_deref().map(ServiceUser::find).transpose()?,
        splitter_user: verb.splitter_user.as_deref().map(ServiceUser::find).transpose()?,
        now: clock::moment,
        settle: Duration::from_secs(verb.settle.settle_seconds),
        relays: verb.role.relays()?,
        next_key,
        preview: None,
        firewall: Some(firewall),
    };
    let (health, vitals) = (HealthListener::open(verb.role.health)?, Arc::clone(client.vitals()));
    announce("agent", &server, output);
    if agent.memory.previews {
        let work = agent::serve_previews(agent, client, stop_signal());
        return runtime()?.block_on(health.beside(vitals, work)).map_err(Failure::error);
    }
    let work = agent::serve(agent, client, stop_signal());
    runtime()?.block_on(health.beside(vitals, work)).map_err(Failure::error)
}

/// Starts this program as the launcher that runs just before a service.
#[derive(Debug)]
struct ThisProgram;

impl Launcher for ThisProgram {
    fn command(&self) -> Command {
        let mut command = Command::new(own_program::path());
        command.arg("service-exec");
        command
    }
}

/// The rules of the host's firewall.
fn firewall() -> std::io::Result<Vec<u8>> {
    let listed = runner::program::helper("nft").args(["list", "ruleset"]).output()?;
    if listed.status.success() {
        return Ok(listed.stdout);
    }
    let said = String::from_utf8_lossy(&listed.stderr).lines().next().unwrap_or_default().to_owned();
    Err(std::io::Error::other(format!("nft: {said}")))
}
