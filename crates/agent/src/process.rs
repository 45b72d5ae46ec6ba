//! The process of a place: it gets its socket or its port, runs in an enclosure, and is probed.
//!
//! Invariant: a release counts as working only if its probe passed and only processes of this release hold the listener.
//! In the first form the agent owns the socket, so the port stays open while one process replaces another: a client that
//! connects meanwhile waits. In the other form the process opens the port itself. Without process namespaces, a process
//! of a release may outlive it, so each release gets a new socket, and nothing answers at the old one any more.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, PipeReader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use evidence::machine::MachineSigner;
use evidence::plan::{Plan, ProbeTarget, Target};
use evidence::release_file::{Listen, PORT_VARIABLE};
use evidence::{Moment, Name};
use mint::LeaseId;
use rustix::net::{Shutdown, shutdown};
use sandbox::Hold;
use tokio::runtime::Runtime;
use tracing::warn;

use crate::apply::{Fault, Services};
use crate::given::GivenSecrets;
use crate::held::{AliveError, Handed, Launcher, ServiceProcess, StartError};
use crate::interrupts::Interrupts;
use crate::keeper::Launch;
use crate::leases::{Leases, MadeRole};
use crate::ports::{bind, near, not_listening, patiently, taken};
use crate::probe::{LastAnswer, PROBE_TIME_MAX, Probing, http, try_time};
use crate::probe_error::ProbeError;
use crate::secrets::{HeldSecrets, UNOPENED};
use crate::service_log::{Flow, ServiceLog};
use crate::service_user::ServiceUser;
use crate::{leftovers, sockets};

/// The process of a place, with its socket.
#[derive(Debug)]
pub struct Processes {
    state: PathBuf,
    pub(crate) launcher: Box<dyn Launcher>,
    user: Option<ServiceUser>,
    pub(crate) log: ServiceLog,
    pub(crate) interrupts: Interrupts,
    settle: Duration,
    said: LastAnswer,
    pub(crate) clock: Option<fn() -> Moment>,
    /// Shared, so that it can run while a probe borrows the rest.
    pub(crate) runtime: Arc<Runtime>,
    socket: Option<(u16, TcpListener)>,
    /// Whether the socket was given to a release.
    given: bool,
    service: Option<Service>,
    pub(crate) secrets: GivenSecrets,
    pub(crate) leases: Leases,
    /// The role that the next process of the service gets.
    pub(crate) made: Option<MadeRole>,
    /// Whether this host allows process namespaces, as far as it was tried.
    namespace: bool,
}

