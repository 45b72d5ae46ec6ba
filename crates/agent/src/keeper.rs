//! The stages between the agent and a service: the keeper outside of the enclosure, process 1 inside it, and the last
//! stage before the service itself.
//!
//! Invariant: no variable of a release is set before the service's own `execve`, so no variable affects this program's
//! loader (`LD_PRELOAD`, ld.so(8)). Process 1 ends everything as soon as the agent's end of the control socket closes,
//! however the agent ended.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getrlimit, set_parent_process_death_signal,
    setrlimit, wait, waitpid,
};
use sandbox::{Enclosed, Fork, Hold, signal_all};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::minting;
use crate::opened::{MintedRole, Opened, SealedSecrets};
use crate::service_user::ServiceUser;
use crate::split_stage::split;

/// The program that a keeper is asked to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Whether it runs in a process namespace; otherwise it runs under a subreaper.
    pub namespace: bool,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its working directory.
    pub directory: PathBuf,
    /// All of its variables.
    pub variables: BTreeMap<String, String>,
    /// Most open files of a process.
    pub open_files: u64,
    /// Most memory of a process in bytes.
    pub memory_bytes: u64,
    /// Milliseconds between SIGTERM and SIGKILL.
    pub stop_ms: u64,
    /// The account that it runs as; the agent's own if omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ServiceUser>,
    /// Whether the keeper's standard input is a listening socket for the program.
    pub socket: bool,
    /// Its secrets, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<SealedSecrets>,
    /// The role that was made for it. A pipe with its variables follows the launch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minted: Option<MintedRole>,
}

/// Messages to the agent over the control socket, one JSON value to a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeeperMessage {
    /// This host does not allow this kind of enclosure.
    Unheld(String),
    /// The program does not get its secrets, so it was not started.
    Unopened(String),
    /// The program could not be started.
    Failed(String),
    /// The program runs in this enclosure, with this id there.
    Started(Hold, u32),
    /// The program has ended with this exit code.
    Code(i32),
    /// This signal ended the program.
    Signal(i32),
    /// No process that it started is left.
    Gone,
}

/// Carries out a hidden stage of the binary; returns only if the stage fails.
///
/// `keep AGENT`: keeps one service of the agent with this process id. `mint AGENT`, `renew AGENT` and `revoke AGENT`: make, keep
/// or drop roles of databases for it. `split AGENT [USER]`: splits requests for it. `follow PARENT PROGRAM …`: becomes a program
/// that ends with its parent.
#[must_use]
pub fn exec_service(arguments: &[String]) -> io::Error {
    let done = match arguments {
        [stage, agent] if stage == "keep" => keep(agent),
        [stage, agent] if stage == "mint" => follow(agent).and_then(|()| minting::mint()),
        [stage, agent] if stage == "renew" => follow(agent).and_then(|()| minting::renew()),
        [stage, agent] if stage == "revoke" => follow(agent).and_then(|()| minting::revoke()),
        [stage, agent] if stage == "split" => split(None, || follow(agent)),
        [stage, agent, user] if stage == "split" => split(Some(user), || follow(agent)),
        [stage, parent, program, rest @ ..] if stage == "follow" => {
            // The signal of the parent's end would be cleared for a program that gets rights by its file, as Debian's `ssh-agent`
            // gets a group (prctl(2), PR_SET_PDEATHSIG).
            rustix::thread::set_no_new_privs(true)
                .map_err(Into::into)
                .and_then(|()| follow(parent))
                .and_then(|()| Err(Command::new(program).args(rest).exec()))
        }
        _ => Err(io::Error::other("no such stage; it is started by agents alone")),
    };
    match done {
        Ok(()) => std::process::exit(0),
        Err(error) => error,
    }
}

/// Makes this process end with its parent, also if the parent ended before this call.
fn follow(parent: &str) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if now.as_deref() == Some(parent) { Ok(()) } else { Err(io::Error::other("the agent has ended")) }
}

