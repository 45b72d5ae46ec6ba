//! The inside: enters the namespaces, builds the file system, receives the inputs, confines itself, runs the step, and
//! reports once every process of the step is dead.
//!
//! Invariant: init has a single thread. Its standard input is the supervisor's socket. Its outputs are the step's log:
//! pipes that the step's own user creates, so that the step may open them again (`/dev/stdout`). Stage one waits
//! outside the process namespace; stage two is process 1 inside it. If the supervisor ends, both end, and with process
//! 1 every process in its namespace.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, set_dumpable_behavior, set_parent_process_death_signal, wait,
    waitpid,
};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::thread::UnshareFlags;

use crate::channel::{read_frame, send_descriptor, write_frame};
use crate::confine::confine;
use crate::connect;
use crate::mounts::{self, Doing as _, Failed, Granted};
use crate::ports::PROXY_PORT;
use crate::process::{
    Fork, add_to_loopback, become_build_user, bring_up_loopback, close_inherited, fork, kill_everyone_else,
    unshare,
};
use crate::secret::{self, SECRETS};
use crate::spec::{Exit, InputKind, OwnTask, Spec, WORKSPACE, stays_below};

/// Most looks for an address that was just given to the loopback.
const ADDRESS_LOOKS: u32 = 200;
const ADDRESS_LOOK: Duration = Duration::from_millis(5);

/// Tags of init's messages.
pub const UNSHARED: u8 = b'U';
pub const WORKSPACE_OPEN: u8 = b'W';
pub const PROXY_OPEN: u8 = b'P';
pub const SERVICE_OPEN: u8 = b'S';
pub const CONNECT_OPEN: u8 = b'C';
pub const LOG_OPEN: u8 = b'L';
pub const ERROR_OPEN: u8 = b'M';
pub const FAILED: u8 = b'E';
pub const EXITED: u8 = b'X';
/// User and group of the step, as the step sees them.
pub const BUILD_ID: u32 = 1000;

/// Runs init. `own` is the task of this program for specifications that ask for it. The return value is the exit code of
/// this process and says nothing about the step.
#[must_use]
pub fn init_main(own: OwnTask) -> u8 {
    // Before anything else, so that no descriptor of the supervisor stays open. The socket is standard input.
    let socket = close_inherited().and_then(|()| std::io::stdin().as_fd().try_clone_to_owned());
    let Ok(socket) = socket.map(UnixStream::from) else { return 1 };
    match stage_one(&socket, own) {
        Ok(()) => 0,
        Err(Failed(what)) => {
            // The supervisor may be gone already. Then there is nobody to tell.
            drop((&socket).write_all(&[FAILED]).and_then(|()| write_frame(&socket, what.as_bytes())));
            1
        }
    }
}

fn stage_one(socket: &UnixStream, own: OwnTask) -> Result<(), Failed> {
    set_parent_process_death_signal(Some(Signal::KILL)).doing("follow the supervisor")?;
    let spec: Spec = serde_json::from_slice(&read_frame(socket).doing("read the specification")?)
        .doing("read the specification")?;
    let granted = mounts::grant(&spec)?;
    unshare(UnshareFlags::NEWUSER).doing("user namespace")?;
    (&*socket).write_all(&[UNSHARED]).doing("report")?;
    read_frame(socket).doing("wait for the user map")?;
    become_build_user(BUILD_ID).doing("become the build user")?;
    unshare(
        UnshareFlags::NEWNS
            | UnshareFlags::NEWPID
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS
            | UnshareFlags::NEWCGROUP,
    )
    .doing("namespaces")?;
    // The change of the user has cleared the signal that ends this process with the supervisor.
    set_parent_process_death_signal(Some(Signal::KILL)).doing("follow the supervisor")?;
    match fork().doing("fork")? {
        Fork::Parent(child) => wait_for(child),
        Fork::Child => {
            if let Err(Failed(what)) = stage_two(socket, &spec, &granted, own) {
                let told =
                    (&*socket).write_all(&[FAILED]).and_then(|()| write_frame(socket, what.as_bytes()));
                drop(told);
            }
            // Process 1 ends here, and the kernel ends all other processes in its namespace.
            std::process::exit(0);
        }
    }
}

fn wait_for(child: Pid) -> Result<(), Failed> {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(Failed(format!("wait for process 1: {error}"))),
            Ok(_) => return Ok(()),
        }
    }
}

