//! A program in an enclosure, from the agent's side: started, observed, and ended with everything that it started.
//!
//! Invariant: `stop` returns `Ok` only once the kernel has confirmed that none of its processes is left.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sandbox::Hold;

use crate::keeper::{KeeperMessage, Launch, VARIABLES, write_frame};

/// Makes a command that calls `exec_service`.
pub trait Launcher: std::fmt::Debug + Send + Sync {
    /// The command, without the arguments of the stage.
    fn command(&self) -> Command;
}

impl Launcher for Arc<dyn Launcher> {
    fn command(&self) -> Command {
        (**self).command()
    }
}

/// Descriptors for a program.
#[derive(Debug, Default)]
pub struct Handed {
    /// Its listening socket.
    pub socket: Option<OwnedFd>,
    /// A pipe with the variables of a role that was made for it.
    pub variables: Option<OwnedFd>,
}

impl Handed {
    /// Copies of them.
    pub fn try_clone(&self) -> io::Result<Self> {
        let copy = |one: &Option<OwnedFd>| one.as_ref().map(OwnedFd::try_clone).transpose();
        Ok(Self { socket: copy(&self.socket)?, variables: copy(&self.variables)? })
    }
}

/// A running program and everything that it started.
#[derive(Debug)]
pub struct ServiceProcess {
    keeper: Child,
    control: UnixStream,
    heard: Vec<u8>,
    hold: Hold,
    main: u32,
    stop_ms: u64,
    ended: Option<End>,
    /// Whether process 1 has reported that nothing is left, or has ended itself.
    is_over: bool,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It ended with this exit code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// Its enclosure ended before it could report the cause.
    Lost,
}

/// Processes of a release live on that were to end.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{} of its processes cannot be ended: {left:?}", .left.len())]
pub struct AliveError {
    /// Their ids.
    pub left: Vec<u32>,
}

/// Why a program does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The plan names no program.
    #[error("the plan names no program")]
    NoProgram,
    /// Its state directory cannot be made.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// This host allows no such enclosure.
    #[error("this host gives no process namespace: {0}")]
    Unheld(String),
    /// The program cannot be started.
    #[error("`{0}` cannot be started: {1}")]
    Program(String, String),
    /// It does not get its secrets.
    #[error("{0}")]
    Secrets(String),
    /// The system failed.
    #[error("cannot {0}: {1}")]
    Io(&'static str, io::Error),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => match name_of(*signal) {
                Some(name) => write!(f, "signal {signal} ({name})"),
                None => write!(f, "signal {signal}"),
            },
            Self::Lost => write!(f, "an unknown cause"),
        }
    }
}

