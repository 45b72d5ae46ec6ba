//! The outside: starts init, maps its user, sends the inputs, enforces log size, time and memory, and reads the
//! workspace.
//!
//! Invariant: when `run` returns, no process of the step lives. The kernel kills the step when the thread that started
//! it ends. So that thread must live as long as the call, which a synchronous function guarantees.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getegid, geteuid, kill_process};

use crate::channel::{read_frame, receive_descriptor, write_frame};
use crate::confine::LANDLOCK_ABI;
use crate::destination::Destination;
use crate::egress::Egress;
use crate::group::{Group, ProcessGroup};
use crate::init::{
    BUILD_ID, CONNECT_OPEN, ERROR_OPEN, EXITED, FAILED, LOG_OPEN, PROXY_OPEN, SERVICE_OPEN, UNSHARED,
    WORKSPACE_OPEN,
};
use crate::outputs::Outputs;
use crate::proxy::Proxy;
use crate::spec::{Exit, Input, Level, Reached, Refused, Spec, SpecError, stays_below};

/// The two outputs of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// Result of a step that ran.
#[derive(Debug)]
pub struct StepOutcome {
    /// How the step ended.
    pub exit: Exit,
    /// The isolation that the step ran in.
    pub level: Level,
    /// Files in the workspace after the step.
    pub outputs: Outputs,
    /// Whether a part of the log was dropped.
    pub log_truncated: bool,
    /// Destinations that the step reached through the proxy, sorted.
    pub reached: Vec<Reached>,
    /// Destinations that the proxy refused, sorted.
    pub refused: Vec<Refused>,
}

/// Reasons why a step did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The specification is invalid.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A part of the isolation could not be put in place, so the step did not run.
    #[error("the sandbox could not be made, so the step did not run: {0}")]
    Setup(String),
    /// The system failed.
    #[error("cannot {0}: {1}")]
    Io(&'static str, io::Error),
    /// The caller no longer wanted the step.
    #[error("the step was ended, because its work is no longer wanted")]
    Unwanted,
    /// A process between the caller and the sandbox failed.
    #[error("{0}")]
    Holder(String),
    /// Init ended without a report.
    #[error("the sandbox ended without a report")]
    Lost,
}

/// The inputs of a step.
#[derive(Clone, Copy, Debug)]
pub enum Inputs<'a> {
    /// Inputs in this process.
    Here(&'a [Input<'a>]),
    /// Inputs that another process writes to this socket with [`send_inputs`]; they are passed on one by one.
    From(&'a UnixStream),
}

/// Runs a step.
///
/// `init` is a command that calls `init_main`; this function sets its standard streams. `egress` holds the operator's
/// network rules. `log` receives each piece of output as it arrives, from two threads. `wanted` is called many times a
/// second; if it returns `false`, the step is ended.
///
/// # Errors
/// `SandboxError` when the step did not run to its end. A step that ran and failed gives a `StepOutcome`.
pub fn run(
    mut init: Command,
    spec: &Spec,
    inputs: Inputs<'_>,
    egress: &Egress,
    log: &(dyn Fn(Stream, &[u8]) + Sync),
    wanted: &dyn Fn() -> bool,
) -> Result<StepOutcome, SandboxError> {
    spec.check()?;
    inputs.check()?;
    let (socket, theirs) = UnixStream::pair().map_err(|error| SandboxError::Io("make a socket", error))?;
    init.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
    let child = init.spawn().map_err(|error| SandboxError::Io("start the sandbox", error))?;
    // `init` still holds a copy of the child's end of the socket.
    drop(init);
    let mut child = Guard { child, ended: false };
    // The child waits for its specification, so everything that it does happens inside the group.
    let group = Group::hold(&spec.limits, child.child.id());
    let _counted = ProcessGroup::hold(&spec.limits, child.child.id());
    let budget = Mutex::new((spec.limits.log_bytes, false));
    let proxy = Proxy::new(&spec.network, egress);
    let (stop, stopped) = UnixStream::pair().map_err(|error| SandboxError::Io("make a socket", error))?;
    std::thread::scope(|scope| {
        let (proxy, stopped, budget) = (&proxy, &stopped, &budget);
        let serve = |open: Open| match open {
            Open::Proxy(listener) => drop(scope.spawn(move || proxy.serve(listener, stopped))),
            Open::Service(listener, port) => {
                drop(scope.spawn(move || proxy.serve_port(listener, stopped, port)));
            }
            Open::Connect(listener, to) => {
                drop(scope.spawn(move || proxy.serve_to(listener, stopped, &to)));
            }
            Open::Log(stream, pipe) => {
                drop(scope.spawn(move || copy(std::fs::File::from(pipe), stream, budget, log)));
            }
        };
        let process = Process { id: child.child.id(), group: group.as_ref(), wanted };
        let ended = supervise(&socket, &process, spec, inputs, serve);
        // On every path, all processes inside are dead before the outputs are read and the log is closed.
        child.end();
        drop(stop);
        ended
    })
    .map(|(exit, level, outputs)| {
        let (_, log_truncated) = *budget.lock().unwrap_or_else(PoisonError::into_inner);
        let (reached, refused) = proxy.record();
        StepOutcome { exit, level, outputs, log_truncated, reached, refused }
    })
}

