//! The supervisor of the attacks: sets up what they go for on the host, runs each in a sandbox of its own,
//! and prints one line for each.

use std::collections::BTreeMap;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use sandbox::{Destination, Exit, Input, InputKind, Limits, Outcome, SandboxError, Spec, run};

use crate::attacks::ATTACKS;

/// Runs every attack, and a few steps that must work; exit code 0 when all is as it must be.
pub fn supervise() -> ExitCode {
    let host = std::env::temp_dir().join(format!("probe-host-{}", std::process::id()));
    std::fs::write(&host, "of the host").unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("probe-{}", std::process::id());
    let local = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    // A descriptor that a careless supervisor would pass on.
    let inherited = std::fs::File::open(&host).unwrap();
    // SAFETY: clears close-on-exec of a descriptor that this function owns.
    unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&inherited), libc::F_SETFD, 0) };
    let environment = BTreeMap::from([
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ("PROBE_HOST_FILE".into(), host.to_string_lossy().into_owned()),
        ("PROBE_HOST_PORT".into(), tcp.local_addr().unwrap().to_string()),
        ("PROBE_HOST_PID".into(), std::process::id().to_string()),
        (
            "PROBE_HOST_MOUNTS".into(),
            std::fs::read_link("/proc/self/ns/mnt").unwrap().to_string_lossy().into_owned(),
        ),
        ("PROBE_ABSTRACT".into(), name),
        ("PROBE_TOKEN".into(), format!("token-{}", std::process::id())),
        ("PROBE_WORKSPACE_BYTES".into(), LIMITS.workspace_bytes.to_string()),
        ("PROBE_TMP_BYTES".into(), LIMITS.tmp_bytes.to_string()),
    ]);
    let mut good = true;
    for (attack, _) in ATTACKS {
        let command = vec!["/work/probe".to_owned(), "attack".into(), (*attack).into()];
        let verdict = match step(command, &environment, LIMITS) {
            Ok((outcome, _)) if outcome.exit == Exit::Code(0) => "stopped".to_owned(),
            Ok((outcome, log)) => format!("NOT STOPPED: {:?} {log}", outcome.exit),
            Err(error) => format!("did not run: {error}"),
        };
        good &= verdict == "stopped";
        println!("{attack}: {verdict}");
    }
    good &= behaviour(&environment);
    good &= network(&environment);
    let level = level(&environment);
    good &= hoards(&environment, &level);
    drop((tcp, local, inherited));
    std::fs::remove_file(&host).unwrap();
    println!("level: {level}");
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Steps that are no attacks: what must work, and how limits end them.
fn behaviour(environment: &BTreeMap<String, String>) -> bool {
    let short = Limits { wall_ms: 300, ..LIMITS };
    let small = Limits { memory_bytes: 200 << 20, ..LIMITS };
    let quiet = Limits { log_bytes: 10, ..LIMITS };
    let hog = "for n in 1 2 3; do /work/probe hold 120 & done; wait";
    let cases: [(&str, &str, Limits, Exit, &str); 8] = [
        (
            "says its name",
            "id -u; pwd; hostname; echo $HOME",
            LIMITS,
            Exit::Code(0),
            "1000\n/work\nsandbox\n\n",
        ),
        ("fails with its code", "exit 7", LIMITS, Exit::Code(7), ""),
        ("dies by its signal", "kill -SEGV $$", LIMITS, Exit::Signal(libc::SIGSEGV), ""),
        ("ends at its time", "sleep 100 & sleep 100", short, Exit::TimedOut, ""),
        ("ends at its memory", hog, small, Exit::MemoryExceeded, ""),
        ("cannot flood the log", "echo 0123456789abcdef", quiet, Exit::Code(0), "0123456789"),
        (
            "writes where it may",
            "echo x > a && mkdir b && ln -s a c && echo y > /tmp/t && cat a /tmp/t",
            LIMITS,
            Exit::Code(0),
            "x\ny\n",
        ),
        ("leaves nothing behind", "(sleep 100; echo late) & echo early", LIMITS, Exit::Code(0), "early\n"),
    ];
    let mut good = true;
    for (name, script, limits, exit, said) in cases {
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let verdict = match step(command, environment, limits) {
            Ok((outcome, log)) if outcome.exit == exit && log == said => "ok".to_owned(),
            Ok((outcome, log)) => format!("WRONG: {:?} {log:?}", outcome.exit),
            Err(error) => format!("did not run: {error}"),
        };
        good &= verdict == "ok";
        println!("{name}: {verdict}");
    }
    good
}

/// Memory that the supervisor cannot see: a control group holds it, and where there is none the level says so.
fn hoards(environment: &BTreeMap<String, String>, level: &str) -> bool {
    let small = Limits { memory_bytes: 64 << 20, ..LIMITS };
    let mut good = true;
    for what in ["shared", "memfd", "sockets"] {
        if !level.contains("control-group") {
            println!("hoards {what}: skipped: this user has no control group here");
            continue;
        }
        // More than memory, workspace, `/tmp` and what the kernel may keep together.
        let command = ["/work/probe", "hoard", what, "1024"].map(str::to_owned).to_vec();
        let verdict = match step(command, environment, small) {
            Ok((outcome, _)) if outcome.exit == Exit::MemoryExceeded => "stopped by its group".to_owned(),
            Ok((outcome, log)) => format!("NOT STOPPED: {:?} {log}", outcome.exit),
            Err(error) => format!("did not run: {error}"),
        };
        good &= verdict == "stopped by its group";
        println!("hoards {what}: {verdict}");
    }
    good
}

