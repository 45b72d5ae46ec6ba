//! The next key of a machine, taken up when people have named it: by a machine that starts, and by an agent that runs.
//!
//! Invariant: a key is taken up only if a root under the machine's own pin names it, or a statement that this root's
//! signers made; the present key stays in use until then, and if the server cannot be asked. A crash leaves the present
//! key or the next one.

use std::path::Path;

use agent::Memory;
use client::pinned_root::PinnedRoot;
use client::role_way;
use client::{clock, key_files, machine_dir};
use evidence::Name;
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::environment::Environment;
use evidence::machine::{MachineKey, MachineSigner};
use evidence::pin::Pin;
use evidence::trust_root::TrustRoot;
use judge::{Anchors, VerificationContext, newest_root};
use tracing::{info, warn};
use wire::{Client, Machine};

use super::runtime;
use crate::failure::Failure;

/// The newest root of a server that proves itself under these anchors.
pub fn root_of(client: &Client, anchors: &Anchors, seen: u32) -> Result<TrustRoot, Failure> {
    let roots = runtime()?.block_on(client.roots())?;
    let seen = VerificationContext { root: seen, ..VerificationContext::default() };
    newest_root(&roots, anchors, &seen).map_err(Failure::error)
}

/// Takes up a runner's next key if the root names it.
pub fn of_runner(
    data: &Path,
    server: Option<&str>,
    name: &Name,
    pin: &Pin,
    seen: u32,
) -> Result<(), Failure> {
    taken_up(data, |next| {
        let (client, _) = role_way::client(data, server, pin.installation)?;
        let client = client.with_anchor(Box::new(PinnedRoot::of(pin, seen, data)?));
        let anchors = Anchors { version: pin.root_version, digest: pin.root, rehearsal: true };
        let root = root_of(&client, &anchors, seen)?;
        Ok(root.runners.iter().any(|runner| runner.name == *name && runner.key == *next.public()))
    })
}

/// Takes up an agent's next key if the statement of its place names it.
pub fn of_agent(data: &Path, server: Option<&str>, memory: &Memory) -> Result<(), Failure> {
    taken_up(data, is_named_as_agent(data, server, memory))
}

/// The same while the agent runs; returns the key once it is taken up. Nothing is logged before.
pub fn of_running_agent(data: &Path, server: Option<&str>) -> Option<MachineSigner> {
    let signer = next_of(data).ok()??;
    let memory = Memory::read(data).ok()?;
    if !is_named_as_agent(data, server, &memory)(&signer).ok()? {
        return None;
    }
    match take(data) {
        Ok(()) => Some(signer),
        Err(failure) => {
            warn!("the next key cannot be used yet: {}; the present one is used", failure.message());
            None
        }
    }
}

/// Whether the statement of an agent's place names a key for it.
fn is_named_as_agent(
    data: &Path,
    server: Option<&str>,
    memory: &Memory,
) -> impl FnOnce(&MachineSigner) -> Result<bool, Failure> {
    move |next| {
        let anchors = Anchors { version: memory.root_version, digest: memory.root, rehearsal: true };
        let pinned = PinnedRoot::new(memory.installation, anchors.clone(), memory.seen_root, data)?;
        let (installation, name) = (memory.installation, memory.agent.clone());
        let machine = Machine { installation, name, signer: next.clone(), now: clock::moment };
        let (client, _) = role_way::client(data, server, installation)?;
        let client = client.with_machine(machine, Box::new(pinned));
        let root = root_of(&client, &anchors, memory.seen_root)?;
        let runtime = runtime()?;
        // A server that knows this key reads its claim; any other answer means that the key is not named yet.
        let places = runtime.block_on(client.places())?;
        let Some(view) = places.into_iter().find(|view| view.place == memory.place) else { return Ok(false) };
        let envelope = runtime.block_on(client.blob(&view.envelope, ENVELOPE_BYTES_MAX))?;
        let statement = Environment::open(&Envelope::decode(&envelope)?, &root)?;
        let names = |key: &MachineKey| {
            statement.agents.iter().any(|agent| agent.name == memory.agent && agent.key == *key)
        };
        Ok(statement.place() == memory.place && names(next.public()))
    }
}

/// Replaces the present key by the next one, if there is one and it is named.
fn taken_up(
    data: &Path,
    is_named: impl FnOnce(&MachineSigner) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let Some(signer) = next_of(data)? else { return Ok(()) };
    match is_named(&signer) {
        Ok(true) => take(data)?,
        Ok(false) => info!("the next key is not named yet; the present one is used"),
        Err(failure) => {
            warn!("the next key cannot be used yet: {}; the present one is used", failure.message())
        }
    }
    Ok(())
}

/// The next key, if there is one.
fn next_of(data: &Path) -> Result<Option<MachineSigner>, Failure> {
    let next = machine_dir::next(data);
    Ok(key_files::exists(&next).then(|| key_files::read(&next)).transpose()?)
}

fn take(data: &Path) -> Result<(), Failure> {
    key_files::replace(&machine_dir::next(data), &data.join("key.pem"))?;
    info!("the next key is named, and is used from now on");
    Ok(())
}
