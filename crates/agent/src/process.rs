//! The process of a place: it gets its socket or its port, runs in an enclosure, and is probed.
//!
//! Invariant: in the first form the agent owns the socket, so the port stays open while one process replaces another: a
//! client that connects meanwhile waits. In the other form the process opens the port itself. Without process namespaces, a
//! process of a release may outlive it, so each release gets a new socket, and nothing answers at the old one any more.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use evidence::machine::MachineSigner;
use evidence::plan::{Plan, Target};
use evidence::release_file::Listen;
use evidence::{Moment, Name};
use rustix::net::{Shutdown, shutdown};
use sandbox::Hold;

use crate::apply::{Fault, Services};
use crate::arrangement::Group;
use crate::drift::WatchedProcess;
use crate::given::GivenSecrets;
use crate::groups::Groups;
use crate::held::{AliveError, Launcher, StartError};
use crate::instance::{Door, Doorway, Instance};
use crate::interrupts::Interrupts;
use crate::leases::{Leases, MadeRole};
use crate::leftovers;
use crate::means::Means;
use crate::ports::{bind, free};
use crate::probe::LastAnswer;
use crate::seats::{Arrangement, GroupFault, Measured};
use crate::secrets::{HeldSecrets, UNOPENED};
use crate::service_log::ServiceLog;
use crate::service_user::ServiceUser;
use crate::splitting::Splitter;
use crate::variables::listening;

/// The process of a place, with its socket.
#[derive(Debug)]
pub struct Processes {
    pub(crate) means: Means,
    pub(crate) socket: Option<(u16, TcpListener)>,
    /// Whether the socket was given to a release.
    pub(crate) given: bool,
    /// The only process, if it has the socket or the port of the place itself.
    pub(crate) service: Option<Instance>,
    /// Several processes, if a splitter has the port of the place.
    pub(crate) groups: Groups,
    pub(crate) front: Option<Splitter>,
    /// The account of the splitter; that of services if absent.
    pub(crate) splitter_user: Option<ServiceUser>,
    /// How a process of a group has ended that was not replaced yet.
    pub(crate) lost: Option<String>,
    /// Why the last look could not put the table in force.
    pub(crate) untabled: Option<String>,
    pub(crate) secrets: GivenSecrets,
    pub(crate) leases: Leases,
    /// The role that the next process of the service gets.
    pub(crate) made: Option<MadeRole>,
}

impl Processes {
    /// A place without a running process.
    ///
    /// # Errors
    /// If the resources for probes cannot be made.
    pub fn new(
        dir: &Path,
        launcher: Box<dyn Launcher>,
        log: ServiceLog,
        interrupts: Interrupts,
    ) -> io::Result<Self> {
        Ok(Self {
            means: Means::new(dir, launcher, log, interrupts)?,
            socket: None,
            given: false,
            service: None,
            groups: Groups::new(drawn()?),
            front: None,
            splitter_user: None,
            lost: None,
            untabled: None,
            secrets: GivenSecrets::of(dir, dir),
            leases: Leases::of(dir),
            made: None,
        })
    }

    /// The same, with the time for which a process has to stay up after its probe has passed.
    #[must_use]
    pub fn settling(self, settle: Duration) -> Self {
        Self { means: Means { settle, ..self.means }, ..self }
    }

    /// The same, with an account that services run as; its directory of state must be theirs.
    #[must_use]
    pub fn running_as(self, user: Option<ServiceUser>) -> Self {
        Self { means: Means { user, ..self.means }, ..self }
    }

    /// The same, with an account that the splitter of requests runs as; default: that of services.
    #[must_use]
    pub fn splitting_as(self, splitter_user: Option<ServiceUser>) -> Self {
        Self { splitter_user, ..self }
    }

    /// The same, with secrets that lie in an agent's directory; default: in the directory of its releases.
    #[must_use]
    pub fn with_secrets_of(self, agent: &Path, home: &Path) -> Self {
        Self { secrets: GivenSecrets::of(agent, home), leases: Leases::of(agent), ..self }
    }

    /// The same, with the agent's name, key and clock, by which it logs in to stores.
    #[must_use]
    pub fn logging_in(self, agent: Name, signer: MachineSigner, now: fn() -> Moment) -> Self {
        Self { secrets: self.secrets.logging_in(agent, signer, now), ..self }
    }

