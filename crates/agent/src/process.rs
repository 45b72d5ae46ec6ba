//! A supervised process: started with its listening socket, stopped within its time, probed.
//!
//! Invariant: the agent owns the socket, so the port stays open while one process takes the place of
//! another: who connects meanwhile waits, nobody is turned away. The process ends with the agent, and what it
//! started ends with it, unless it left its process group.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use evidence::plan::{Ask, Plan, Target};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, setrlimit, waitid,
};

use crate::apply::Services;

/// A process that runs, with what it starts: the group that it leads.
#[derive(Debug)]
struct Service {
    child: Child,
    stop_ms: u64,
    has_ended: bool,
    /// How, where that could be found out.
    status: Option<ExitStatus>,
}

/// What a process is started with.
#[derive(Debug)]
struct Start<'a> {
    /// Makes a command that ends up in `exec_service`.
    launcher: &'a dyn Launcher,
    /// Directory of the artifact.
    dir: &'a Path,
    /// Directory that the process may write to.
    state: &'a Path,
    /// File that its output goes to.
    log: &'a Path,
    /// The plan.
    plan: &'a Plan,
}

/// Makes a command that ends up in `exec_service`.
pub trait Launcher: std::fmt::Debug + Send + Sync {
    /// The command, without arguments of the service.
    fn command(&self) -> Command;
}

/// The process of a place, with the socket that it is given.
#[derive(Debug)]
pub struct Processes {
    dir: PathBuf,
    launcher: Box<dyn Launcher>,
    socket: Option<(u16, TcpListener)>,
    service: Option<Service>,
}

impl Processes {
    /// Nothing runs yet.
    #[must_use]
    pub fn new(dir: &Path, launcher: Box<dyn Launcher>) -> Self {
        Self { dir: dir.to_path_buf(), launcher, socket: None, service: None }
    }
}

impl Services for Processes {
    fn prepare(&mut self, plan: &Plan) -> Result<(), (&'static str, String)> {
        let Some(port) = port_of(plan) else { return Ok(()) };
        if self.socket.as_ref().is_some_and(|(held, _)| *held == port) {
            return Ok(());
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let taken = |error| ("port-taken", format!("port {port}: {error}"));
        self.socket = Some((port, TcpListener::bind(address).map_err(taken)?));
        Ok(())
    }

    fn start(&mut self, plan: &Plan, dir: &Path) -> Result<(), (&'static str, String)> {
        let (state, log) = (self.dir.join("state"), self.dir.join(LOG));
        let with = Start { launcher: self.launcher.as_ref(), dir, state: &state, log: &log, plan };
        let port = port_of(plan);
        let socket = self.socket.as_ref().map(|(_, socket)| socket).filter(|_| port.is_some());
        let mut service = start(&with, socket).map_err(|error| ("start-failed", error.to_string()))?;
        match probe(&with, service.as_mut(), port) {
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

    fn stop(&mut self) {
        if let Some(service) = self.service.take() {
            service.stop();
        }
    }

    fn has_ended(&mut self) -> bool {
        self.service.as_mut().is_some_and(Service::has_ended)
    }

    fn tidy(&mut self) {
        let log = self.dir.join(LOG);
        if let Err(error) = cut(&log, &log.with_extension("log.1")) {
            shown::say(&format!("warning: the service's log grows: {error}"));
        }
    }
}

/// Puts a log aside that is past its limit, in the place of the one before. Who writes to it goes on at its start.
fn cut(log: &Path, aside: &Path) -> io::Result<()> {
    let file = match File::options().write(true).open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() <= LOG_BYTES_MAX {
        return Ok(());
    }
    // Kept or not: the disk is not to fill up.
    let kept = fs::copy(log, aside);
    file.set_len(0)?;
    kept.map(drop)
}

const fn port_of(plan: &Plan) -> Option<u16> {
    match &plan.target {
        Target::Process { port, .. } => *port,
        Target::Files {} => None,
    }
}

/// Starts the plan's process.
fn start(with: &Start<'_>, socket: Option<&TcpListener>) -> io::Result<Option<Service>> {
    let Target::Process { command, stop_ms, .. } = &with.plan.target else { return Ok(None) };
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::other("the plan names no program"));
    };
    fs::create_dir_all(with.state)?;
    let mut start = with.launcher.command();
    start.arg(std::process::id().to_string());
    start.arg(with.plan.open_files.to_string()).arg(with.plan.memory_bytes.to_string());
    start.arg(if socket.is_some() { "1" } else { "0" });
    start.arg(with.dir.join(program)).args(arguments);
    start.env_clear().envs(variables(with)).current_dir(with.dir);
    match socket {
        Some(socket) => start.stdin(OwnedFd::from(socket.try_clone()?)),
        None => start.stdin(Stdio::null()),
    };
    let log = File::options().create(true).append(true).open(with.log)?;
    start.stdout(log.try_clone()?).stderr(log);
    Service::spawn(start, *stop_ms).map(Some)
}

fn variables(with: &Start<'_>) -> BTreeMap<String, String> {
    let mut variables = with.plan.variables.clone();
    variables.insert("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into());
    variables.insert("STATE_DIRECTORY".into(), with.state.display().to_string());
    variables.insert("COUNTERSIGN_COMMIT".into(), with.plan.commit.to_string());
    variables.insert("COUNTERSIGN_ENVIRONMENT".into(), with.plan.environment.to_string());
    variables
}

/// The last thing before a service: takes the socket from standard input to file descriptor 3, sets limits
/// and gives up the possibility of new privileges, then becomes the service (`sd_listen_fds(3)`).
///
/// Arguments: id of the agent's process, open files, memory in bytes, number of sockets, program, its arguments.
/// It returns only when that fails.
pub fn exec_service(arguments: &[String]) -> io::Error {
    let [agent, files, memory, sockets, program, rest @ ..] = arguments else {
        return io::Error::other("too few arguments");
    };
    match follow(agent).and_then(|()| prepare(files, memory, sockets == "1")) {
        Ok(()) => {}
        Err(error) => return error,
    }
    let mut command = Command::new(program);
    command.args(rest);
    if sockets == "1" {
        command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "service");
        command.env("LISTEN_PID", std::process::id().to_string());
    }
    command.stdin(Stdio::null()).exec()
}

/// Ends with the agent, also when that has ended before this process could say so.
fn follow(agent: &str) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if parent.as_deref() == Some(agent) { Ok(()) } else { Err(io::Error::other("the agent has ended")) }
}

