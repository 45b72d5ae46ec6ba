//! The supervisor of the attacks: prepares their targets on the host, runs each attack in a separate sandbox, and
//! prints one line for each.

use std::collections::BTreeMap;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::ExitCode;

use sandbox::{Destination, Exit, Limits, SandboxError, StepOutcome};

use crate::attacks::{ATTACKS, call, text};
use crate::direct;
use crate::opened;
use crate::secrets;
use crate::trial::{LIMITS, Trial};

/// Runs every attack, and a few steps that must work. The exit code is 0 if all results are as expected.
pub fn supervise() -> ExitCode {
    let host = std::env::temp_dir().join(format!("probe-host-{}", std::process::id()));
    std::fs::write(&host, "of the host").unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("probe-{}", std::process::id());
    let local = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let key = i64::from(std::process::id());
    let segment = call(libc::SYS_shmget, [key, 4096, i64::from(libc::IPC_CREAT | 0o666), 0, 0]);
    let queue = std::ffi::CString::new(name.clone()).unwrap();
    let made = call(libc::SYS_mq_open, [text(&queue), i64::from(libc::O_CREAT | libc::O_RDWR), 0o666, 0, 0]);
    assert!(segment >= 0 && made >= 0, "the host has what is looked for");
    // A descriptor that a careless supervisor would leave open for the step.
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
        ("PROBE_SHARED_KEY".into(), key.to_string()),
        ("PROBE_QUEUE".into(), name.clone()),
        ("PROBE_ABSTRACT".into(), name),
        ("PROBE_TOKEN".into(), format!("token-{}", std::process::id())),
        ("PROBE_WORKSPACE_BYTES".into(), LIMITS.workspace_bytes.to_string()),
        ("PROBE_TMP_BYTES".into(), LIMITS.tmp_bytes.to_string()),
    ]);
    let mut good = true;
    for (attack, _) in ATTACKS.iter().chain(opened::ATTACKS) {
        let command = vec!["/work/probe".to_owned(), "attack".into(), (*attack).into()];
        let verdict = match step(command, &environment, LIMITS) {
            Ok((outcome, _)) if outcome.exit == Exit::Code(0) => "stopped".to_owned(),
            // The supervisor ends a step that uses too much memory.
            Ok((outcome, _)) if *attack == "allocate" && outcome.exit == Exit::MemoryExceeded => {
                "stopped".into()
            }
            Ok((outcome, log)) => format!("NOT STOPPED: {:?} {log}", outcome.exit),
            Err(error) => format!("did not run: {error}"),
        };
        good &= verdict == "stopped";
        println!("{attack}: {verdict}");
    }
    good &= behaviour(&environment);
    good &= ordinary(&environment);
    good &= network(&environment);
    good &= service(&environment);
    good &= direct::all(&environment);
    good &= secrets::all(&environment);
    let level = level(&environment);
    good &= hoards(&environment, &level);
    drop((tcp, local, inherited));
    call(libc::SYS_shmctl, [segment, i64::from(libc::IPC_RMID), 0, 0, 0]);
    call(libc::SYS_mq_unlink, [text(&queue), 0, 0, 0, 0]);
    std::fs::remove_file(&host).unwrap();
    println!("level: {level}");
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Steps that are not attacks: ordinary work must succeed, and limits must end a step.
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

