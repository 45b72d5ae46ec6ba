//! Environment statements for the services of a project, and the agents that they name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;

use client::hosts::MachineLine;
use client::key_files;
use client::random;
use client::seal_files;
use evidence::Place;
use evidence::configuration::{Bounds, Configuration};
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::policy_files::PolicyFiles;
use evidence::release_file::{ReleaseFile, Service};
use evidence::trust_root::TrustRoot;
use evidence::{CommitId, Moment, Name};

use crate::failure::Failure;

/// Environments that a new project starts with, in order: name, and whether releases start automatically.
pub const DEFAULT_ENVIRONMENTS: [(&str, bool); 3] = [("dev", true), ("staging", true), ("production", false)];

/// A statement, the payloads that it names, and the agent that it is for.
#[derive(Debug)]
pub struct Prepared {
    /// The statement, unsigned.
    pub statement: Environment,
    /// The policy.
    pub policy: Vec<u8>,
    /// The configuration.
    pub configuration: Vec<u8>,
    /// The agent's directory; `None` if the agent is on another host.
    pub agent_dir: Option<PathBuf>,
    /// The agent's name.
    pub agent: Name,
    /// The place.
    pub place: Place,
}

/// The project whose places are prepared.
#[derive(Debug)]
pub struct Project<'a> {
    /// Its name.
    pub name: &'a Name,
    /// Its services.
    pub releases: &'a ReleaseFile,
    /// The commit after which its first range begins.
    pub baseline: &'a CommitId,
    /// Ports that other places have.
    pub ports: BTreeSet<u16>,
    /// Agents on other hosts, by their places.
    pub elsewhere: &'a BTreeMap<Place, MachineLine>,
}

/// The places of every service in the usual environments.
pub fn usual(project: &Project<'_>) -> Result<Vec<Place>, Failure> {
    let mut places = Vec::new();
    for service in project.releases.services.keys() {
        for (environment, _) in DEFAULT_ENVIRONMENTS {
            let environment = environment.parse()?;
            places.push(Place { project: project.name.clone(), service: service.clone(), environment });
        }
    }
    Ok(places)
}

/// Directories of the agents of every service in the usual environments.
pub fn agent_dirs(
    releases: &ReleaseFile,
    dir: impl Fn(&Name, &Name) -> PathBuf,
) -> Result<Vec<PathBuf>, Failure> {
    let mut dirs = Vec::new();
    for service in releases.services.keys() {
        for (environment, _) in DEFAULT_ENVIRONMENTS {
            dirs.push(dir(service, &environment.parse()?));
        }
    }
    Ok(dirs)
}

/// Statements for every service in those of the default environments that have no statement yet. Each gets an agent
/// whose key is made here, unless a failed earlier try has left one.
pub fn default_places(
    project: &Project<'_>,
    root: &TrustRoot,
    policy: &PolicyFiles,
    now: Moment,
    is_known: impl Fn(&Place) -> bool,
    dir: impl Fn(&Name, &Name) -> PathBuf,
) -> Result<Vec<Prepared>, Failure> {
    let Project { name: project, releases, baseline, ports, elsewhere } = project;
    let mut prepared = Vec::new();
    let mut ports = ports.clone();
    for (service, described) in &releases.services {
        let mut after: Option<Name> = None;
        for (environment, automatic) in DEFAULT_ENVIRONMENTS {
            let environment: Name = environment.parse()?;
            let place = Place {
                project: (*project).clone(),
                service: service.clone(),
                environment: environment.clone(),
            };
            if is_known(&place) {
                after = Some(environment);
                continue;
            }
            let (agent_dir, machine) = match elsewhere.get(&place) {
                Some(line) => (None, line.machine(&root.server)),
                None => {
                    let dir = dir(service, &environment);
                    let key = *key_files::take_up(&dir.join("key.pem"), None)?.public();
                    let seal = Some(seal_files::take_up(&dir)?);
                    let line = MachineLine { name: agent()?, key, seal, at: None };
                    (Some(dir), line.machine(&root.server))
                }
            };
            let agent = machine.name.clone();
            let configuration = configuration_of(described, &mut ports)?;
            let policy = policy.encode()?;
            let configuration = configuration.encode()?;
            let statement = Environment {
                v: 1,
                installation: root.installation,
                project: (*project).clone(),
                service: service.clone(),
                environment: environment.clone(),
                number: 1,
                issued: now,
                policy: evidence::Digest::of(&policy),
                configuration: evidence::Digest::of(&configuration),
                agents: vec![machine],
                baseline: (*baseline).clone(),
                after: after.replace(environment.clone()),
                automatic,
                class: None,
                windows: None,
                soak_ms: None,
                region: None,
                packs: Vec::new(),
                template: None,
                previews: None,
                preview: None,
            };
            prepared.push(Prepared { statement, policy, configuration, agent_dir, agent, place });
        }
    }
    Ok(prepared)
}

/// The default name of an agent.
pub fn agent() -> Result<Name, Failure> {
    Ok("agent-1".parse()?)
}

/// A configuration with a separate port for a process, so that environments on one machine do not collide.
fn configuration_of(service: &Service, taken: &mut BTreeSet<u16>) -> Result<Configuration, Failure> {
    let listens = service.process.as_ref().is_some_and(|process| process.port.is_some())
        || service.probe.http.is_some();
    let port = if listens { Some(free_port(taken)?) } else { None };
    Ok(Configuration { port, bounds: Some(Bounds::default()), ..Configuration::default() })
}

/// A free port below the range from which the system assigns temporary ports (32768 and up).
fn free_port(taken: &mut BTreeSet<u16>) -> Result<u16, Failure> {
    for _ in 0..ATTEMPTS {
        let port = PORT_MIN + u16::from_le_bytes(random::bytes()?) % (PORT_MAX - PORT_MIN);
        if !taken.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            taken.insert(port);
            return Ok(port);
        }
    }
    Err(Failure::error(format!("found no free port between {PORT_MIN} and {PORT_MAX}")))
}

/// A port on which a process can listen.
pub fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| "expected a port, a number from 1 to 65535".to_owned())
}

const ATTEMPTS: u32 = 100;
const PORT_MIN: u16 = 10_240;
const PORT_MAX: u16 = 32_768;

impl Prepared {
    /// The statement's envelope, unsigned.
    pub fn envelope(&self) -> Result<Envelope, Failure> {
        Ok(self.statement.envelope()?)
    }
}