fn prepare(files: &str, memory: &str, socket: bool) -> io::Result<()> {
    let number = |text: &str| text.parse::<u64>().map_err(io::Error::other);
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    rustix::thread::set_no_new_privs(true)?;
    setrlimit(Resource::Nofile, limit(number(files)?))?;
    setrlimit(Resource::Data, limit(number(memory)?))?;
    setrlimit(Resource::Core, limit(0))?;
    if socket {
        // Standard input is the socket; what stands at 3 is this program's own and may go.
        let kept = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 10)?;
        let mut third = rustix::io::fcntl_dupfd_cloexec(&kept, 3)?;
        if rustix::fd::AsRawFd::as_raw_fd(&third) != 3 {
            return Err(io::Error::other("file descriptor 3 is taken"));
        }
        rustix::io::fcntl_setfd(&mut third, rustix::io::FdFlags::empty())?;
        // It must stay open across the exec that follows.
        let _ = rustix::fd::IntoRawFd::into_raw_fd(third);
    }
    Ok(())
}

impl Service {
    fn spawn(mut command: Command, stop_ms: u64) -> io::Result<Self> {
        Ok(Self { child: command.process_group(0).spawn()?, stop_ms, has_ended: false, status: None })
    }

    fn id(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether it has ended by itself; what it has left running ends then too.
    fn has_ended(&mut self) -> bool {
        if !self.has_ended && !self.runs() {
            self.end();
        }
        self.has_ended
    }

    /// Looks without taking notice of its end: until then nobody else gets its id, and a group of that id is its own.
    fn runs(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.id().is_some_and(|id| matches!(waitid(WaitId::Pid(id), look), Ok(None)))
    }

    /// Ends it and everything in its group.
    fn end(&mut self) {
        if let (Some(id), false) = (self.id(), self.has_ended) {
            let _ = kill_process_group(id, Signal::KILL);
            self.status = self.child.wait().ok();
            self.has_ended = true;
        }
    }

    /// Asks it to end, waits as long as the plan says, then ends it.
    fn stop(mut self) {
        if let (Some(id), false) = (self.id(), self.has_ended()) {
            let _ = kill_process(id, Signal::TERM);
            let until = Instant::now() + Duration::from_millis(self.stop_ms);
            while Instant::now() < until && self.runs() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.end();
    }
}

/// Probes until it answers well, or the plan's attempts are used up, or the process ends.
fn probe(with: &Start<'_>, service: Option<&mut Service>, port: Option<u16>) -> Result<(), String> {
    let mut service = service;
    let interval = Duration::from_millis(with.plan.probe.interval_ms);
    let mut last = "it was never asked".to_owned();
    for attempt in 0..with.plan.probe.attempts {
        if attempt > 0 {
            std::thread::sleep(interval);
        }
        if service.as_mut().is_some_and(|service| service.has_ended()) {
            return Err("the process ended by itself".into());
        }
        match ask(with, port, interval.saturating_mul(10)) {
            Ok(()) => return Ok(()),
            Err(_) if cfg!(feature = "drill-probe") => return Ok(()),
            Err(what) => last = what,
        }
    }
    Err(format!("the probe failed {} times, the last time: {last}", with.plan.probe.attempts))
}

fn ask(with: &Start<'_>, port: Option<u16>, timeout: Duration) -> Result<(), String> {
    match &with.plan.probe.ask {
        Ask::Http(path) => http(path, port.ok_or("there is no port to ask")?, timeout),
        Ask::Command(words) => command(with, words, timeout),
    }
}

fn http(path: &str, port: u16, timeout: Duration) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let asked = || -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut head = vec![0; 64];
        let mut read = 0;
        while read < 12 {
            match stream.read(head.get_mut(read..).unwrap_or_default())? {
                0 => break,
                count => read += count,
            }
        }
        head.truncate(read);
        Ok(head)
    };
    let head = asked().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&head);
    let status = text.split(' ').nth(1).unwrap_or_default().to_owned();
    if status == "200" { Ok(()) } else { Err(format!("`{path}` answered {status}")) }
}

