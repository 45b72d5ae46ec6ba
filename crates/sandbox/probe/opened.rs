//! Attacks through features that ordinary programs need, so that a step may use them: lists of interfaces, tracing by
//! leak checkers, System V IPC and message queues, the log's pipes, the script.

use std::fs::{self, File};
use std::io::Write as _;

use crate::attacks::{Attack, call, host, text};

/// All attacks. A result of `true` means that the attack succeeded.
pub const ATTACKS: &[(&str, Attack)] = &[
    ("netlink-other-families", || (1..32).any(|protocol| netlink(protocol) >= 0)),
    ("netlink-change-interface", change_interface),
    ("interfaces-of-the-host", || interfaces().iter().any(|name| name != "lo")),
    ("ptrace-seize", || with_child(|child| trace(SEIZE, child) == 0)),
    ("ptrace-write", || {
        with_child(|child| trace(ATTACH, child) == 0 && stops(child) && trace(POKE, child) == 0)
    }),
    ("ptrace-registers-write", || {
        with_child(|child| trace(ATTACH, child) == 0 && stops(child) && trace(SET_REGISTERS, child) == 0)
    }),
    ("descriptors-of-init", || fs::read_dir("/proc/1/fd").is_ok()),
    ("personality-executable", || call(libc::SYS_personality, [0x0040_0000, 0, 0, 0, 0]) >= 0),
    ("shared-memory-of-the-host", || {
        call(libc::SYS_shmget, [host("PROBE_SHARED_KEY").parse().unwrap(), 0, 0, 0, 0]) >= 0
    }),
    ("queue-of-the-host", queue_of_the_host),
    ("queues-past-their-limit", || (0..1_000).all(|number| queue(&format!("many-{number}"), true) >= 0)),
    ("write-script", || File::options().write(true).open(sandbox::SCRIPT).is_ok()),
    ("write-log-of-init", || File::options().write(true).open("/proc/1/fd/1").is_ok()),
    ("raise-shared-memory", || {
        File::options()
            .write(true)
            .open("/proc/sys/kernel/shmall")
            .is_ok_and(|mut file| file.write_all(b"1").is_ok())
    }),
    ("raise-host-name", || {
        File::options()
            .write(true)
            .open("/proc/sys/kernel/hostname")
            .is_ok_and(|mut file| file.write_all(b"x").is_ok())
    }),
    ("push-into-terminal", push_into_terminal),
    ("terminals-of-the-host", || fs::read_dir("/dev/pts").is_ok_and(|found| found.count() > 1)),
    ("real-time-priority", || {
        let priority = 1_i32;
        call(
            libc::SYS_sched_setscheduler,
            [0, i64::from(libc::SCHED_FIFO), (&raw const priority) as i64, 0, 0],
        ) == 0
    }),
    ("other-user", || {
        [0, 1, 65534].iter().any(|id| {
            call(libc::SYS_setresuid, [*id, *id, *id, 0, 0]) == 0
                || call(libc::SYS_setresgid, [*id, *id, *id, 0, 0]) == 0
        })
    }),
    ("other-groups", || call(libc::SYS_setgroups, [1, (&raw const GROUP_OF_ROOT) as i64, 0, 0, 0]) == 0),
    ("root-of-init", || fs::metadata("/proc/1/root/etc").is_ok()),
];

/// Opens a netlink socket of the kind that libraries use. Returns the negated error number if it fails.
fn netlink(protocol: i64) -> i64 {
    let kind = i64::from(libc::SOCK_RAW | libc::SOCK_CLOEXEC);
    call(libc::SYS_socket, [i64::from(libc::AF_NETLINK), kind, protocol, 0, 0])
}

/// Tries to take the loopback down (RTM_NEWLINK, rtnetlink(7)). The kernel's answer shows whether it worked.
fn change_interface() -> bool {
    let descriptor = netlink(0);
    if descriptor < 0 {
        return false;
    }
    let mut message = Vec::new();
    message.extend_from_slice(&32_u32.to_ne_bytes());
    message.extend_from_slice(&libc::RTM_NEWLINK.to_ne_bytes());
    message.extend_from_slice(&(libc::NLM_F_REQUEST as u16 | libc::NLM_F_ACK as u16).to_ne_bytes());
    message.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(&[0, 0, 0, 0]);
    message.extend_from_slice(&1_i32.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    message.extend_from_slice(&(libc::IFF_UP as u32).to_ne_bytes());
    let mut answer = [0_u8; 256];
    let sent = call(libc::SYS_sendto, [descriptor, message.as_ptr() as i64, message.len() as i64, 0, 0]);
    let read = call(libc::SYS_read, [descriptor, answer.as_mut_ptr() as i64, answer.len() as i64, 0, 0]);
    // NLMSG_ERROR with the error number, or 0 for success.
    let error = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
    sent > 0 && read >= 20 && error == 0
}

/// Names of the interfaces that getifaddrs(3) lists.
pub fn interfaces() -> Vec<String> {
    let mut first = std::ptr::null_mut();
    let mut names = Vec::new();
    // SAFETY: the list ends with null, and each name with NUL.
    unsafe {
        if libc::getifaddrs(&raw mut first) != 0 {
            return names;
        }
        let mut at = first;
        while let Some(interface) = at.as_ref() {
            names.push(std::ffi::CStr::from_ptr(interface.ifa_name).to_string_lossy().into_owned());
            at = interface.ifa_next;
        }
        libc::freeifaddrs(first);
    }
    names
}

fn trace(request: i64, pid: i64) -> i64 {
    call(libc::SYS_ptrace, [request, pid, 0, 0, 0])
}

fn stops(pid: i64) -> bool {
    // SAFETY: waits for a child of this process.
    unsafe { libc::waitpid(pid as i32, std::ptr::null_mut(), libc::__WALL) == pid as i32 }
}

/// Attacks a child that waits to be killed.
fn with_child(attack: impl Fn(i64) -> bool) -> bool {
    // SAFETY: the child only waits.
    match unsafe { libc::fork() } {
        0 => loop {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        },
        child => {
            let got = attack(i64::from(child));
            // SAFETY: a child of this process.
            unsafe { libc::kill(child, libc::SIGKILL) };
            got
        }
    }
}

/// Creates a segment of System V shared memory. Returns the negated error number if it fails.
pub fn shared_memory(bytes: i64) -> i64 {
    call(libc::SYS_shmget, [0, bytes, i64::from(libc::IPC_CREAT | 0o600), 0, 0])
}

/// Opens a message queue. Returns the negated error number if it fails.
pub fn queue(name: &str, make: bool) -> i64 {
    let name = std::ffi::CString::new(name).unwrap();
    let flags = i64::from(libc::O_RDWR | if make { libc::O_CREAT } else { 0 });
    call(libc::SYS_mq_open, [text(&name), flags, 0o600, 0, 0])
}

/// Pushes characters into the terminal, which the next program that reads from it would take for typed ones.
fn push_into_terminal() -> bool {
    // SAFETY: plain calls on a descriptor of this process.
    unsafe {
        let terminal = libc::posix_openpt(libc::O_RDWR);
        let pushed = libc::ioctl(terminal, libc::TIOCSTI, c"x".as_ptr());
        terminal >= 0 && pushed == 0
    }
}

fn queue_of_the_host() -> bool {
    queue(&host("PROBE_QUEUE"), false) >= 0
}

static GROUP_OF_ROOT: u32 = 0;
const ATTACH: i64 = 16;
const POKE: i64 = 4;
const SET_REGISTERS: i64 = 13;
const SEIZE: i64 = 0x4206;
