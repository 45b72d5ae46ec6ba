//! The attacks, by name. Each returns whether it succeeded.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::process::ExitCode;

use libc::{c_int, c_long, c_void};

use crate::{ESCAPED, STOPPED, opened};

pub type Attack = fn() -> bool;

/// All attacks. A result of `true` means that the attack succeeded.
pub const ATTACKS: &[(&str, Attack)] = &[
    ("read-shadow", || reads("/etc/shadow")),
    ("read-host-file", || reads(&host("PROBE_HOST_FILE"))),
    ("read-home", || fs::read_dir("/root").is_ok() || fs::read_dir("/home").is_ok()),
    ("write-host-file", || File::options().write(true).open(host("PROBE_HOST_FILE")).is_ok()),
    ("write-usr", || writes("/usr/probe") || writes("/bin/probe") || writes("/lib/probe")),
    ("write-root", || writes("/probe") || fs::create_dir("/probe-dir").is_ok() || writes("/etc/passwd")),
    ("tcp-host-loopback", || TcpStream::connect(host("PROBE_HOST_PORT")).is_ok()),
    ("udp-route", || UdpSocket::bind("0.0.0.0:0").is_ok_and(|socket| socket.connect("192.0.2.1:9").is_ok())),
    ("routes", || fs::read_to_string("/proc/net/route").is_ok_and(|routes| routes.lines().count() > 1)),
    ("abstract-socket", abstract_socket),
    ("vsock", || socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    ("packet-socket", || socket(libc::AF_PACKET, libc::SOCK_RAW)),
    ("netlink-socket", || socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    ("raw-socket", || socket(libc::AF_INET, libc::SOCK_RAW)),
    ("see-supervisor", || fs::metadata(format!("/proc/{}", host("PROBE_HOST_PID"))).is_ok()),
    ("signal-supervisor", || call(libc::SYS_kill, [pid(), 0, 0, 0, 0]) == 0),
    ("signal-init", signal_init),
    ("environment-of-init", || reads("/proc/1/environ")),
    ("memory-of-init", || File::options().write(true).open("/proc/1/mem").is_ok()),
    ("ptrace", || call(libc::SYS_ptrace, [i64::from(libc::PTRACE_TRACEME), 0, 0, 0, 0]) == 0),
    ("ptrace-attach", || call(libc::SYS_ptrace, [i64::from(libc::PTRACE_ATTACH), 1, 0, 0, 0]) == 0),
    ("process-vm-read", || call(libc::SYS_process_vm_readv, [1, 0, 0, 0, 0]) == 0),
    ("mount", || call(libc::SYS_mount, [text(c"none"), text(c"/tmp"), text(c"tmpfs"), 0, 0]) == 0),
    ("new-mount-api", || call(libc::SYS_fsopen, [text(c"tmpfs"), 0, 0, 0, 0]) >= 0),
    ("unmount", || call(libc::SYS_umount2, [text(c"/tmp"), 2, 0, 0, 0]) == 0),
    ("chroot", || call(libc::SYS_chroot, [text(c"/tmp"), 0, 0, 0, 0]) == 0),
    ("pivot-root", || call(libc::SYS_pivot_root, [text(c"/tmp"), text(c"/tmp"), 0, 0, 0]) == 0),
    ("unshare-user", || call(libc::SYS_unshare, [i64::from(libc::CLONE_NEWUSER), 0, 0, 0, 0]) == 0),
    ("clone-user", clone_user),
    ("setns", || call(libc::SYS_setns, [0, 0, 0, 0, 0]) != -i64::from(libc::EPERM)),
    ("keyctl", || call(libc::SYS_keyctl, [0, -3, 1, 0, 0]) >= 0),
    ("bpf", || call(libc::SYS_bpf, [0, 0, 0, 0, 0]) != -i64::from(libc::EPERM)),
    ("perf", || call(libc::SYS_perf_event_open, [0, 0, -1, -1, 0]) != -i64::from(libc::EPERM)),
    ("io-uring", || call(libc::SYS_io_uring_setup, [1, 0, 0, 0, 0]) != -i64::from(libc::EPERM)),
    ("userfaultfd", || call(libc::SYS_userfaultfd, [0, 0, 0, 0, 0]) >= 0),
    ("open-by-handle", || call(libc::SYS_open_by_handle_at, [0, 0, 0, 0, 0]) != -i64::from(libc::EPERM)),
    ("mknod", mknod),
    ("core-pattern", || File::options().write(true).open("/proc/sys/kernel/core_pattern").is_ok()),
    ("sysrq", || File::options().write(true).open("/proc/sysrq-trigger").is_ok()),
    ("cgroup", || fs::read_dir("/sys/fs/cgroup").is_ok_and(|mut entries| entries.next().is_some())),
    ("dmesg", || call(libc::SYS_syslog, [3, 0, 0, 0, 0]) != -i64::from(libc::EPERM) || reads("/proc/kmsg")),
    ("set-uid", || call(libc::SYS_setuid, [0, 0, 0, 0, 0]) == 0 || status("Uid:").starts_with('0')),
    ("setuid-binary", setuid_binary),
    ("capabilities", || {
        ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"].iter().any(|name| has_bits(name))
    }),
    ("seccomp-mode", || status("Seccomp:") != "2"),
    ("x32", || call(0x4000_0000 + libc::SYS_getpid, [0; 5]) >= 0),
    ("inherited-descriptors", inherited),
    ("fork-2000", fork_many),
    ("allocate", allocate),
    ("fill-workspace", || fill("/work") > limit("PROBE_WORKSPACE_BYTES")),
    ("fill-tmp", || fill("/tmp") > limit("PROBE_TMP_BYTES")),
    ("many-files", many_files),
];

/// Runs one attack.
pub fn run(name: &str) -> ExitCode {
    let mut all = ATTACKS.iter().chain(opened::ATTACKS);
    let Some((_, attack)) = all.find(|(known, _)| *known == name) else {
        return ExitCode::from(2);
    };
    ExitCode::from(if attack() { ESCAPED } else { STOPPED })
}

/// Allocates memory and holds it until the process is killed.
pub fn hold(mebibytes: &str) -> ExitCode {
    let block = vec![1_u8; mebibytes.parse::<usize>().unwrap() << 20];
    loop {
        std::hint::black_box(&block);
        // SAFETY: waits for a signal.
        unsafe { libc::pause() };
    }
}

/// Sends text to a target through the proxy and prints the whole answer.
pub fn through(target: &str, text: &str) -> ExitCode {
    let mut proxy = TcpStream::connect(("127.0.0.1", sandbox::PROXY_PORT)).unwrap();
    if target.starts_with("http://") {
        write!(proxy, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    } else {
        write!(proxy, "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n{text}").unwrap();
        proxy.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let mut answer = String::new();
    proxy.read_to_string(&mut answer).unwrap();
    print!("{answer}");
    ExitCode::from(STOPPED)
}

/// Sends text to a port of the loopback and prints the answer, or `refused`.
pub fn ask(port: &str, text: &str) -> ExitCode {
    let mut answer = String::new();
    let to = if port.contains(':') { port.to_owned() } else { format!("127.0.0.1:{port}") };
    let asked = TcpStream::connect(to).and_then(|mut stream| {
        stream.write_all(text.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        stream.read_to_string(&mut answer)
    });
    print!("{}", asked.map_or("refused", |_| answer.as_str()));
    ExitCode::from(STOPPED)
}

pub fn host(variable: &str) -> String {
    std::env::var(variable).unwrap()
}

fn limit(variable: &str) -> u64 {
    host(variable).parse().unwrap()
}

fn pid() -> i64 {
    host("PROBE_HOST_PID").parse().unwrap()
}

fn reads(path: &str) -> bool {
    let mut byte = [0];
    File::open(path).is_ok_and(|mut file| file.read(&mut byte).is_ok_and(|count| count > 0))
}

fn writes(path: &str) -> bool {
    File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .is_ok_and(|mut file| file.write_all(b"x").is_ok())
}

pub fn text(text: &std::ffi::CStr) -> i64 {
    text.as_ptr() as i64
}

/// Makes a system call. Returns the negated error number if it fails.
pub fn call(number: c_long, arguments: [i64; 5]) -> i64 {
    let [a, b, c, d, e] = arguments;
    // SAFETY: attacks pass null or static pointers. A call that succeeds must not corrupt this process.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e) };
    if answer >= 0 { answer } else { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(1)) }
}

fn socket(domain: c_int, kind: c_int) -> bool {
    // SAFETY: a plain call.
    unsafe { libc::socket(domain, kind, 0) >= 0 }
}

fn abstract_socket() -> bool {
    use std::os::linux::net::SocketAddrExt as _;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(host("PROBE_ABSTRACT")).unwrap();
    std::os::unix::net::UnixStream::connect_addr(&address).is_ok()
}

/// Process 1 must ignore signals from inside. If it did not, this process would die with it, and the supervisor would
/// see a sandbox that ended without a report.
fn signal_init() -> bool {
    [libc::SIGKILL, libc::SIGTERM, libc::SIGSTOP].iter().any(|signal| {
        call(libc::SYS_kill, [1, i64::from(*signal), 0, 0, 0]);
        status("PPid:") != "1"
    })
}

fn clone_user() -> bool {
    let flags = i64::from(libc::CLONE_NEWUSER | libc::SIGCHLD);
    match call(libc::SYS_clone, [flags, 0, 0, 0, 0]) {
        0 => std::process::exit(0),
        answer => answer > 0,
    }
}

fn mknod() -> bool {
    let device = 1 << 8 | 3;
    let mode = i64::from(libc::S_IFCHR | 0o666);
    call(libc::SYS_mknodat, [i64::from(libc::AT_FDCWD), text(c"/tmp/null"), mode, device, 0]) == 0
}

fn status(name: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}

fn has_bits(name: &str) -> bool {
    u64::from_str_radix(&status(name), 16).unwrap() != 0
}

/// A setuid program of the host must not change the user, because of no_new_privs and nosuid on every mount.
fn setuid_binary() -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let loose = mounts
        .lines()
        .any(|line| !line.split(' ').nth(5).unwrap_or_default().split(',').any(|o| o == "nosuid"));
    status("NoNewPrivs:") != "1" || loose
}

/// Only the standard streams, and the descriptor that lists the directory, may be open.
fn inherited() -> bool {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.filter(|entry| entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()).is_none_or(|n| n > 2))
        .count()
        > 1
}

fn fork_many() -> bool {
    for _ in 0..2_000 {
        // SAFETY: the child only waits to be killed.
        match unsafe { libc::fork() } {
            -1 => return false,
            0 => loop {
                // SAFETY: waits for a signal.
                unsafe { libc::pause() };
            },
            _ => {}
        }
    }
    true
}

fn allocate() -> bool {
    let bytes = 1_500_000_000;
    // SAFETY: touched only within its bounds.
    let block = unsafe { libc::malloc(bytes) }.cast::<u8>();
    if block.is_null() {
        return false;
    }
    for at in (0..bytes).step_by(4096) {
        // SAFETY: `at` is below `bytes`.
        unsafe { block.add(at).write_volatile(1) };
    }
    // Holds the memory until the process is killed: the limit must also hold over time, not only at one moment.
    std::thread::sleep(std::time::Duration::from_secs(20));
    // SAFETY: it came from malloc.
    unsafe { libc::free(block.cast::<c_void>()) };
    true
}

/// Number of bytes that could be written below a directory.
fn fill(dir: &str) -> u64 {
    let block = vec![7; 1 << 20];
    let mut bytes = 0;
    for number in 0..10_000 {
        let Ok(mut file) = File::create(format!("{dir}/fill-{number}")) else { return bytes };
        for _ in 0..16 {
            match file.write(&block) {
                Ok(count) if count > 0 => bytes += count as u64,
                _ => return bytes,
            }
        }
    }
    bytes
}

fn many_files() -> bool {
    (0..1_000_000).all(|number| File::create(format!("/work/file-{number}")).is_ok())
}