    /// The same, with a log that says when a process begins.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Moment) -> Self {
        Self { means: Means { clock: Some(clock), ..self.means }, ..self }
    }

    /// The place of the last answer to a probe.
    pub fn said(&self) -> LastAnswer {
        self.means.said.clone()
    }

    /// Opens a socket for a process that is given one, or checks that the port is free for a process that listens itself.
    fn listen(&mut self, plan: &Plan) -> Result<(), Fault> {
        match listening(plan) {
            None => self.let_go(),
            Some((port, Listen::Socket)) => {
                if self.given && !self.means.namespace {
                    self.let_go();
                    // A process of the old release may listen at the old port again; `start` tries again once it has ended.
                    self.socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|new| (port, new));
                    if self.service.is_some() {
                        return Ok(());
                    }
                }
                if self.socket.as_ref().is_none_or(|(held, _)| *held != port) {
                    self.socket = Some((port, bind(port)?));
                }
            }
            Some((port, Listen::Variable)) => {
                self.let_go();
                free(port)?;
            }
        }
        Ok(())
    }

    /// Shuts the socket down for every process that still holds it. The kernel resets clients that were not accepted yet.
    pub(crate) fn let_go(&mut self) {
        if let Some((_, socket)) = self.socket.take() {
            // A socket that is shut down already is fine.
            let _ = shutdown(&socket, Shutdown::Both);
        }
        self.given = false;
    }

    /// Where the only process of a plan listens.
    fn doorway(&self, plan: &Plan) -> io::Result<Doorway> {
        let socket = self.socket.as_ref().map(|(_, socket)| socket);
        // A splitter that had it before did not wait in accept(2).
        socket.map(|socket| socket.set_nonblocking(false)).transpose()?;
        let (door, socket) = match listening(plan) {
            None => (Door::Closed, None),
            Some((port, Listen::Socket)) => (Door::of(port, socket), socket),
            Some((port, Listen::Variable)) => (Door::Port(port), None),
        };
        Ok(Doorway { door, socket: socket.map(TcpListener::try_clone).transpose()?, port: None })
    }

    /// Starts a process of a plan, with its secrets and a separate role; it is not probed yet.
    pub(crate) fn launch(
        &mut self,
        plan: &Plan,
        dir: &Path,
        doorway: &Doorway,
    ) -> Result<Option<Instance>, Fault> {
        let Target::Process { command, stop_ms, .. } = &plan.target else { return Ok(None) };
        let failed = |error: StartError| match error {
            StartError::Secrets(what) => Fault::new(UNOPENED, what),
            error => Fault::new("start-failed", error.to_string()),
        };
        let launch = self.means.described(plan, dir, command, *stop_ms, doorway.port);
        let mut launch = launch.and_then(|launch| self.secrets.to(plan, launch)).map_err(failed)?;
        self.reserve_role(plan)?;
        if let Some(made) = &self.made {
            launch = self.secrets.with_role(&made.of, launch).map_err(failed)?;
        }
        let made = self.made.take();
        let (role, variables) = made.map(|made| (made.id, made.variables)).unzip();
        let begun = self.means.begin(plan, &launch, doorway, variables).map_err(failed);
        match (begun, role) {
            (Ok(begun), role) => Ok(Some(Instance { role, ..begun })),
            (Err(fault), role) => {
                role.into_iter().for_each(|id| self.leases.leave(id));
                Err(fault)
            }
        }
    }

    /// Probes a process, and ends it if the probe fails.
    pub(crate) fn probed(
        &mut self,
        plan: &Plan,
        dir: &Path,
        mut instance: Option<Instance>,
    ) -> Result<Option<Instance>, Fault> {
        let Err(fault) = self.means.probe(plan, dir, instance.as_mut()) else { return Ok(instance) };
        let Some(Instance { held, role, flow, .. }) = instance else { return Err(fault) };
        let stopped = held.stop();
        role.into_iter().for_each(|id| self.leases.leave(id));
        self.look_at_leases();
        let lines = self.means.log.last_lines(&flow);
        let lines = if lines.is_empty() { lines } else { format!("\nits last lines:\n{lines}") };
        match stopped {
            Ok(()) => Err(Fault::new(fault.code, format!("{fault}{lines}"))),
            Err(alive) => Err(Fault::new("still-alive", format!("{fault}; {alive}{lines}"))),
        }
    }

    fn look_at_leases(&mut self) {
        let now = self.means.clock.map(|clock| clock());
        self.leases.look(self.means.launcher.as_ref(), now);
    }
}