/// A descriptor that init opened inside and the supervisor serves outside.
enum Open {
    /// The listener of the proxy.
    Proxy(OwnedFd),
    /// A listener whose connections go to this destination of the specification.
    Connect(OwnedFd, Destination),
    /// A listener whose connections go to this port of the host.
    Service(OwnedFd, u16),
    /// A pipe of the step's log.
    Log(Stream, OwnedFd),
}

type Ended = (Exit, Level, Outputs);

/// The sandbox's first process, with the supervisor's view of it.
struct Process<'a> {
    id: u32,
    group: Option<&'a Group>,
    wanted: &'a dyn Fn() -> bool,
}

impl Process<'_> {
    /// Whether the kernel killed a process of the step because memory ran out.
    fn ran_out(&self) -> bool {
        self.group.is_some_and(Group::ran_out)
    }
}

fn supervise(
    socket: &UnixStream,
    process: &Process<'_>,
    spec: &Spec,
    inputs: Inputs<'_>,
    serve: impl Fn(Open),
) -> Result<Ended, SandboxError> {
    let doing = |what| move |error| SandboxError::Io(what, error);
    let deadline = Instant::now() + Duration::from_millis(spec.limits.wall_ms);
    socket.set_read_timeout(Some(SETUP_TIMEOUT)).map_err(doing("set a timeout"))?;
    socket.set_write_timeout(Some(SETUP_TIMEOUT)).map_err(doing("set a timeout"))?;
    let text = serde_json::to_vec(spec)
        .map_err(|error| SandboxError::Io("encode the specification", error.into()))?;
    write_frame(socket, &text).map_err(doing("hand in the specification"))?;
    expect(socket, UNSHARED)?;
    let user = map_user(process.id).map_err(doing("map the step's user"))?;
    write_frame(socket, b"mapped").map_err(doing("report the map"))?;
    serve(Open::Log(Stream::Out, descriptor(socket, LOG_OPEN)?));
    serve(Open::Log(Stream::Error, descriptor(socket, ERROR_OPEN)?));
    if !spec.network.is_empty() {
        serve(Open::Proxy(descriptor(socket, PROXY_OPEN)?));
    }
    if let Some(port) = spec.service {
        serve(Open::Service(descriptor(socket, SERVICE_OPEN)?, port));
    }
    for to in &spec.connect {
        serve(Open::Connect(descriptor(socket, CONNECT_OPEN)?, to.clone()));
    }
    let workspace = descriptor(socket, WORKSPACE_OPEN)?;
    if inputs.hand_in(socket).and_then(|()| hand_in_secrets(socket, spec)).is_err() {
        // Init has sent the reason, unless it is gone.
        return Err(failure(socket, read_tag(socket)));
    }
    let exit = match wait(socket, process, spec, deadline) {
        // The kernel killed some of the step's processes, or its init. Memory ran out, even if the others report
        // something else.
        Ok(_) | Err(SandboxError::Lost) if process.ran_out() => Exit::MemoryExceeded,
        ended => ended?,
    };
    let memory = if process.group.is_some() { "control-group" } else { "watched" };
    let level = Level { user: user.into(), landlock: LANDLOCK_ABI, memory: memory.into() };
    Ok((exit, level, Outputs::new(workspace)))
}