/// Memory that the supervisor cannot see. A control group limits it; without a group, the level must say so.
fn hoards(environment: &BTreeMap<String, String>, level: &str) -> bool {
    let small = Limits { memory_bytes: 64 << 20, ..LIMITS };
    let mut good = true;
    for what in ["shared", "memfd", "segments", "sockets"] {
        if !level.contains("control-group") {
            println!("hoards {what}: skipped: this user has no control group here");
            continue;
        }
        // More than memory, workspace, `/tmp` and kernel memory together.
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

/// Ordinary work, a script that is longer than an argument may be, and a toolchain below the host's `/tmp`.
fn ordinary(environment: &BTreeMap<String, String>) -> bool {
    let deeds = step(["/work/probe", "ordinary"].map(str::to_owned).to_vec(), environment, LIMITS);
    let long = format!("{}\necho ran $0", ": 'a line of a generated table'\n".repeat(6_000));
    let script = ["/bin/sh", "-eu", sandbox::SCRIPT].map(str::to_owned).to_vec();
    let script = Trial { script: Some(long), ..Trial::new(script, environment) }.run();
    let tool = std::env::temp_dir().join(format!("probe-tool-{}", std::process::id()));
    std::fs::create_dir(&tool).unwrap();
    std::fs::write(tool.join("version"), "1").unwrap();
    // One pipe for both streams: two of them are read in any order.
    let look = format!("exec 2>&1; cat {0}/version && ! touch {0}/x && ls -d /tmp/*", tool.display());
    let look = ["/bin/sh", "-c", &look].map(str::to_owned).to_vec();
    let look = Trial { binds: vec![tool.clone()], ..Trial::new(look, environment) }.run();
    std::fs::remove_dir_all(&tool).unwrap();
    let said = format!("ran {}\n", sandbox::SCRIPT);
    let mut good = true;
    for (name, done, said) in [
        ("ordinary programs run", deeds, "...".to_owned()),
        ("a long script runs", script, said),
        (
            "a toolchain below /tmp is seen",
            look,
            format!("1touch: cannot touch '{0}/x': Read-only file system\n{0}\n", tool.display()),
        ),
    ] {
        let verdict = match done {
            Ok((outcome, log)) if outcome.exit == Exit::Code(0) && log == said => "ok".to_owned(),
            Ok((outcome, log)) => format!("WRONG: {:?} {log:?}", outcome.exit),
            Err(error) => format!("did not run: {error}"),
        };
        good &= verdict == "ok";
        println!("{name}: {verdict}");
    }
    good
}

type Ask<'a> = (&'a str, String, Vec<String>, &'a str, &'a str);

/// Requests to the proxy: a name, the target, the operator's allowances, and the start and end of the answer.
fn asks(port: u16) -> Vec<Ask<'static>> {
    const REFUSED: &str = "HTTP/1.1 403";
    const NEVER: &str = "which no step reaches\n";
    const UNNAMED: &str = "destinations\n";
    const LOOPBACK: &str = "is the loopback; the runner's operator may allow it: --allow-network\n";
    let at = |host: &str| format!("{host}:{port}");
    let (own, named, metadata) = (at("127.0.0.1"), at("localhost"), "169.254.169.254:80".to_owned());
    let all = || ["0.0.0.0/0", "::/0", "169.254.169.254:80"].map(str::to_owned).to_vec();
    let only = || vec![at("127.0.0.1")];
    let plain = |to: &str| format!("http://{to}/x");
    let mut asks = vec![
        ("reaches what is allowed", own.clone(), only(), "HTTP/1.1 200", "PING"),
        ("reaches a network that is allowed", named.clone(), all(), "HTTP/1.1 200", "PING"),
        ("forwards plain requests", plain(&own), only(), "GET ", ""),
        ("attack: a destination that is not named", UNNAMED_HOST.into(), all(), REFUSED, UNNAMED),
        ("attack: a port that is not named", UNNAMED_PORT.into(), all(), REFUSED, UNNAMED),
        ("attack: the loopback by its address", own.clone(), vec![], REFUSED, LOOPBACK),
        ("attack: the loopback by a name", named, only(), REFUSED, LOOPBACK),
        ("attack: the loopback, mapped", at("[::ffff:127.0.0.1]"), vec![], REFUSED, LOOPBACK),
        ("attack: the loopback, plain", plain(&own), vec![], REFUSED, LOOPBACK),
        ("attack: metadata", metadata.clone(), all(), REFUSED, NEVER),
        ("attack: metadata, plain", plain(&metadata), all(), REFUSED, NEVER),
        ("refuses nonsense", "nonsense".into(), vec![], "HTTP/1.1 400", "requests\n"),
    ];
    let odd = [at("2130706433"), at("0x7f.1"), at("127.1"), at("0.0.0.0"), at("[::]")];
    for target in odd.into_iter().chain(own_addresses(port)) {
        asks.push(("attack: this machine, spelled otherwise", target, vec![], REFUSED, "--allow-network\n"));
    }
    asks
}