impl Services for Processes {
    fn prepare(&mut self, plan: &Plan) -> Result<(), Fault> {
        let listens = self.service.as_ref().map(|service| service.door);
        match (listening(plan), listens) {
            // The new socket is opened before the old process is stopped, so that the port is never closed.
            (Some((_, Listen::Socket)), Some(Door::Socket(..) | Door::Closed)) => self.listen(plan),
            // No process runs, or the running one holds the port itself: `start` opens the new socket.
            _ => Ok(()),
        }
    }

    fn reserve(&mut self, plan: &Plan) -> Result<(), Fault> {
        self.reserve_role(plan)
    }

    fn before(&mut self, plan: &Plan, dir: &Path, release: u64) -> Result<(), Fault> {
        self.run_before(plan, dir, release)
    }

    fn look(&mut self) {
        self.settle_groups();
        self.look_at_leases();
    }

    fn arrange(&mut self, wanted: &Arrangement<'_>) -> Result<(), GroupFault> {
        self.make(wanted)
    }

    fn weigh(&mut self, weights: &[(Group, u32)]) -> Result<(), Fault> {
        self.reweigh(weights)
    }

    fn measure(&mut self) -> Measured {
        self.measured()
    }

    fn is_serving(&self) -> bool {
        self.service.is_some() || self.groups.is_serving()
    }

    fn start(&mut self, plan: &Plan, dir: &Path) -> Result<(), Fault> {
        leftovers::end(&self.means.state).map_err(|error| Fault::new("still-alive", error.to_string()))?;
        self.listen(plan)?;
        let failed = |error| Fault::new("start-failed", format!("the socket cannot be handed over: {error}"));
        let doorway = self.doorway(plan).map_err(failed)?;
        self.given |= doorway.socket.is_some();
        let service = self.launch(plan, dir, &doorway)?;
        self.service = self.probed(plan, dir, service)?;
        Ok(())
    }

    fn stop(&mut self) -> Result<(), AliveError> {
        let grouped = self.stop_groups();
        let Some(Instance { held, role, .. }) = self.service.take() else {
            self.look_at_leases();
            return grouped;
        };
        let stopped = held.stop();
        role.into_iter().for_each(|id| self.leases.leave(id));
        self.look_at_leases();
        grouped.and(stopped)
    }

    fn close(&mut self) {
        self.leave_made();
        self.leases.close(self.means.launcher.as_ref());
    }

    fn ended(&mut self) -> Option<String> {
        if self.service.is_none() {
            return self.lost_member();
        }
        let end = self.service.as_mut().and_then(|service| service.held.ended())?.to_string();
        self.means.note(&format!("it ended by itself with {end}"));
        Some(end)
    }

    fn give(&mut self, secrets: &HeldSecrets) {
        self.secrets.take(secrets);
    }

    fn sign_with(&mut self, signer: &MachineSigner) {
        self.secrets.sign_with(signer);
    }

    fn watched(&self) -> Vec<WatchedProcess> {
        let of = |name, instance: &Instance| WatchedProcess {
            name,
            keeper: instance.held.keeper(),
            main: instance.held.main(),
            hold: instance.held.hold(),
            port: match instance.door {
                Door::Closed => None,
                Door::Port(port) => Some(port),
                Door::Socket(address, _) => Some(address.port()),
            },
            given: instance.given.clone(),
        };
        let members = self.groups.members.iter().map(|member| of(member.group.name(), &member.instance));
        self.service.iter().map(|instance| of("service", instance)).chain(members).collect()
    }

    fn renew(&mut self, keepers: &BTreeSet<u32>) -> bool {
        let mut members =
            self.groups.members.iter().filter(|one| keepers.contains(&one.instance.held.keeper()));
        let is_any = members.clone().next().is_some();
        members.by_ref().for_each(|one| one.instance.held.ask_to_end());
        is_any
    }

    fn hold(&self) -> Option<Hold> {
        let member = self.groups.members.first().map(|member| &member.instance);
        self.service.as_ref().or(member).map(|instance| instance.held.hold())
    }
}

/// Bytes that nobody can guess.
fn drawn() -> io::Result<Vec<u8>> {
    let drawn = mint::LeaseId::draw().map_err(io::Error::other)?;
    Ok(drawn.to_string().into_bytes())
}