fn stage_two(socket: &UnixStream, spec: &Spec, granted: &[Granted], own: OwnTask) -> Result<(), Failed> {
    set_parent_process_death_signal(Some(Signal::KILL)).doing("follow the supervisor")?;
    rustix::system::sethostname(connect::HOST_NAME.as_bytes()).doing("set the host name")?;
    open_log(socket).doing("open the log")?;
    // The loopback of the namespace, for tests that talk to themselves. It leads nowhere else.
    bring_up_loopback().doing("bring up the loopback")?;
    if !spec.network.is_empty() {
        // Bound inside this namespace; the supervisor answers it outside.
        let listener = TcpListener::bind(("127.0.0.1", PROXY_PORT)).doing("listen for the proxy")?;
        send_descriptor(socket, PROXY_OPEN, &listener).doing("hand over the proxy's listener")?;
    }
    if let Some(port) = spec.service {
        let listener = TcpListener::bind(("127.0.0.1", port)).doing("listen for the service")?;
        send_descriptor(socket, SERVICE_OPEN, &listener).doing("hand over the service's listener")?;
    }
    for address in connect::foreign(&spec.connect) {
        add_to_loopback(address).doing(&format!("give the address {address} to the loopback"))?;
    }
    for (to, at) in spec.connect.iter().zip(connect::inside(&spec.connect)) {
        let listener = listen(at).doing(&format!("listen for {to}"))?;
        send_descriptor(socket, CONNECT_OPEN, &listener)
            .doing(&format!("hand over the listener for {to}"))?;
    }
    let workspace: OwnedFd = mounts::enter(spec, granted)?;
    send_descriptor(socket, WORKSPACE_OPEN, &workspace).doing("hand over the workspace")?;
    inputs(socket)?;
    secrets(socket, spec)?;
    confine(spec)?;
    let exit = step(spec, own)?;
    drop(workspace);
    let report = serde_json::to_vec(&exit).doing("report")?;
    (&*socket).write_all(&[EXITED]).and_then(|()| write_frame(socket, &report)).doing("report")
}

/// Listens at an address of this namespace. The kernel takes a moment until a new IPv6 address counts.
fn listen(at: SocketAddr) -> std::io::Result<TcpListener> {
    for _ in 0..ADDRESS_LOOKS {
        match TcpListener::bind(at) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable && at.is_ipv6() => {
                std::thread::sleep(ADDRESS_LOOK);
            }
            bound => return bound,
        }
    }
    TcpListener::bind(at)
}

/// Makes the pipes of the step's log its standard outputs, and sends their other ends to the supervisor.
fn open_log(socket: &UnixStream) -> std::io::Result<()> {
    let (from, to) = std::io::pipe()?;
    dup2_stdout(&to)?;
    send_descriptor(socket, LOG_OPEN, &from)?;
    let (from, to) = std::io::pipe()?;
    dup2_stderr(&to)?;
    send_descriptor(socket, ERROR_OPEN, &from)
}

/// Receives inputs until an empty frame: kind, path, bytes.
fn inputs(socket: &UnixStream) -> Result<(), Failed> {
    loop {
        let kind = read_frame(socket).doing("read an input")?;
        if kind.is_empty() {
            return Ok(());
        }
        let kind: InputKind = serde_json::from_slice(&kind).doing("read an input")?;
        let path = String::from_utf8(read_frame(socket).doing("read an input")?).doing("read an input")?;
        let bytes = read_frame(socket).doing("read an input")?;
        let path = Path::new(&path);
        let shown = format!("write input `{}`", path.display());
        if !stays_below(path) {
            return Err(Failed(format!("{shown}: it lies outside the workspace")));
        }
        input(&Path::new(WORKSPACE).join(path), kind, &bytes).doing(&shown)?;
    }
}

fn input(path: &Path, kind: InputKind, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mode = match kind {
        InputKind::Plain => 0o644,
        InputKind::Executable => 0o755,
        InputKind::Directory => return fs::create_dir_all(path),
        InputKind::Link => {
            let target = std::ffi::OsStr::new(std::str::from_utf8(bytes).map_err(std::io::Error::other)?);
            return std::os::unix::fs::symlink(target, path);
        }
    };
    // `create_new` never writes through a link that an earlier input created.
    let mut file = fs::File::options().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)
}

