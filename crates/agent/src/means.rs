//! The means by which an agent starts programs: its launcher, the enclosure that this host allows, their account and log.
//!
//! Invariant: every program of a release is started here, so none runs outside of an enclosure.

use std::io::{self, PipeReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use evidence::Moment;
use evidence::plan::Plan;
use evidence::release_file::Listen;
use tokio::runtime::Runtime;
use tracing::warn;

use crate::held::{Handed, Launcher, ServiceProcess, StartError};
use crate::interrupts::Interrupts;
use crate::keeper::Launch;
use crate::probe::LastAnswer;
use crate::service_log::ServiceLog;
use crate::service_user::ServiceUser;
use crate::variables::{listening, variables};

/// The means of one place.
#[derive(Debug)]
pub struct Means {
    /// The directory of state of the service.
    pub state: PathBuf,
    pub launcher: Box<dyn Launcher>,
    pub user: Option<ServiceUser>,
    pub log: ServiceLog,
    pub interrupts: Interrupts,
    /// Time for which a process has to stay up after its probe has passed.
    pub settle: Duration,
    pub said: LastAnswer,
    pub clock: Option<fn() -> Moment>,
    /// Shared, so that it can run while a probe borrows the rest.
    pub runtime: Arc<Runtime>,
    /// Whether this host allows process namespaces, as far as it was tried.
    pub namespace: bool,
}

impl Means {
    /// Means with state below a directory.
    pub fn new(
        dir: &Path,
        launcher: Box<dyn Launcher>,
        log: ServiceLog,
        interrupts: Interrupts,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            state: dir.join("state"),
            launcher,
            user: None,
            log,
            interrupts,
            settle: Duration::ZERO,
            said: LastAnswer::default(),
            clock: None,
            runtime: Arc::new(runtime),
            namespace: true,
        })
    }

    /// Writes a line of the agent itself into the log of the service.
    pub fn note(&self, what: &str) {
        if let Some(clock) = self.clock {
            self.log.note(&format!("[countersign, {}: {what}]", clock()));
        }
    }

    /// Starts a program in the strongest enclosure that this host allows, with its listening socket, and with variables in a
    /// pipe if a role was made for it.
    pub fn held(
        &mut self,
        launch: &Launch,
        socket: Option<&TcpListener>,
        variables: Option<PipeReader>,
        log: OwnedFd,
    ) -> Result<ServiceProcess, StartError> {
        let doing = |what| move |error| StartError::Io(what, error);
        let socket = socket.filter(|_| launch.socket).map(|socket| socket.try_clone().map(OwnedFd::from));
        let socket = socket.transpose().map_err(doing("hand over the listening socket"))?;
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

    /// The launch of a program of a release, without its secrets. Its process listens at this port, if it is not the plan's own.
    pub fn described(
        &self,
        plan: &Plan,
        dir: &Path,
        words: &[String],
        stop_ms: u64,
        port: Option<u16>,
    ) -> Result<Launch, StartError> {
        let (program, arguments) = words.split_first().ok_or(StartError::NoProgram)?;
        disk::make_dir(&self.state)?;
        Ok(Launch {
            namespace: true,
            program: dir.join(program),
            arguments: arguments.to_vec(),
            directory: dir.to_path_buf(),
            variables: variables(plan, &self.state, port),
            open_files: plan.open_files,
            memory_bytes: plan.memory_bytes,
            stop_ms,
            user: self.user,
            socket: matches!(listening(plan), Some((_, Listen::Socket))),
            secrets: None,
            minted: None,
        })
    }
}
