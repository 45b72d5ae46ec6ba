//! Applies a release under its plan: stop, start, probe; and the plan's own failure branch.
//!
//! Invariant: nothing is started whose directory was not hashed right before. When the new one does not pass
//! its probe, what ran before is started again, hashed again.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use evidence::plan::{Plan, Target};
use evidence::report::Outcome;

use crate::memory::Known;
use crate::process::{Launcher, Service, Start, probe, start, state_dir};
use crate::store::Releases;

/// What an agent holds in its hands: sockets, the process that runs.
#[derive(Debug)]
pub struct Hands {
    dir: PathBuf,
    releases: Releases,
    launcher: Box<dyn Launcher>,
    socket: Option<(u16, TcpListener)>,
    service: Option<Service>,
}

impl Hands {
    /// Hands of an agent that runs nothing yet.
    pub fn new(dir: &Path, launcher: Box<dyn Launcher>) -> Result<Self, String> {
        let releases = Releases::open(dir).map_err(|error| error.to_string())?;
        Ok(Self { dir: dir.to_path_buf(), releases, launcher, socket: None, service: None })
    }

    /// The releases on disk.
    pub const fn releases(&self) -> &Releases {
        &self.releases
    }

    /// Puts a release in the place of what runs; when it does not work, that comes back.
    pub fn apply(&mut self, new: &Known, old: Option<&Known>) -> (Outcome, Vec<String>) {
        match self.run(new) {
            Ok(()) => (Outcome::Running, Vec::new()),
            Err((code, what)) => {
                eprintln!("release does not work: {what}");
                let returned = old.map(|old| self.run(old));
                match returned {
                    Some(Ok(())) => (Outcome::Returned, vec![code.into()]),
                    Some(Err((again, what))) => {
                        eprintln!("what ran before does not work any more: {what}");
                        let mut codes = vec![code.to_owned(), again.to_owned()];
                        codes.sort();
                        codes.dedup();
                        (Outcome::Failed, codes)
                    }
                    None => {
                        self.stop();
                        drop(self.releases.switch(None));
                        (Outcome::Failed, vec![code.into()])
                    }
                }
            }
        }
    }

    /// Makes a release the one that runs, and probes it.
    pub fn run(&mut self, known: &Known) -> Result<(), (&'static str, String)> {
        self.releases
            .check(&known.artifact, &known.layer)
            .map_err(|error| ("artifact-differs", error.to_string()))?;
        let port = port_of(&known.plan);
        self.listen(port).map_err(|error| ("port-taken", error))?;
        self.stop();
        self.releases.switch(Some(&known.artifact)).map_err(|error| ("switch-failed", error.to_string()))?;
        let (dir, state) = (self.releases.path(&known.artifact), state_dir(&self.dir));
        let log = self.dir.join("service.log");
        let with = Start {
            launcher: self.launcher.as_ref(),
            dir: &dir,
            state: &state,
            log: &log,
            plan: &known.plan,
        };
        let socket = self.socket.as_ref().map(|(_, socket)| socket).filter(|_| port.is_some());
        let mut service = start(&with, socket).map_err(|error| ("start-failed", error.to_string()))?;
        let probed = probe(&with, service.as_mut(), port);
        match probed {
            Ok(()) => {
                self.service = service;
                Ok(())
            }
            Err(what) => {
                if let Some(service) = service {
                    service.stop();
                }
                Err(("probe-failed", what))
            }
        }
    }

    /// Whether the process that should run has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.service.as_mut().is_some_and(Service::has_ended)
    }

    /// Ends the process that runs.
    pub fn stop(&mut self) {
        if let Some(service) = self.service.take() {
            service.stop();
        }
    }

    fn listen(&mut self, port: Option<u16>) -> Result<(), String> {
        let Some(port) = port else { return Ok(()) };
        if self.socket.as_ref().is_some_and(|(held, _)| *held == port) {
            return Ok(());
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let socket = TcpListener::bind(address).map_err(|error| format!("port {port}: {error}"))?;
        self.socket = Some((port, socket));
        Ok(())
    }
}

const fn port_of(plan: &Plan) -> Option<u16> {
    match &plan.target {
        Target::Process { port, .. } => *port,
        Target::Files {} => None,
    }
}