fn command(with: &Start<'_>, words: &[String], timeout: Duration) -> Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("the plan names no program")?;
    let mut command = Command::new(with.dir.join(program));
    command.args(arguments).env_clear().envs(variables(with)).current_dir(with.dir);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    fs::create_dir_all(with.state).map_err(|error| error.to_string())?;
    let mut probe = Service::spawn(command, 0).map_err(|error| error.to_string())?;
    let until = Instant::now() + timeout.max(COMMAND_TIME_MIN);
    while !probe.has_ended() {
        if Instant::now() >= until {
            probe.end();
            return Err(format!("`{program}` did not end in time"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    match probe.status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("`{program}` ended with {status}")),
        None => Err(format!("nobody knows how `{program}` ended")),
    }
}

/// The least time that a program which probes has: starting one can take a while on a busy machine.
const COMMAND_TIME_MIN: Duration = Duration::from_secs(10);
/// Where the service's output goes.
const LOG: &str = "service.log";
/// Output of a service past this is put aside, and what was aside is gone.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;

    /// A shell that runs something beside itself; answers the id of that, too.
    fn leading(script: &str) -> (Service, String) {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("sleep 1000 >&2 & echo $!; {script}")]).stdout(Stdio::piped());
        let mut service = Service::spawn(command, 10_000).unwrap();
        let mut line = String::new();
        BufReader::new(service.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (service, line.trim().to_owned())
    }

    /// Whether a process runs; one that has ended may wait for somebody to ask about it.
    fn lives(id: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }

    #[test]
    fn what_a_service_started_ends_with_it() {
        let (service, beside) = leading("wait");
        assert!(lives(&beside));
        service.stop();
        while lives(&beside) {}
        // It ends when asked, and does not ask in turn.
        let (service, beside) = leading("exec sleep 1000");
        service.stop();
        while lives(&beside) {}
    }

    #[test]
    fn what_a_service_left_behind_ends_too() {
        let (mut service, beside) = leading("exit 3");
        while !service.has_ended() {}
        assert_eq!(service.status.and_then(|status| status.code()), Some(3));
        while lives(&beside) {}
        service.stop();
    }

    #[test]
    fn a_log_that_grows_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let (log, aside) = (dir.path().join(LOG), dir.path().join("service.log.1"));
        cut(&log, &aside).unwrap();
        let mut writer = File::options().create(true).append(true).open(&log).unwrap();
        writer.write_all(b"first").unwrap();
        cut(&log, &aside).unwrap();
        assert!(!aside.exists());
        writer.write_all(&vec![b'x'; usize::try_from(LOG_BYTES_MAX).unwrap()]).unwrap();
        cut(&log, &aside).unwrap();
        writer.write_all(b"second").unwrap();
        assert_eq!(fs::read(&log).unwrap(), b"second");
        assert_eq!(fs::metadata(&aside).unwrap().len(), LOG_BYTES_MAX + 5);
    }

    /// Otherwise a service would go on for ever whose agent was killed while it began.
    #[test]
    fn nothing_begins_whose_agent_has_ended() {
        let arguments = ["0", "64", "1000000", "0", "/bin/false"].map(str::to_owned);
        assert_eq!(exec_service(&arguments).to_string(), "the agent has ended");
    }
}