/// Names of signals that end programs (signal(7)).
fn name_of(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

impl ServiceProcess {
    /// Starts a program; its output goes to `log`. Standard input of the keeper is the socket.
    pub fn start(
        launcher: &dyn Launcher,
        launch: &Launch,
        given: Handed,
        log: OwnedFd,
    ) -> Result<Self, StartError> {
        let doing = |what| move |error| StartError::Io(what, error);
        let (control, theirs) = UnixStream::pair().map_err(doing("make a socket"))?;
        let mut command = launcher.command();
        // The launcher has no variables: the variables of the release are set only by the last `execve`.
        command.args(["keep", &std::process::id().to_string()]).env_clear().current_dir("/");
        command.stdin(given.socket.map_or_else(Stdio::null, Stdio::from));
        command.stdout(OwnedFd::from(theirs)).stderr(log).process_group(0);
        let keeper = command.spawn().map_err(doing("start the launcher"))?;
        // `command` still owns the other end of the control socket and of the log, which must be closed here.
        drop(command);
        let mut held = Self {
            keeper,
            control,
            heard: Vec::new(),
            hold: Hold::Descendants,
            main: 0,
            stop_ms: launch.stop_ms,
            ended: None,
            is_over: false,
        };
        let text = serde_json::to_vec(launch).map_err(|error| StartError::Io("describe it", error.into()))?;
        let told = write_frame(&held.control, &text);
        let told = told.and_then(|()| match given.variables {
            Some(variables) => sandbox::send_descriptor(&held.control, VARIABLES, variables),
            None => Ok(()),
        });
        told.map_err(doing("speak to the launcher"))?;
        let until = Instant::now() + START_TIME_MAX;
        match held.next(until).map_err(doing("hear from the launcher"))? {
            Some(KeeperMessage::Started(hold, main)) => (held.hold, held.main) = (hold, main),
            Some(KeeperMessage::Unheld(what)) => return Err(StartError::Unheld(what)),
            Some(KeeperMessage::Unopened(what)) => return Err(StartError::Secrets(what)),
            Some(KeeperMessage::Failed(what)) => {
                return Err(StartError::Program(launch.program.display().to_string(), what));
            }
            _ => return Err(doing("hear from the launcher")(io::ErrorKind::UnexpectedEof.into())),
        }
        Ok(held)
    }

    /// The kind of enclosure.
    pub const fn hold(&self) -> Hold {
        self.hold
    }

    /// The id of the program's process in its own process namespace.
    pub const fn main(&self) -> u32 {
        self.main
    }

    /// Its keeper process; every process that the program starts is a descendant of the keeper.
    pub fn keeper(&self) -> u32 {
        self.keeper.id()
    }

    /// How the program has ended by itself, once it has; its remaining processes are then asked to end too.
    pub fn ended(&mut self) -> Option<End> {
        while self.ended.is_none() && !self.is_over {
            match self.next(Instant::now()) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => self.is_over = true,
            }
        }
        self.ended.or_else(|| self.is_over.then_some(End::Lost))
    }

    /// Asks every process to end, without waiting.
    pub fn ask_to_end(&self) {
        // Process 1 may have ended already.
        drop((&self.control).write_all(b"t"));
    }

    /// Whether nothing of it is left; if so, `stop` takes no time.
    pub fn has_gone(&mut self) -> bool {
        while !self.is_over {
            match self.next(Instant::now()) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => self.is_over = true,
            }
        }
        self.is_over
    }

    /// Longest time from the request to end to the end of every process.
    pub const fn end_time(&self) -> Duration {
        Duration::from_millis(self.stop_ms).saturating_add(KILL_TIME_MAX)
    }

    /// Asks every process to end, waits as long as the plan says, and then until the kernel has ended the rest.
    ///
    /// # Errors
    /// `AliveError` when some of it lives on.
    pub fn stop(mut self) -> Result<(), AliveError> {
        self.ask_to_end();
        let until = Instant::now() + self.end_time();
        while !self.is_over && Instant::now() < until {
            if self.next(until).is_err() {
                self.is_over = true;
            }
        }
        drop(self.control.shutdown(std::net::Shutdown::Both));
        while Instant::now() < until {
            if let Ok(Some(_)) = self.keeper.try_wait() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(AliveError { left: sandbox::descendants(self.keeper.id()).into_iter().collect() })
    }

    /// The next message of process 1; `None` if none arrives in time.
    fn next(&mut self, until: Instant) -> io::Result<Option<KeeperMessage>> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                let said = serde_json::from_slice(&line)?;
                match said {
                    KeeperMessage::Code(code) => self.ended = Some(End::Code(code)),
                    KeeperMessage::Signal(signal) => self.ended = Some(End::Signal(signal)),
                    KeeperMessage::Gone => self.is_over = true,
                    _ => {}
                }
                return Ok(Some(said));
            }
            let rest = until.saturating_duration_since(Instant::now());
            self.control.set_nonblocking(rest.is_zero())?;
            self.control.set_read_timeout(Some(rest.max(Duration::from_millis(1))))?;
            let mut buffer = [0; 512];
            match (&self.control).read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.heard.extend(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for ServiceProcess {
    /// On every way out: process 1 ends everything once the socket is closed.
    fn drop(&mut self) {
        drop(self.control.shutdown(std::net::Shutdown::Both));
        for _ in 0..1000 {
            if !matches!(self.keeper.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}

/// Longest time for a launcher to start a program.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// Longest time for the kernel to end killed processes.
const KILL_TIME_MAX: Duration = Duration::from_secs(10);