/// Receives the secrets and writes their files. No copy stays in this process.
fn secrets(socket: &UnixStream, spec: &Spec) -> Result<(), Failed> {
    if spec.secrets.is_empty() {
        return Ok(());
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable).doing("make init not dumpable")?;
    for secret in &spec.secrets {
        let doing = format!("write secret `{}`", secret.name);
        let bytes = secret::receive(socket).doing(&doing)?;
        let path = Path::new(SECRETS).join(&secret.name);
        let file = fs::File::options().write(true).create_new(true).mode(0o400).open(path);
        file.and_then(|mut file| file.write_all(&bytes)).doing(&doing)?;
    }
    mounts::seal_secrets()
}

/// Runs the step to its end and kills all processes that it leaves.
fn step(spec: &Spec, own: OwnTask) -> Result<Exit, Failed> {
    let main = if spec.own { Some(start_own(spec, own)?) } else { start(spec)? };
    let Some(main) = main else { return Ok(Exit::Code(NOT_STARTED)) };
    let main = Some(main);
    let mut exit = None;
    loop {
        match wait(WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            // All other processes are dead and reaped.
            Err(Errno::CHILD) => return exit.ok_or_else(|| Failed("the step was lost".into())),
            Err(error) => return Err(Failed(format!("wait for the step: {error}"))),
            Ok(Some((pid, status))) if Some(pid) == main => {
                exit = Some(exit_of(ExitStatus::from_raw(status.as_raw())));
                kill_all()?;
            }
            Ok(_) => {}
        }
    }
}

/// Starts the program of the command; `None` if it cannot be started.
fn start(spec: &Spec) -> Result<Option<Pid>, Failed> {
    let (program, arguments) = spec.command.split_first().ok_or_else(|| Failed("no command".into()))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&spec.environment).current_dir(WORKSPACE);
    command.stdin(Stdio::null()).process_group(0);
    if spec.secrets.iter().any(|secret| secret.variable.is_some()) {
        return start_with_variables(spec, command).map(Some);
    }
    match command.spawn() {
        Ok(child) => Ok(i32::try_from(child.id()).ok().and_then(Pid::from_raw)),
        Err(error) => {
            // Written to the step's log. A runner that no longer reads the log has ended the step.
            let _ = writeln!(std::io::stderr(), "cannot run `{program}`: {error}");
            Ok(None)
        }
    }
}

/// Starts the program with secrets in variables. The process that is to become the program reads them itself, so that they
/// are never in init's memory.
fn start_with_variables(spec: &Spec, mut command: Command) -> Result<Pid, Failed> {
    match fork().doing("fork")? {
        Fork::Parent(child) => Ok(child),
        Fork::Child => {
            for secret in &spec.secrets {
                let Some(variable) = &secret.variable else { continue };
                match fs::read(Path::new(SECRETS).join(&secret.name)) {
                    Ok(value) => drop(command.env(variable, std::ffi::OsString::from_vec(value))),
                    Err(error) => {
                        let _ = writeln!(std::io::stderr(), "cannot read secret `{}`: {error}", secret.name);
                        std::process::exit(PANICKED.into());
                    }
                }
            }
            let error = command.exec();
            let _ = writeln!(std::io::stderr(), "cannot run `{}`: {error}", command.get_program().display());
            std::process::exit(NOT_STARTED);
        }
    }
}

/// Starts the task of this program in a process that shares nothing with init but the confinement.
fn start_own(spec: &Spec, own: OwnTask) -> Result<Pid, Failed> {
    match fork().doing("fork")? {
        Fork::Parent(child) => Ok(child),
        Fork::Child => {
            // The task reads bytes of strangers. It must not be able to speak to the supervisor in init's name.
            let apart = close_inherited()
                .and_then(|()| fs::File::open("/dev/null"))
                .and_then(|null| Ok(dup2_stdin(&null)?))
                .and_then(|()| std::env::set_current_dir(WORKSPACE));
            let code = match apart {
                Ok(()) => std::panic::catch_unwind(|| own(&spec.command)).unwrap_or(PANICKED),
                Err(error) => {
                    let _ = writeln!(std::io::stderr(), "cannot start the task: {error}");
                    PANICKED
                }
            };
            std::process::exit(code.into());
        }
    }
}

/// Exit code of a step whose program cannot be started.
const NOT_STARTED: i32 = 127;
/// Exit code of a task of this program that failed without an answer.
const PANICKED: u8 = 125;

/// Kills every process that this one can see: all others in the namespace.
fn kill_all() -> Result<(), Failed> {
    match kill_everyone_else() {
        Ok(()) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        Err(error) => Err(Failed(format!("kill what the step left behind: {error}"))),
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Code(255),
    }
}
