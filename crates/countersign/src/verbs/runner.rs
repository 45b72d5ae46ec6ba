//! `countersign runner`: the build plane's process, and how a runner joins.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use client::clock;
use client::files::write_private;
use client::key_files;
use client::pinned_root::PinnedRoot;
use client::pkcs11::Uri;
use client::role_way;
use evidence::Name;
use evidence::pin::Pin;
use runner::{Answers, Bench, Keep, Leases, Origins, REMOTES_FILE, Remotes, Slots, Trust};
use serde::{Deserialize, Serialize};
use shown::shell;
use stores::Stores;
use wire::Machine;

use super::health::HealthListener;
use super::joined_again::{self, Known};
use super::machine_key::{self, Named};
use super::runner_remote::{self, RemoteArguments};
use super::{RoleArguments, renewal, runner_image, runtime};
use crate::children::{announce, follow_parent, stop_signal};
use crate::failure::Failure;
use crate::operator::Operator;
use crate::output::Output;

/// Arguments of `runner`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Runner {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    role: RoleArguments,
    /// Most disk space for kept outputs of steps, in GiB; the oldest outputs are removed first.
    #[arg(long, value_name = "GIB", default_value_t = 20, value_parser = clap::value_parser!(u64).range(4..=1 << 20))]
    keep: u64,
    /// Most disk space for receipts of steps, in MiB. A step that has one is not run again under the same request for a run. The oldest receipts are removed first, and then no step is run for requests as old as theirs.
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(64..=1 << 20))]
    keep_receipts: u64,
    /// Read repositories at the paths on this machine that the server names, as one machine alone needs it; default: commits
    /// come from the remotes in `remotes.json` and from what `run` uploads.
    #[arg(long)]
    follow_paths: bool,
    #[command(flatten)]
    operator: Operator,
    #[command(flatten)]
    slots: SlotArguments,
}

/// Limits on the steps that a runner executes at the same time.
#[derive(Clone, Copy, Debug, Args)]
struct SlotArguments {
    /// Most steps at once; default: the number of processors, at least 4.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    steps: Option<u16>,
    /// Most steps of one project at once; default: one less than `--steps`, so that one is left for other projects.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    steps_per_project: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a runner's directory and key, before or after there is an installation, and print the line that names both in the trust root.
    Key(machine_key::MachineKeyVerb),
    /// Load, pull, list and remove the OCI images that steps can run in.
    #[command(subcommand)]
    Image(runner_image::Image),
    /// Give a runner the pin of its installation; without `runner key` before, its directory and key are made too.
    Join {
        /// Directory of the runner; it is created.
        #[arg(long)]
        data: PathBuf,
        /// Name of the runner; default: the one given to `runner key`.
        #[arg(long)]
        name: Option<Name>,
        /// The line that `countersign trust pin` prints, from a person that you trust.
        #[arg(long)]
        pin: String,
        /// PKCS#11 URI (RFC 7512) of an Ed25519 key in a device; default: a key file is made.
        #[arg(long, value_name = "URI")]
        key: Option<Uri>,
    },
    /// Set, list or check the remotes from which a runner fetches the commits of projects.
    Remote(RemoteArguments),
}

impl SlotArguments {
    fn slots(self) -> Result<Slots, Failure> {
        let slots = Slots::new(self.steps.map(usize::from), self.steps_per_project.map(usize::from));
        slots.map_err(|error| Failure::usage(error.to_string()))
    }
}

/// A runner's own record of its installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// Version of this format; 1.
    pub v: u8,
    /// The runner's name.
    pub name: Name,
    /// The pin that the runner joined with.
    pub pin: String,
}

const NAMED: Named = Named {
    first: "countersign init --runner LINE",
    later: "countersign trust root --runner LINE",
    is_sealed_to: false,
};

/// Joins a runner, or runs it until it is asked to end.
pub fn run(verb: &Runner, output: Output) -> Result<(), Failure> {
    match (&verb.verb, &verb.role.data, &verb.role.server) {
        (Some(Verb::Key(key)), ..) => {
            let joined = joined(&key.place.data)?.map(|joined| joined.name);
            machine_key::run(key, joined, NAMED, output)
        }
        (Some(Verb::Image(image)), ..) => runner_image::run(image, output),
        (Some(Verb::Join { data, name, pin, key }), ..) => {
            join(data, name.as_ref(), pin, key.as_ref(), output)
        }
        (Some(Verb::Remote(remote)), ..) => runner_remote::run(remote, output),
        (None, Some(data), server) => serve(data, server.as_deref(), verb, output),
        (None, None, _) => Err(Failure::usage("--data is required")),
    }
}

