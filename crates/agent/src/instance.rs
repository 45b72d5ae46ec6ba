//! One process of a release: it begins, it is probed, and nobody but it answers where it listens.
//!
//! Invariant: an instance counts as working only if its probe passed and only processes of this instance hold its listener.

use std::collections::BTreeSet;
use std::io::{self, PipeReader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evidence::plan::{Plan, ProbeTarget};
use evidence::release_file::Listen;
use mint::LeaseId;

use crate::apply::Fault;
use crate::commands::ProbeCommand;
use crate::drift::Given;
use crate::held::{ServiceProcess, StartError};
use crate::keeper::Launch;
use crate::means::Means;
use crate::ports::{near, not_listening};
use crate::probe::{PROBE_TIME_MAX, Probing, http, try_time};
use crate::probe_error::ProbeError;
use crate::service_log::Flow;
use crate::sockets;
use crate::variables::listening;

/// A running process.
#[derive(Debug)]
pub struct Instance {
    pub held: ServiceProcess,
    /// The lease of its role, if it has one.
    pub role: Option<LeaseId>,
    /// Its output.
    pub flow: Flow,
    pub door: Door,
    /// Its port, if it is another one than that of its plan.
    pub port: Option<u16>,
    /// The things that it was given.
    pub given: Given,
}

/// Where a process listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Nowhere that its plan names.
    Closed,
    /// At a socket that the agent made and passed on: its address and its number.
    Socket(SocketAddr, Option<u64>),
    /// At a loopback port that it opens itself.
    Port(u16),
}

/// Where a process that begins will listen.
#[derive(Debug)]
pub struct Doorway {
    pub door: Door,
    /// The socket that is passed on.
    pub socket: Option<TcpListener>,
    /// Its port, if it is another one than that of its plan.
    pub port: Option<u16>,
}

impl Door {
    /// A socket that is passed on.
    pub fn of(port: u16, socket: Option<&TcpListener>) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self::Socket(address, socket.and_then(sockets::inode_of))
    }
}

impl Doorway {
    /// A loopback port of this process alone, which the system chooses.
    pub fn own(plan: &Plan) -> io::Result<Self> {
        let Some((_, listen)) = listening(plan) else {
            return Ok(Self { door: Door::Closed, socket: None, port: None });
        };
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = socket.local_addr()?.port();
        Ok(match listen {
            Listen::Socket => {
                Self { door: Door::of(port, Some(&socket)), socket: Some(socket), port: Some(port) }
            }
            // It opens the port itself. Another program may take it meanwhile: then the probe fails, and says so.
            Listen::Variable => Self { door: Door::Port(port), socket: None, port: Some(port) },
        })
    }
}

impl Means {
    /// Starts a process of a release; it is not probed yet.
    pub fn begin(
        &mut self,
        plan: &Plan,
        launch: &Launch,
        doorway: &Doorway,
        variables: Option<PipeReader>,
    ) -> Result<Instance, StartError> {
        let (pipe, log) = io::pipe().map_err(|error| StartError::Io("make a pipe for the log", error))?;
        self.note(&format!("commit {} begins", plan.commit));
        let held = self.held(launch, doorway.socket.as_ref(), variables, OwnedFd::from(log))?;
        let flow = self.log.take(pipe).map_err(|error| StartError::Io("read the service's log", error))?;
        let given = Given::of(launch);
        Ok(Instance { held, role: None, flow, door: doorway.door, port: doorway.port, given })
    }

    /// Probes until the probe passes, then checks that only this release holds the listener.
    pub fn probe(&mut self, plan: &Plan, dir: &Path, instance: Option<&mut Instance>) -> Result<(), Fault> {
        let listens = instance.as_ref().map(|instance| (instance.door, instance.held.keeper()));
        let port = instance.as_ref().and_then(|instance| instance.port);
        let runtime = Arc::clone(&self.runtime);
        let probing = Probing {
            probe: &plan.probe,
            service: instance.map(|instance| &mut instance.held),
            time_max: PROBE_TIME_MAX,
            settle: self.settle,
            said: self.said.clone(),
            interrupts: self.interrupts.clone(),
        };
        let probed = runtime.block_on(probing.until_good(async |_| {
            match &plan.probe.ask {
                ProbeTarget::Http(path) => {
                    http(path, self.address(plan, listens)?, try_time(&plan.probe)).await?;
                }
                ProbeTarget::Command(words) => self.command(plan, dir, words, port).await?,
            }
            // The check comes after the probe, because another process may have answered it.
            self.address(plan, listens)?;
            if listens.is_some() && !self.settle.is_zero() {
                let seconds = self.settle.as_secs();
                self.note(&format!("its probe has passed; it has to stay up for {seconds} seconds"));
            }
            Ok(())
        }));
        self.said.say(None);
        probed
    }

    /// Where a process listens, if nothing but it does there.
    pub fn address(&self, plan: &Plan, listens: Option<(Door, u32)>) -> Result<SocketAddr, ProbeError> {
        match listens {
            None | Some((Door::Closed, _)) => match plan.probe.ask {
                ProbeTarget::Http(_) => Err(ProbeError::Port),
                ProbeTarget::Command(_) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            },
            Some((Door::Socket(address, socket), keeper)) => {
                let socket = socket.ok_or(ProbeError::OwnSocket)?;
                self.serves_alone(socket, keeper, Some(std::process::id())).map(|()| address)
            }
            Some((Door::Port(port), keeper)) => {
                let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                let found = near(port).map_err(ProbeError::Listeners)?;
                let first = found.first().ok_or_else(|| not_listening(port, keeper))?;
                for listening in &found {
                    self.serves_alone(listening.inode, keeper, None)?;
                }
                Ok(match first.address {
                    SocketAddr::V4(_) => loopback,
                    SocketAddr::V6(at) if at.ip().is_unspecified() => loopback,
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
                })
            }
        }
    }

    /// Whether a listener is held by nothing but the descendants of a keeper, and perhaps the agent.
    fn serves_alone(&self, socket: u64, keeper: u32, agent: Option<u32>) -> Result<(), ProbeError> {
        let (mut strangers, mut hidden) = (Vec::new(), Vec::new());
        // A process may end between the two looks and then no longer counts as a descendant, so the check is repeated.
        for _ in 0..3 {
            let holders = sockets::holders(socket);
            let family = sandbox::descendants(keeper);
            let is_own = |pid: &u32| family.contains(pid) || *pid == keeper || Some(*pid) == agent;
            let others = |of: &BTreeSet<u32>| of.iter().copied().filter(|pid| !is_own(pid)).collect();
            strangers = others(&holders.seen);
            // A process cannot leave a process namespace, so hidden descriptors do not matter there.
            hidden = if self.namespace { Vec::new() } else { others(&holders.hidden) };
            let is_held = !holders.seen.is_empty() || holders.hidden.iter().any(is_own);
            if strangers.is_empty() && hidden.is_empty() && is_held {
                return Ok(());
            }
        }
        let named = |pids: Vec<u32>| pids.into_iter().map(sockets::name_of).collect::<Vec<_>>().join(", ");
        Err(match (strangers.is_empty(), hidden.is_empty()) {
            (false, _) => ProbeError::Strangers(named(strangers)),
            (true, false) => ProbeError::Hidden(named(hidden)),
            (true, true) => ProbeError::Unseen,
        })
    }

    async fn command(
        &mut self,
        plan: &Plan,
        dir: &Path,
        words: &[String],
        port: Option<u16>,
    ) -> Result<(), ProbeError> {
        let mut command = ProbeCommand::begin(self, plan, dir, words, port)?;
        while !command.is_over() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        command.result()
    }
}