/// A running process.
#[derive(Debug)]
struct Service {
    held: ServiceProcess,
    role: Option<LeaseId>,
    flow: Flow,
    listen: Listen,
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (state, runtime) = (dir.join("state"), Arc::new(runtime));
        Ok(Self {
            state,
            launcher,
            user: None,
            log,
            interrupts,
            settle: Duration::ZERO,
            said: LastAnswer::default(),
            clock: None,
            runtime,
            socket: None,
            given: false,
            service: None,
            secrets: GivenSecrets::of(dir, dir),
            leases: Leases::of(dir),
            made: None,
            namespace: true,
        })
    }

    /// The same, with the time for which a process has to stay up after its probe has passed.
    #[must_use]
    pub fn settling(self, settle: Duration) -> Self {
        Self { settle, ..self }
    }

    /// The same, with an account that services run as; its directory of state must be theirs.
    #[must_use]
    pub fn running_as(self, user: Option<ServiceUser>) -> Self {
        Self { user, ..self }
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
        Self { clock: Some(clock), ..self }
    }

    /// The place of the last answer to a probe.
    pub fn said(&self) -> LastAnswer {
        self.said.clone()
    }

    /// Writes a line of the agent itself into the log of the service.
    pub(crate) fn note(&self, what: &str) {
        if let Some(clock) = self.clock {
            self.log.note(&format!("[countersign, {}: {what}]", clock()));
        }
    }

    /// Opens a socket for a process that is given one, or checks that the port is free for a process that listens itself.
    fn listen(&mut self, plan: &Plan) -> Result<(), Fault> {
        match listening(plan) {
            None => self.let_go(),
            Some((port, Listen::Socket)) => {
                if self.given && !self.namespace {
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
                patiently(|| if near(port).is_empty() { Ok(()) } else { Err(taken(port)) })?;
            }
        }
        Ok(())
    }

    /// Shuts the socket down for every process that still holds it. The kernel resets clients that were not accepted yet.
    fn let_go(&mut self) {
        if let Some((_, socket)) = self.socket.take() {
            // A socket that is shut down already is fine.
            let _ = shutdown(&socket, Shutdown::Both);
        }
        self.given = false;
    }

    fn launch(&mut self, plan: &Plan, dir: &Path) -> Result<Option<Service>, Fault> {
        let Target::Process { command, stop_ms, .. } = &plan.target else { return Ok(None) };
        let failed = |error: StartError| match error {
            StartError::Secrets(what) => Fault::new(UNOPENED, what),
            error => Fault::new("start-failed", error.to_string()),
        };
        let launch = self.described(plan, dir, command, *stop_ms);
        let mut launch = launch.and_then(|launch| self.secrets.to(plan, launch)).map_err(failed)?;
        self.reserve_role(plan)?;
        if let Some(made) = &self.made {
            launch = self.secrets.with_role(&made.of, launch).map_err(failed)?;
        }
        let made = self.made.take();
        let (role, variables) = made.map(|made| (made.id, made.variables)).unzip();
        let begun = self.begin(plan, &launch, variables).map_err(failed);
        match (begun, role) {
            (Ok(begun), role) => Ok(Some(Service { role, ..begun })),
            (Err(fault), role) => {
                role.into_iter().for_each(|id| self.leases.leave(id));
                Err(fault)
            }
        }
    }

    fn begin(
        &mut self,
        plan: &Plan,
        launch: &Launch,
        variables: Option<PipeReader>,
    ) -> Result<Service, StartError> {
        let (pipe, log) = io::pipe().map_err(|error| StartError::Io("make a pipe for the log", error))?;
        self.note(&format!("commit {} begins", plan.commit));
        let held = self.held(launch, variables, OwnedFd::from(log))?;
        let flow = self.log.take(pipe).map_err(|error| StartError::Io("read the service's log", error))?;
        let listen = listening(plan).map_or(Listen::Socket, |(_, listen)| listen);
        Ok(Service { held, role: None, flow, listen })
    }

    /// Starts a program in the strongest enclosure that this host allows, with variables in a pipe if a role was made for it.
    pub(crate) fn held(
        &mut self,
        launch: &Launch,
        variables: Option<PipeReader>,
        log: OwnedFd,
    ) -> Result<ServiceProcess, StartError> {
        let doing = |what| move |error| StartError::Io(what, error);
        let socket = self.socket.as_ref().map(|(_, socket)| socket).filter(|_| launch.socket);
        self.given |= socket.is_some();
        let socket = socket.map(|socket| socket.try_clone().map(OwnedFd::from)).transpose();
        let socket = socket.map_err(doing("hand over the listening socket"))?;
        let given = Handed { socket, variables: variables.map(OwnedFd::from) };
        if self.namespace {
            let copy = log.try_clone().map_err(doing("copy the log's pipe"))?;
            let first = given.try_clone().map_err(doing("copy what the program gets"))?;
            match ServiceProcess::start(self.launcher.as_ref(), launch, first, copy) {
                Err(StartError::Unheld(what)) => {
                    self.namespace = false;
                    warn!(
                        "this host does not allow process namespaces ({what}); a subreaper holds services, \
                         and a service that ends the subreaper escapes"
                    );
                }
                done => return done,
            }
        }
        let launch = Launch { namespace: false, ..launch.clone() };
        ServiceProcess::start(self.launcher.as_ref(), &launch, given, log)
    }

    pub(crate) fn described(
        &self,
        plan: &Plan,
        dir: &Path,
        words: &[String],
        stop_ms: u64,
    ) -> Result<Launch, StartError> {
        let (program, arguments) = words.split_first().ok_or(StartError::NoProgram)?;
        disk::make_dir(&self.state)?;
        Ok(Launch {
            namespace: true,
            program: dir.join(program),
            arguments: arguments.to_vec(),
            directory: dir.to_path_buf(),
            variables: variables(plan, &self.state),
            open_files: plan.open_files,
            memory_bytes: plan.memory_bytes,
            stop_ms,
            user: self.user,
            socket: matches!(listening(plan), Some((_, Listen::Socket))),
            secrets: None,
            minted: None,
        })
    }

    /// Probes until the probe passes, then checks that only this release holds the listener.
    fn probe(&mut self, plan: &Plan, dir: &Path, service: Option<&mut Service>) -> Result<(), Fault> {
        let keeper = service.as_ref().map(|service| service.held.keeper());
        let runtime = Arc::clone(&self.runtime);
        let probing = Probing {
            probe: &plan.probe,
            service: service.map(|service| &mut service.held),
            time_max: PROBE_TIME_MAX,
            settle: self.settle,
            said: self.said.clone(),
            interrupts: self.interrupts.clone(),
        };
        let probed = runtime.block_on(probing.until_good(async |_| {
            match &plan.probe.ask {
                ProbeTarget::Http(path) => {
                    http(path, self.address(plan, keeper)?, try_time(&plan.probe)).await?;
                }
                ProbeTarget::Command(words) => self.command(plan, dir, words).await?,
            }
            // The check comes after the probe, because another process may have answered it.
            self.address(plan, keeper)?;
            if keeper.is_some() && !self.settle.is_zero() {
                let seconds = self.settle.as_secs();
                self.note(&format!("its probe has passed; it has to stay up for {seconds} seconds"));
            }
            Ok(())
        }));
        self.said.say(None);
        probed
    }

    /// Where the process listens, if nothing but this release does there.
    fn address(&self, plan: &Plan, keeper: Option<u32>) -> Result<SocketAddr, ProbeError> {
        let (Some((port, listen)), Some(keeper)) = (listening(plan), keeper) else {
            return match plan.probe.ask {
                ProbeTarget::Http(_) => Err(ProbeError::Port),
                ProbeTarget::Command(_) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            };
        };
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if listen == Listen::Socket {
            let socket = self.socket.as_ref().and_then(|(_, socket)| sockets::inode_of(socket));
            let socket = socket.ok_or(ProbeError::OwnSocket)?;
            return self.serves_alone(socket, keeper, Some(std::process::id())).map(|()| loopback);
        }
        let found = near(port);
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

    async fn command(&mut self, plan: &Plan, dir: &Path, words: &[String]) -> Result<(), ProbeError> {
        let launch = Launch { socket: false, ..self.described(plan, dir, words, 0)? };
        let program = words.first().cloned().unwrap_or_default();
        let (pipe, log) = io::pipe().map_err(|error| StartError::Io("make a pipe for the log", error))?;
        let said = ServiceLog::in_memory();
        let flow = said.take(pipe).map_err(|error| StartError::Io("read what it prints", error))?;
        let mut held = self.held(&launch, None, OwnedFd::from(log))?;
        let until = Instant::now() + try_time(&plan.probe).max(COMMAND_TIME_MIN);
        let end = loop {
            if let Some(end) = held.ended() {
                break Some(end);
            }
            if Instant::now() >= until {
                break None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        // Processes that it started end with it.
        held.stop()?;
        let lines = said.last_lines(&flow);
        match end {
            Some(crate::held::End::Code(0)) => Ok(()),
            Some(end) => Err(ProbeError::Command { program, end, lines }),
            None => Err(ProbeError::CommandTimeout { program, lines }),
        }
    }
}

impl Services for Processes {
    fn prepare(&mut self, plan: &Plan) -> Result<(), Fault> {
        let listens = self.service.as_ref().map(|service| service.listen);
        match (listening(plan), listens) {
            // The new socket is opened before the old process is stopped, so that the port is never closed.
            (Some((_, Listen::Socket)), Some(Listen::Socket)) => self.listen(plan),
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
        let now = self.clock.map(|clock| clock());
        self.leases.look(self.launcher.as_ref(), now);
    }

    fn start(&mut self, plan: &Plan, dir: &Path) -> Result<(), Fault> {
        leftovers::end(&self.state).map_err(|error| Fault::new("still-alive", error.to_string()))?;
        self.listen(plan)?;
        let mut service = self.launch(plan, dir)?;
        let Err(fault) = self.probe(plan, dir, service.as_mut()) else {
            self.service = service;
            return Ok(());
        };
        let Some(Service { held, role, flow, .. }) = service else { return Err(fault) };
        let stopped = held.stop();
        role.into_iter().for_each(|id| self.leases.leave(id));
        self.look();
        let lines = self.log.last_lines(&flow);
        let lines = if lines.is_empty() { lines } else { format!("\nits last lines:\n{lines}") };
        match stopped {
            Ok(()) => Err(Fault::new(fault.code, format!("{fault}{lines}"))),
            Err(alive) => Err(Fault::new("still-alive", format!("{fault}; {alive}{lines}"))),
        }
    }

    fn stop(&mut self) -> Result<(), AliveError> {
        let Some(Service { held, role, .. }) = self.service.take() else { return Ok(()) };
        let stopped = held.stop();
        role.into_iter().for_each(|id| self.leases.leave(id));
        self.look();
        stopped
    }

    fn close(&mut self) {
        self.leave_made();
        self.leases.close(self.launcher.as_ref());
    }

    fn ended(&mut self) -> Option<String> {
        let end = self.service.as_mut().and_then(|service| service.held.ended())?.to_string();
        self.note(&format!("it ended by itself with {end}"));
        Some(end)
    }

    fn give(&mut self, secrets: &HeldSecrets) {
        self.secrets.take(secrets);
    }

    fn sign_with(&mut self, signer: &MachineSigner) {
        self.secrets.sign_with(signer);
    }

    fn hold(&self) -> Option<Hold> {
        self.service.as_ref().map(|service| service.held.hold())
    }
}

/// The port of a plan's process, and how the process gets it.
const fn listening(plan: &Plan) -> Option<(u16, Listen)> {
    match &plan.target {
        Target::Process { port: Some(port), listen, .. } => Some((*port, *listen)),
        _ => None,
    }
}

/// All environment variables of a process. The release's variables replace defaults; names that the agent sets are
/// refused before (`reserved`).
fn variables(plan: &Plan, state: &Path) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]);
    variables.extend(plan.variables.clone());
    variables.insert("STATE_DIRECTORY".into(), state.display().to_string());
    variables.insert("COUNTERSIGN_COMMIT".into(), plan.commit.to_string());
    variables.insert("COUNTERSIGN_ENVIRONMENT".into(), plan.environment.to_string());
    if let Some((port, Listen::Variable)) = listening(plan) {
        variables.insert(PORT_VARIABLE.into(), port.to_string());
    }
    variables
}

/// A variable in a plan that only the agent may set.
pub fn reserved(plan: &Plan) -> Option<&str> {
    let by_itself = matches!(listening(plan), Some((_, Listen::Variable)));
    let is_allowed_when_disk_full = |name: &str| {
        name.starts_with("LISTEN_")
            || name.starts_with("COUNTERSIGN_")
            || name == "STATE_DIRECTORY"
            || by_itself && name == PORT_VARIABLE
    };
    plan.variables.keys().map(String::as_str).find(|name| is_allowed_when_disk_full(name))
}

/// Shortest time limit of a probe command, because starting one can take a while on a busy machine.
const COMMAND_TIME_MIN: Duration = Duration::from_secs(10);