fn join(
    data: &Path,
    name: Option<&Name>,
    pin: &str,
    device: Option<&Uri>,
    output: Output,
) -> Result<(), Failure> {
    let pin: Pin = pin.trim().parse()?;
    if let Some(known) = joined(data)? {
        let old: Pin = known.pin.parse()?;
        let name = machine_key::name(name, data, Some(known.name))?;
        let known = Known {
            data,
            name: &name,
            installation: old.installation,
            version: old.root_version,
            root: old.root,
        };
        return joined_again::run(known, &pin, device, output);
    }
    let name = machine_key::name(name, data, None)?;
    let signer = key_files::take_up(&data.join("key.pem"), device)?;
    write_joined(data, &name, &pin)?;
    let line = machine_key::line(data, name.clone(), *signer.public())?;
    let said = serde_json::json!({ "name": name, "key": line.key, "line": line.to_string(), "data": data });
    output.print(&said, |_| {
        format!(
            "{name} joined\nkey: {}\nnext: have the root holders name it by `countersign trust root --runner {}`, unless the root does, then `countersign runner --data {}{}`",
            line.key,
            shell::word(&line.to_string()),
            data.display(),
            joined_again::server(&pin)
        )
    })
}

/// A runner's record in its directory; `None` if it has not joined.
fn joined(data: &Path) -> Result<Option<Joined>, Failure> {
    let path = data.join("runner.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Failure::error(format!("cannot read `{}`: {error}", path.display()))),
    }
}

/// Writes a runner's record of its installation.
pub fn write_joined(data: &Path, name: &Name, pin: &Pin) -> Result<(), Failure> {
    role_way::keep(data, pin)?;
    let joined = Joined { v: 1, name: name.clone(), pin: pin.to_string() };
    Ok(write_private(&data.join("runner.json"), &serde_json::to_string_pretty(&joined)?)?)
}

fn serve(data: &Path, server: Option<&str>, verb: &Runner, output: Output) -> Result<(), Failure> {
    let slots = verb.slots.slots()?;
    follow_parent(verb.role.child.with_parent)?;
    let path = data.join("runner.json");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::error(format!(
            "cannot read `{}`: {error}; `countersign runner join` makes the directory of a runner",
            path.display()
        ))
    })?;
    let joined: Joined = serde_json::from_str(&text)?;
    let name = joined.name.as_str();
    let _journal = verb.role.log.start(name, &[("role", "runner"), ("runner", name)]);
    let pin: Pin = joined.pin.parse()?;
    let trust = Trust::open(data, &pin)?;
    // A mistake in the file is told now, and not when a run fails by it.
    Remotes::read(&data.join(REMOTES_FILE))?;
    Stores::of(data).check()?;
    let _lock = disk::lock(data)?;
    renewal::of_runner(data, server, &joined.name, &pin, trust.newest_root())?;
    let signer = key_files::read(&data.join("key.pem"))?;
    let machine = Machine {
        installation: pin.installation,
        name: joined.name.clone(),
        signer: signer.clone(),
        now: clock::moment,
    };
    let pinned = PinnedRoot::of(&pin, trust.newest_root(), data)?;
    let (client, server) = role_way::client(data, server, pin.installation)?;
    let client = client.with_machine(machine, Box::new(pinned));
    let relays = verb.role.relays()?;
    let bench = Bench {
        installation: pin.installation,
        runner: joined.name.clone(),
        root: pin.root_version,
        signer,
        toolchain: verb.operator.reach.host_toolchain()?,
        keep: Keep::open(&data.join("keep"), verb.keep << 30)?,
        answers: Answers::open(&data.join("answers"), verb.keep_receipts << 20)?,
        isolation: Box::new(verb.operator.sandbox(data)?),
        leases: Leases::of(data),
        trust,
        now: clock::moment,
        sources: runner::Sources::default(),
        origins: Origins::open(data, verb.follow_paths),
        stores: runner::StoreLogins::of(&std::path::absolute(data)?),
    };
    if !runner::program::is_there("git") {
        tracing::warn!(
            "git is in none of the system's directories, so every step will fail; install it on this host"
        );
    }
    let (health, vitals) = (HealthListener::open(verb.role.health)?, Arc::clone(client.vitals()));
    announce("runner", &server, output);
    let runtime = runtime()?;
    let work = runner::serve(Arc::new(bench), client, slots, relays, stop_signal());
    runtime.block_on(health.beside(vitals, work));
    // Running steps are not waited for: they end with this process, and are due again at the next start.
    runtime.shutdown_background();
    Ok(())
}