/// Standard input is the listening socket or nothing, standard output the control socket, standard error the log.
fn keep(agent: &str) -> io::Result<()> {
    sandbox::close_inherited()?;
    // The first descriptor that is opened is 3, where the service expects its socket.
    let third = fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let control = UnixStream::from(fcntl_dupfd_cloexec(rustix::stdio::stdout(), 4)?);
    let launch: Launch = serde_json::from_slice(&read_frame(&control)?)?;
    let variables = match launch.minted {
        Some(_) => sandbox::receive_descriptor(&control)?.1,
        None => None,
    };
    rustix::thread::set_no_new_privs(true)?;
    // A service manager that stops the agent may signal all of its processes (systemd.kill(5)); the processes that hold a
    // service must stay until the service has ended.
    sandbox::ignore_requests_to_end(true)?;
    if launch.namespace {
        // A subreaper must outlive the agent, because it ends the remaining processes.
        follow(agent)?;
    }
    match sandbox::enclose(launch.namespace, launch.user.is_none()) {
        Err(error) => say(&control, &KeeperMessage::Unheld(error.to_string())),
        Ok(Enclosed::Outside(inside)) => {
            drop((third, control, variables));
            hold_nothing()?;
            wait_for(inside)
        }
        Ok(Enclosed::Inside(hold)) => run(&launch, hold, &control, (third, variables)),
    }
}

/// The variables of a role, from the process that made it.
fn read_variables(pipe: &OwnedFd) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(VARIABLES_BYTES_MAX));
    std::fs::File::from(pipe.try_clone()?).take(VARIABLES_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Closes its copies of socket and log, so that only the service has them.
fn hold_nothing() -> io::Result<()> {
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(rustix::stdio::dup2_stderr(&null)?)
}

fn wait_for(child: Pid) -> io::Result<()> {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            done => return done.map(drop).map_err(Into::into),
        }
    }
}

/// Starts the service and waits until none of its processes is left.
fn run(
    launch: &Launch,
    hold: Hold,
    control: &UnixStream,
    (third, variables): (OwnedFd, Option<OwnedFd>),
) -> io::Result<()> {
    let given =
        variables.as_ref().map(|pipe| Ok::<_, io::Error>(serde_json::from_slice(&read_variables(pipe)?)?));
    let minted = launch.minted.as_ref().zip(given.transpose()?);
    drop(variables);
    if minted.is_none() && launch.minted.is_some() {
        return say(control, &KeeperMessage::Unopened("the variables of its role did not come".into()));
    }
    let is_given = minted.is_some() || launch.secrets.is_some();
    let opened = is_given.then(|| Opened::open(launch.secrets.as_ref(), minted, hold, launch.user));
    let opened = match opened.transpose() {
        Ok(opened) => opened,
        Err(error) => return say(control, &KeeperMessage::Unopened(error.to_string())),
    };
    let masked = opened.is_some().then(io::pipe).transpose()?;
    let (mut told, tell) = io::pipe()?;
    let main = match sandbox::fork()? {
        Fork::Child => {
            drop(told);
            let error = match masked.map_or(Ok(()), |(_, output)| rustix::stdio::dup2_stderr(&output)) {
                Ok(()) => become_service(launch, third, opened.as_ref()),
                Err(error) => error.into(),
            };
            // Nobody reads the message if the agent has ended.
            drop((&tell).write_all(error.to_string().as_bytes()));
            std::process::exit(127);
        }
        Fork::Parent(pid) => pid,
    };
    drop((tell, third));
    let mut failure = String::new();
    told.read_to_string(&mut failure)?;
    if !failure.is_empty() {
        return say(control, &KeeperMessage::Failed(failure));
    }
    let log = fcntl_dupfd_cloexec(io::stderr(), 3)?;
    // Standard error is the log: its reader sees the end once the service's own copies are closed.
    hold_nothing()?;
    let hidden = match opened.zip(masked) {
        Some((opened, (output, _))) => Some(opened.hide(output, log)?),
        None => None,
    };
    say(control, &KeeperMessage::Started(hold, main.as_raw_nonzero().get().unsigned_abs()))?;
    let stop = Stop { hold, asked: AtomicBool::new(false), stop_ms: launch.stop_ms };
    std::thread::scope(|scope| {
        scope.spawn(|| stop.listen(control));
        reap(main, control, &stop);
        // The last output may still be on its way to the log.
        let _ = hidden.map(|done| done.recv_timeout(LAST_OUTPUT_MAX));
        // This does not wait for the other thread: process 1 ends, and a sleeping thread ends with it.
        drop(say(control, &KeeperMessage::Gone));
        std::process::exit(0)
    })
}

/// Waits for the end of every process until none is left.
fn reap(main: Pid, control: &UnixStream, stop: &Stop) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == main => {
                // The agent may have ended; then the other thread ends everything.
                drop(say(control, &ended(status)));
                stop.begin();
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn ended(status: WaitStatus) -> KeeperMessage {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => KeeperMessage::Code(code),
        (None, signal) => KeeperMessage::Signal(signal.unwrap_or_default()),
    }
}