/// The proxy: a named and allowed destination is reached and counted; all others are refused and recorded.
fn network(environment: &BTreeMap<String, String>) -> bool {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Answers until this process ends.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut heard = [0; 4];
            if std::io::Read::read_exact(&mut stream, &mut heard).is_ok() {
                std::io::Write::write_all(&mut stream, &heard.to_ascii_uppercase()).unwrap();
            }
        }
    });
    let targets = asks(port).into_iter().map(|(_, target, ..)| target);
    let named: Vec<Destination> = targets
        .filter(|target| target != UNNAMED_HOST && target != UNNAMED_PORT)
        .filter_map(|target| target.trim_start_matches("http://").trim_end_matches("/x").parse().ok())
        .collect();
    let mut good = true;
    for (name, target, allowed, starts, ends) in asks(port) {
        let command = ["/work/probe", "through", target.as_str(), "ping"].map(str::to_owned).to_vec();
        let verdict =
            match (Trial { network: named.clone(), allowed, ..Trial::new(command, environment) }).run() {
                Ok((outcome, log)) => {
                    let said = log.starts_with(starts) && log.ends_with(ends);
                    let counts = (outcome.reached.len(), outcome.refused.len());
                    let counted =
                        counts == (usize::from(!starts.contains(" 4")), usize::from(starts.contains(" 403")));
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
    // The proxy must not open any direct way to the network.
    let direct = ["/work/probe", "attack", "tcp-host-loopback"].map(str::to_owned).to_vec();
    let direct = Trial { network: named, ..Trial::new(direct, environment) }.run();
    let closed = direct.is_ok_and(|(outcome, _)| outcome.exit == Exit::Code(0));
    println!("the direct way stays closed: {}", if closed { "ok" } else { "WRONG" });
    good && closed
}

/// One service of the host: it is reached and counted at its own port, and no other port of the host is.
fn service(environment: &BTreeMap<String, String>) -> bool {
    let own = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (served, other) = (own(), own());
    let (port, closed) = (served.local_addr().unwrap().port(), other.local_addr().unwrap().port());
    // Answers until this process ends.
    std::thread::spawn(move || {
        for stream in served.incoming() {
            let mut stream = stream.unwrap();
            let mut heard = [0; 4];
            std::io::Read::read_exact(&mut stream, &mut heard).unwrap();
            std::io::Write::write_all(&mut stream, &heard.to_ascii_uppercase()).unwrap();
        }
    });
    let mut good = true;
    for (name, asked, answer) in [
        ("the service that is checked is reached", port, "PING"),
        ("attack: another port of the host beside the service", closed, "refused"),
        ("attack: the proxy that nobody asked for", sandbox::PROXY_PORT, "refused"),
    ] {
        let command = ["/work/probe", "ask", &asked.to_string(), "ping"].map(str::to_owned).to_vec();
        let verdict = match (Trial { service: Some(port), ..Trial::new(command, environment) }).run() {
            Ok((outcome, log)) => {
                let counted =
                    outcome.reached.iter().map(|to| (to.host.as_str(), to.port, to.sent, to.received));
                let expected = (answer == "PING").then_some(("127.0.0.1", port, 4, 4));
                let is_counted = counted.collect::<Vec<_>>() == expected.into_iter().collect::<Vec<_>>();
                if log == answer && is_counted {
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
    good
}

const UNNAMED_HOST: &str = "192.0.2.1:443";
const UNNAMED_PORT: &str = "127.0.0.1:22";

/// Addresses of this machine's interfaces, with a port.
pub fn own_addresses(port: u16) -> Vec<String> {
    let text = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let mut last = "";
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("/32 host LOCAL") && !last.starts_with("127.") {
            found.push(format!("{last}:{port}"));
        }
        last = line.strip_prefix("|-- ").unwrap_or(last);
    }
    found.sort();
    found.dedup();
    found
}

fn level(environment: &BTreeMap<String, String>) -> String {
    let done = step(vec!["/bin/true".into()], environment, LIMITS);
    done.map_or_else(|error| error.to_string(), |(outcome, _)| format!("{:?}", outcome.level))
}

fn step(
    command: Vec<String>,
    environment: &BTreeMap<String, String>,
    limits: Limits,
) -> Result<(StepOutcome, String), SandboxError> {
    Trial { limits, ..Trial::new(command, environment) }.run()
}
