//! `runner key`, `agent key`, `witness key`: make the key of a machine on its host, and print the line by which root or
//! statement names it, before or after the installation exists.
//!
//! Invariant: nothing joins by this: the line counts once people have signed it.

use std::path::{Path, PathBuf};

use clap::Args;
use client::hosts::{Host, HostLine, MachineLine, Operator};
use client::machine_dir::{self, Described};
use client::pkcs11::Uri;
use client::seal_files;
use evidence::Name;
use evidence::machine::{MachineKey, MachineSigner};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `runner key` and `agent key`.
#[derive(Debug, Args)]
pub struct MachineKeyVerb {
    /// Name of the machine; default: the one that its directory has.
    #[arg(long)]
    name: Option<Name>,
    #[command(flatten)]
    pub place: KeyPlace,
}

/// Where a machine is, and which key it gets.
#[derive(Debug, Args)]
pub struct KeyPlace {
    /// Directory of the machine; it is created.
    #[arg(long)]
    pub data: PathBuf,
    /// Name of this host, as the people who sign know it; default: the system's name of this machine.
    #[arg(long)]
    host: Option<Host>,
    /// Operator of this host; default: the server's.
    #[arg(long)]
    operator: Option<Operator>,
    /// PKCS#11 URI (RFC 7512) of an Ed25519 key in a device; default: a key file is made.
    #[arg(long, value_name = "URI")]
    key: Option<Uri>,
    /// Make the next key of a machine that has joined. It signs once root or statement names it and the machine was started again.
    #[arg(long)]
    pub renew: bool,
}

impl KeyPlace {
    /// A directory on this host, with a key file.
    pub const fn here(data: PathBuf) -> Self {
        Self { data, host: None, operator: None, key: None, renew: false }
    }

    /// The host as given; if omitted the noted one, else this machine.
    pub fn at(&self, noted: Option<HostLine>) -> Result<HostLine, Failure> {
        let noted = noted.filter(|_| self.host.is_none());
        let operator = self.operator.clone().or_else(|| noted.as_ref()?.operator.clone());
        let host = match (&self.host, noted) {
            (Some(host), _) => host.clone(),
            (None, Some(noted)) => noted.host,
            (None, None) => Host::this()?,
        };
        Ok(HostLine { host, operator })
    }

    /// The key of a machine of this name, present or next, and its host.
    pub fn make(&self, name: &str) -> Result<(MachineSigner, HostLine), Failure> {
        let at = self.at(machine_dir::read(&self.data)?.map(|known| known.at))?;
        if self.renew {
            return Ok((machine_dir::next_key(&self.data, self.key.as_ref())?, at));
        }
        let described = Described::new(name, at.clone());
        Ok((machine_dir::describe(&self.data, &described, self.key.as_ref())?, at))
    }
}

/// The commands with which people name a machine.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// For an installation that begins.
    pub first: &'static str,
    /// For one that there is.
    pub later: &'static str,
    /// Whether secrets are sealed to such machines.
    pub is_sealed_to: bool,
}

/// The line of a runner or agent; `joined` is its name if it has joined.
pub fn run(verb: &MachineKeyVerb, joined: Option<Name>, named: Named, output: Output) -> Result<(), Failure> {
    let name = name(verb.name.as_ref(), &verb.place.data, joined)?;
    let (signer, at) = verb.place.make(name.as_str())?;
    let seal = named.is_sealed_to.then(|| seal_files::take_up(&verb.place.data)).transpose()?;
    let line = MachineLine { name, key: *signer.public(), seal, at: Some(at) };
    print(&line.to_string(), named, verb.place.renew, output)
}

/// The line of a machine, with its seal key if it has one, and its host as far as it was described.
pub fn line(dir: &Path, name: Name, key: MachineKey) -> Result<MachineLine, Failure> {
    let seal = seal_files::read(dir)?;
    Ok(MachineLine { name, key, seal, at: machine_dir::read(dir)?.map(|known| known.at) })
}

/// The given name, else the one under which the machine has joined or was described.
pub fn name(given: Option<&Name>, dir: &Path, joined: Option<Name>) -> Result<Name, Failure> {
    let known = match joined {
        Some(joined) => Some(joined),
        None => machine_dir::read(dir)?.map(|known| known.name.parse::<Name>()).transpose()?,
    };
    match (given, known) {
        (Some(given), Some(known)) if *given != known => {
            Err(machine_dir::other_name(dir, known.as_str()).into())
        }
        (Some(given), _) => Ok(given.clone()),
        (None, Some(known)) => Ok(known),
        (None, None) => {
            Err(Failure::usage(format!("`{}` has no name yet: give one with --name", dir.display())))
        }
    }
}

/// Prints a line and what becomes of it.
pub fn print(line: &str, named: Named, renews: bool, output: Output) -> Result<(), Failure> {
    let Named { first, later, .. } = named;
    output.print(&json!({ "line": line }), |_| match renews {
        true => format!(
            "{line}\nnext: give this line to the people who sign, for `{later}`; once it counts, start this machine again"
        ),
        false => format!(
            "{line}\nnext: give this line to the person who founds the installation, for `{first}`; if there is one, to the people who sign, for `{later}`; then let this machine join with the line of `countersign trust pin`"
        ),
    })
}