/// Receives a descriptor that init sends under a tag.
fn descriptor(socket: &UnixStream, tag: u8) -> Result<OwnedFd, SandboxError> {
    match receive_descriptor(socket).map_err(|error| SandboxError::Io("take a descriptor", error))? {
        (Some(found), Some(descriptor)) if found == tag => Ok(descriptor),
        (tag, _) => Err(failure(socket, tag)),
    }
}

impl Inputs<'_> {
    fn check(&self) -> Result<(), SpecError> {
        // Init checks the paths, too.
        let Self::Here(inputs) = self else { return Ok(()) };
        let outside = inputs.iter().find(|input| !stays_below(input.path));
        outside.map_or(Ok(()), |input| Err(SpecError::Input(input.path.to_path_buf())))
    }

    fn hand_in(self, socket: &UnixStream) -> io::Result<()> {
        let from = match self {
            Inputs::Here(inputs) => return send_inputs(socket, inputs),
            Inputs::From(from) => from,
        };
        loop {
            let kind = read_frame(from)?;
            write_frame(socket, &kind)?;
            if kind.is_empty() {
                return Ok(());
            }
            for _ in ["path", "bytes"] {
                write_frame(socket, &read_frame(from)?)?;
            }
        }
    }
}

/// Writes inputs as [`Inputs::From`] reads them.
///
/// # Errors
/// The error of the socket.
pub fn send_inputs(socket: &UnixStream, inputs: &[Input<'_>]) -> io::Result<()> {
    for input in inputs {
        write_frame(socket, &serde_json::to_vec(&input.kind)?)?;
        write_frame(socket, input.path.as_os_str().as_encoded_bytes())?;
        write_frame(socket, input.bytes)?;
    }
    write_frame(socket, b"")
}

fn hand_in_secrets(socket: &UnixStream, spec: &Spec) -> io::Result<()> {
    spec.secrets.iter().try_for_each(|secret| write_frame(socket, &secret.bytes))
}

/// Waits for the report. In between, checks time, memory, and whether the caller still wants the step.
fn wait(
    socket: &UnixStream,
    process: &Process<'_>,
    spec: &Spec,
    deadline: Instant,
) -> Result<Exit, SandboxError> {
    socket.set_read_timeout(Some(LOOK_EVERY)).map_err(|error| SandboxError::Io("set a timeout", error))?;
    loop {
        let mut tag = [0];
        let mut reader = socket;
        match reader.read(&mut tag) {
            Ok(0) => return Err(SandboxError::Lost),
            Ok(_) => {
                // The rest of the report is on its way. On a busy machine it may take longer than one interval.
                let patient = socket.set_read_timeout(Some(SETUP_TIMEOUT));
                patient.map_err(|error| SandboxError::Io("set a timeout", error))?;
                return report(socket, tag);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SandboxError::Io("wait for the step", error)),
        }
        if Instant::now() >= deadline {
            return Ok(Exit::TimedOut);
        }
        if !(process.wanted)() {
            return Err(SandboxError::Unwanted);
        }
        if process.ran_out() || anonymous_memory(process.id) > spec.limits.memory_bytes {
            return Ok(Exit::MemoryExceeded);
        }
    }
}

/// How the step ended, or why it did not run.
fn report(socket: &UnixStream, tag: [u8; 1]) -> Result<Exit, SandboxError> {
    if tag != [EXITED] {
        return Err(failure(socket, tag.first().copied()));
    }
    let report = read_frame(socket).map_err(|error| SandboxError::Io("read the report", error))?;
    serde_json::from_slice(&report).map_err(|_| SandboxError::Lost)
}

fn expect(socket: &UnixStream, tag: u8) -> Result<(), SandboxError> {
    match read_tag(socket) {
        Some(found) if found == tag => Ok(()),
        other => Err(failure(socket, other)),
    }
}

fn read_tag(mut socket: &UnixStream) -> Option<u8> {
    let mut tag = [0];
    socket.read_exact(&mut tag).ok().map(|()| tag[0])
}

/// The reason that init sent before it gave up.
fn failure(socket: &UnixStream, tag: Option<u8>) -> SandboxError {
    match (tag, read_frame(socket)) {
        (Some(FAILED), Ok(what)) => SandboxError::Setup(String::from_utf8_lossy(&what).into_owned()),
        _ => SandboxError::Lost,
    }
}

/// Maps the step's one user: if the supervisor is root, to an id outside every account; otherwise to the supervisor's
/// own.
fn map_user(pid: u32) -> io::Result<&'static str> {
    let (uid, gid, kind) = if geteuid().is_root() {
        let id = RANGE_START + pid;
        (id, id, "range")
    } else {
        (geteuid().as_raw(), getegid().as_raw(), "own")
    };
    let write = |file: &str, text: String| {
        std::fs::File::options().write(true).open(format!("/proc/{pid}/{file}"))?.write_all(text.as_bytes())
    };
    if kind == "own" {
        write("setgroups", "deny".into())?;
    }
    write("uid_map", format!("{BUILD_ID} {uid} 1"))?;
    write("gid_map", format!("{BUILD_ID} {gid} 1"))?;
    Ok(kind)
}