/// Ends an enclosure: SIGTERM to every process, then SIGKILL.
struct Stop {
    hold: Hold,
    asked: AtomicBool,
    stop_ms: u64,
}

impl Stop {
    /// Waits for the agent's message, or for the agent's end, which means the same.
    fn listen(&self, mut control: &UnixStream) {
        let mut word = [0; 1];
        while let Ok(1) = control.read(&mut word) {
            self.begin();
        }
        self.end();
        std::process::exit(0);
    }

    fn begin(&self) {
        if self.asked.swap(true, Ordering::SeqCst) {
            return;
        }
        // A stopped process (SIGSTOP) must be continued to end; a process that cannot be signalled is killed below.
        drop(signal_all(self.hold, Signal::TERM).and_then(|()| signal_all(self.hold, Signal::CONT)));
        let (hold, stop_ms) = (self.hold, self.stop_ms);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(stop_ms));
            kill(hold);
        });
    }

    fn end(&self) {
        kill(self.hold);
    }
}

/// Kills every process; a subreaper looks again, because new children may have been started meanwhile.
fn kill(hold: Hold) {
    loop {
        drop(signal_all(hold, Signal::KILL));
        if hold != Hold::Descendants || sandbox::descendants(std::process::id()).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The last stage before a service: sets its session, limits and socket (`sd_listen_fds(3)`).
fn become_service(launch: &Launch, third: OwnedFd, opened: Option<&Opened>) -> io::Error {
    if let Err(error) = prepare(launch, third) {
        return error;
    }
    let Ok(log) = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned() else {
        return io::Error::other("there is no log");
    };
    let mut command = Command::new(&launch.program);
    command.args(&launch.arguments).env_clear().envs(&launch.variables).current_dir(&launch.directory);
    command.envs(opened.into_iter().flat_map(Opened::variables));
    if launch.socket {
        command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "service");
        command.env("LISTEN_PID", std::process::id().to_string());
    }
    command.stdin(Stdio::null()).stdout(log).exec()
}

fn prepare(launch: &Launch, third: OwnedFd) -> io::Result<()> {
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    if let Some(user) = launch.user {
        // Before the signal of a parent's end, which a change of accounts takes away (prctl(2)).
        user.take_over(io::stderr())?;
    }
    set_parent_process_death_signal(Some(Signal::KILL))?;
    sandbox::ignore_requests_to_end(false)?;
    rustix::process::setsid()?;
    setrlimit(Resource::Nofile, limit(launch.open_files))?;
    setrlimit(Resource::Data, limit(launch.memory_bytes))?;
    // Not 0: for a limit of 1 the kernel writes no core file and starts no program that takes one (core(5)). A lower one cannot
    // be raised.
    setrlimit(Resource::Core, limit(getrlimit(Resource::Core).maximum.map_or(1, |most| most.min(1))))?;
    if launch.socket {
        let mut third = third;
        if rustix::fd::AsRawFd::as_raw_fd(&third) != 3 {
            return Err(io::Error::other("file descriptor 3 is taken"));
        }
        fcntl_setfd(&mut third, FdFlags::empty())?;
        // The descriptor must stay open across the exec that follows.
        let _ = rustix::fd::IntoRawFd::into_raw_fd(third);
    }
    Ok(())
}

fn say(mut control: &UnixStream, said: &KeeperMessage) -> io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    control.write_all(&line)
}

/// Reads a length of four bytes, and as many bytes.
fn read_frame(mut control: &UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    control.read_exact(&mut length)?;
    let mut bytes = Vec::new();
    let most = u64::from(u32::from_be_bytes(length)).min(LAUNCH_BYTES_MAX);
    control.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a frame that `read_frame` reads.
pub fn write_frame(mut control: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    control.write_all(&length.to_be_bytes())?;
    control.write_all(bytes)
}

/// Tag of the pipe with the variables of a role.
pub const VARIABLES: u8 = b'V';
/// Longest wait for output that is still to be written to the log.
const LAST_OUTPUT_MAX: Duration = Duration::from_secs(2);
/// Larger than the variables of any role.
const VARIABLES_BYTES_MAX: usize = 16 * 1024;
/// Larger than any plan.
const LAUNCH_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a service whose agent was killed during the start would run on without end.
    #[test]
    fn nothing_begins_whose_agent_has_ended() {
        let arguments = ["follow", "0", "/bin/false"].map(str::to_owned);
        assert_eq!(exec_service(&arguments).to_string(), "the agent has ended");
    }
}
