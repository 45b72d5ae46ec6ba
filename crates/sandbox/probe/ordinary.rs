//! Things that ordinary programs do, and that must work in a step.

use std::fs::File;
use std::io::Write as _;
use std::net::ToSocketAddrs as _;
use std::process::{Command, ExitCode};

use crate::attacks::call;
use crate::opened::{interfaces, queue, shared_memory};
use crate::{ESCAPED, STOPPED};

type Deed = fn() -> bool;

const DEEDS: &[(&str, Deed)] = &[
    ("/dev/stdout is opened and written", || writes("/dev/stdout", false)),
    ("/dev/stderr is opened and appended to", || writes("/dev/stderr", true)),
    ("/proc/self/fd/1 is opened and appended to", || writes("/proc/self/fd/1", true)),
    ("interfaces are listed", || interfaces().contains(&"lo".to_owned())),
    ("its own name leads to the loopback", || {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        (name.trim(), 1).to_socket_addrs().is_ok_and(|mut found| found.any(|to| to.ip().is_loopback()))
    }),
    ("an unknown call is not there", || call(999, [0; 5]) == -i64::from(libc::ENOSYS)),
    ("a new call is not there", || call(libc::SYS_clone3, [0; 5]) == -i64::from(libc::ENOSYS)),
    ("another family of sockets is not there", || {
        let socket = call(libc::SYS_socket, [i64::from(libc::AF_VSOCK), 1, 0, 0, 0]);
        socket == -i64::from(libc::EAFNOSUPPORT)
    }),
    ("attributes of files are not there", || {
        call(libc::SYS_setxattr, [0; 5]) == -i64::from(libc::EOPNOTSUPP)
    }),
    ("shared memory is had", || shared_memory(4096) >= 0),
    ("semaphores are had", || call(libc::SYS_semget, [0, 1, 0o600, 0, 0]) >= 0),
    ("message queues are had", || {
        call(libc::SYS_msgget, [0, 0o600, 0, 0, 0]) >= 0 && queue("ordinary", true) >= 0
    }),
    ("addresses need not be drawn", || call(libc::SYS_personality, [0x0004_0000, 0, 0, 0, 0]) == 0),
    ("more is mapped than there is memory", || {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping that is never touched. Sanitizers and garbage collectors make such mappings.
        let mapped = unsafe { libc::mmap(std::ptr::null_mut(), 1 << 42, protection, flags, -1, 0) };
        mapped != libc::MAP_FAILED
    }),
    ("links are made", || {
        std::os::unix::fs::symlink("../lib/x.js", "/work/bin-link").is_ok()
            && std::fs::hard_link("/work/token", "/work/token-too").is_ok()
    }),
    ("a terminal is had", || {
        // SAFETY: plain calls on a descriptor of this process.
        unsafe {
            let terminal = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY);
            terminal >= 0 && libc::grantpt(terminal) == 0 && libc::unlockpt(terminal) == 0
        }
    }),
    ("privileges are dropped by who has none", || {
        call(libc::SYS_setresuid, [1000, 1000, 1000, 0, 0]) == 0
            && call(libc::SYS_setresgid, [1000, 1000, 1000, 0, 0]) == 0
    }),
    ("priority is lowered", || {
        let none = 0_i32;
        call(libc::SYS_sched_setscheduler, [0, i64::from(libc::SCHED_BATCH), (&raw const none) as i64, 0, 0])
            == 0
    }),
    ("/var/tmp is there", || std::fs::write("/var/tmp/x", "x").is_ok()),
    ("accounts have names", || {
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        ["root:", "build:", "nobody:"].iter().all(|user| users.contains(user))
    }),
    ("a program of many arguments starts", || {
        Command::new("/bin/true").arg("x".repeat(100_000)).status().is_ok_and(|status| status.success())
    }),
];

/// Does all of them and prints the names of those that fail.
pub fn all() -> ExitCode {
    let mut good = true;
    for (name, deed) in DEEDS {
        if !deed() {
            good = false;
            println!("does not work: {name}: {}", std::io::Error::last_os_error());
        }
    }
    ExitCode::from(if good { STOPPED } else { ESCAPED })
}

fn writes(path: &str, append: bool) -> bool {
    let opened = File::options().write(true).create(true).truncate(!append).append(append).open(path);
    opened.is_ok_and(|mut file| file.write_all(b".").is_ok())
}