/// Anonymous memory of a process and its descendants in bytes. Processes that have ended meanwhile count zero.
fn anonymous_memory(pid: u32) -> u64 {
    let mut open = vec![pid];
    let mut bytes = 0;
    while let Some(pid) = open.pop() {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let status = read("status");
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
        };
        bytes += (kilobytes("RssAnon:") + kilobytes("VmSwap:")) * 1024;
        open.extend(children(pid));
    }
    bytes
}

fn copy(
    mut pipe: impl io::Read,
    stream: Stream,
    budget: &Mutex<(u64, bool)>,
    log: &(dyn Fn(Stream, &[u8]) + Sync),
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = pipe.read(&mut buffer) {
        if count == 0 {
            return;
        }
        let kept = {
            let mut budget = budget.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = usize::try_from(budget.0).unwrap_or(usize::MAX).min(count);
            budget.0 -= kept as u64;
            budget.1 |= kept < count;
            kept
        };
        if let Some(piece) = buffer.get(..kept).filter(|piece| !piece.is_empty()) {
            log(stream, piece);
        }
    }
}

/// Ends the sandbox when the call ends, on every path.
struct Guard {
    child: Child,
    ended: bool,
}

impl Guard {
    /// Kills process 1 of the namespace and waits for stage one, which ends only after the kernel has ended all
    /// processes in the namespace. If there is no process 1 yet, stage one itself is killed.
    fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            // After the wait, the process id is free and may belong to an unrelated process.
            return;
        }
        let inner = children(self.child.id());
        if inner.is_empty() {
            drop(self.child.kill());
        }
        for pid in inner.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // The process may have ended meanwhile. Its id is still reserved, unless stage one has reaped it and ends,
            // too.
            let _ = kill_process(pid, Signal::KILL);
        }
        drop(self.child.wait());
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}

/// Children of a process.
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// First id of the range for steps of a root supervisor; the process id is added.
const RANGE_START: u32 = 0x7000_0000;
const SETUP_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    /// Init may be interrupted between the tag and the rest of its report, for longer than one interval of checks.
    #[test]
    fn the_rest_of_a_report_may_take_its_time() {
        let spec = Spec {
            command: vec!["/bin/true".to_owned()],
            own: false,
            script: None,
            environment: std::collections::BTreeMap::new(),
            binds: Vec::new(),
            image: None,
            network: Vec::new(),
            connect: Vec::new(),
            certificates: None,
            service: None,
            secrets: Vec::new(),
            limits: Limits {
                workspace_bytes: 1,
                tmp_bytes: 1,
                memory_bytes: u64::MAX,
                processes: 1,
                open_files: 1,
                wall_ms: 1,
                log_bytes: 1,
            },
        };
        let wait_for = |bytes: &[u8]| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            (&theirs).write_all(bytes).unwrap();
            let process = Process { id: std::process::id(), group: None, wanted: &|| true };
            let waited = wait(&ours, &process, &spec, Instant::now() + SETUP_TIMEOUT);
            assert_eq!(ours.read_timeout().unwrap(), Some(SETUP_TIMEOUT));
            waited
        };
        let mut report = vec![EXITED];
        write_frame(&mut report, &serde_json::to_vec(&Exit::Code(3)).unwrap()).unwrap();
        assert!(matches!(wait_for(&report), Ok(Exit::Code(3))));
        let mut failure = vec![FAILED];
        write_frame(&mut failure, b"no namespaces").unwrap();
        assert!(matches!(wait_for(&failure), Err(SandboxError::Setup(what)) if what == "no namespaces"));
    }
}