/// The proxy: what was allowed is reached and counted, everything else is refused and recorded.
fn network(environment: &BTreeMap<String, String>) -> bool {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let shout = std::thread::spawn(move || {
        // Two conversations, then the end: a bounded server for a bounded test.
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut heard = [0; 4];
            std::io::Read::read_exact(&mut stream, &mut heard).unwrap();
            std::io::Write::write_all(&mut stream, &heard.to_ascii_uppercase()).unwrap();
        }
    });
    let own: Destination = format!("127.0.0.1:{port}").parse().unwrap();
    let named: Destination = format!("localhost:{port}").parse().unwrap();
    let allowed = vec![own.clone(), named.clone()];
    let mut good = true;
    for (name, target, starts, ends, reached, refused) in [
        ("reaches what is allowed", format!("{own}"), "HTTP/1.1 200", "PING", 1, 0),
        ("forwards plain requests", format!("http://{own}/x"), "GET ", "", 1, 0),
        ("refuses what is not", "192.0.2.1:443".to_owned(), "HTTP/1.1 403", "destinations\n", 0, 1),
        ("refuses this machine by a name", format!("{named}"), "HTTP/1.1 403", "itself\n", 0, 1),
        ("refuses nonsense", "nonsense".to_owned(), "HTTP/1.1 400", "requests\n", 0, 0),
    ] {
        let command = ["/work/probe", "through", target.as_str(), "ping"].map(str::to_owned).to_vec();
        let verdict = match step_with(command, environment, LIMITS, allowed.clone()) {
            Ok((outcome, log)) => {
                let said = log.starts_with(starts) && log.ends_with(ends);
                let counted = outcome.reached.len() == reached && outcome.refused.len() == refused;
                let summed = outcome.reached.iter().all(|to| to.received == 4 && to.sent >= 4);
                if said && counted && summed {
                    "ok".to_owned()
                } else {
                    format!("WRONG: {log:?} {outcome:?}")
                }
            }
            Err(error) => format!("did not run: {error}"),
        };
        good &= verdict == "ok";
        println!("{name}: {verdict}");
    }
    shout.join().unwrap();
    // With a proxy at hand, the direct way is as closed as without.
    let direct = ["/work/probe", "attack", "tcp-host-loopback"].map(str::to_owned).to_vec();
    let closed = step_with(direct, environment, LIMITS, allowed)
        .is_ok_and(|(outcome, _)| outcome.exit == Exit::Code(0));
    println!("the direct way stays closed: {}", if closed { "ok" } else { "WRONG" });
    good && closed
}

fn level(environment: &BTreeMap<String, String>) -> String {
    let done = step(vec!["/bin/true".into()], environment, LIMITS);
    done.map_or_else(|error| error.to_string(), |(outcome, _)| format!("{:?}", outcome.level))
}

fn step(
    command: Vec<String>,
    environment: &BTreeMap<String, String>,
    limits: Limits,
) -> Result<(Outcome, String), SandboxError> {
    step_with(command, environment, limits, Vec::new())
}

fn step_with(
    command: Vec<String>,
    environment: &BTreeMap<String, String>,
    limits: Limits,
    network: Vec<Destination>,
) -> Result<(Outcome, String), SandboxError> {
    let exe = std::env::current_exe().unwrap();
    let binds = ["/bin", "/sbin", "/lib", "/lib64", "/usr"].map(PathBuf::from);
    let binds = binds.into_iter().filter(|path| path.exists()).collect();
    let spec = Spec { command, environment: environment.clone(), binds, network, limits };
    let file = |path: &str, kind, bytes| Input { path: PathBuf::from(path), kind, bytes };
    let inputs = [
        file("probe", InputKind::Executable, std::fs::read(&exe).unwrap()),
        file(
            "token",
            InputKind::Plain,
            environment.get("PROBE_TOKEN").cloned().unwrap_or_default().into_bytes(),
        ),
    ];
    let mut init = Command::new(&exe);
    init.arg("init").env_clear().current_dir("/");
    let log = std::sync::Mutex::new(Vec::new());
    let keep = |_, piece: &[u8]| log.lock().unwrap().extend_from_slice(piece);
    let outcome = run(init, &spec, &inputs, &keep, &|| true)?;
    check_outputs(&outcome);
    let log = log.into_inner().unwrap();
    Ok((outcome, String::from_utf8_lossy(&log).into_owned()))
}

/// The inputs are still there to be read, and nothing is read through a link.
fn check_outputs(outcome: &Outcome) {
    let Ok(files) = outcome.outputs.list(Path::new(""), 100_000) else { return };
    assert!(files.iter().any(|file| file.path == Path::new("token")), "the workspace outlives the sandbox");
    assert!(outcome.outputs.open(Path::new("token")).is_ok());
    for path in ["../etc/passwd", "/etc/passwd", "c", "probe/../token"] {
        assert!(outcome.outputs.open(Path::new(path)).is_err(), "{path}");
    }
}

const LIMITS: Limits = Limits {
    workspace_bytes: 96 << 20,
    tmp_bytes: 16 << 20,
    memory_bytes: 1 << 30,
    processes: 200,
    open_files: 256,
    wall_ms: 60_000,
    log_bytes: 1 << 20,
};
