//! The processes that listen on a port of this host, as the kernel lists them (proc_net(5) and proc_pid_fd(5)).
//!
//! Invariant: a listener counts as a release's own only if every process that holds it, or may hold it, belongs to that
//! release. A process of this user can hide its descriptors (`PR_SET_DUMPABLE`, prctl(2)); then it may hold any socket.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use rustix::process::geteuid;

/// A listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Its address.
    pub address: SocketAddr,
    /// The socket's number, by which descriptors name it.
    pub inode: u64,
    /// The user whose process made it.
    pub user: u32,
}

/// Every socket that listens on a port.
///
/// # Errors
/// When the kernel does not show its listeners, so that nobody takes a missing list for a free port.
pub fn on_port(port: u16) -> io::Result<Vec<Listening>> {
    Ok(all()?.into_iter().filter(|listening| listening.address.port() == port).collect())
}

/// Ports at which something listens for other hosts.
///
/// # Errors
/// When the kernel does not show its listeners, so that nobody takes a missing list for an empty one.
pub fn open_ports() -> io::Result<BTreeSet<u16>> {
    let open = all()?.into_iter().filter(|listening| !listening.address.ip().to_canonical().is_loopback());
    Ok(open.map(|listening| listening.address.port()).collect())
}

fn all() -> io::Result<Vec<Listening>> {
    let mut all = table(TABLES[0])?;
    match table(TABLES[1]) {
        Ok(found) => all.extend(found),
        // A kernel without IPv6 has none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(all)
}

/// The listeners of a table. The rest of it is not read: a busy host has tens of thousands of other sockets.
fn table(path: &str) -> io::Result<Vec<Listening>> {
    listed(BufReader::with_capacity(PAGE_BYTES, fs::File::open(path)?))
}

/// Tables of listeners, by IPv4 and by IPv6.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// The number of a listener's socket.
pub fn inode_of(listener: &TcpListener) -> Option<u64> {
    inode(&fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).ok()?.to_string_lossy())
}

/// The processes that hold a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Processes that hold it.
    pub seen: BTreeSet<u32>,
    /// Processes of this user that may hold it: they hide their descriptors, and are no older than this process.
    pub hidden: BTreeSet<u32>,
}

/// Processes that hold a socket, or may. An agent starts processes of another user only if it may look into all of them
/// (`ServiceUser`); so one that it must not look into is not its own, unless it belongs to this user.
pub fn holders(socket: u64) -> Holders {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut found = Holders::default();
    for pid in pids.filter_map(|item| item.file_name().to_str()?.parse::<u32>().ok()) {
        match holds(pid, socket) {
            Ok(true) => drop(found.seen.insert(pid)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && may_be_left(pid) => {
                found.hidden.insert(pid);
            }
            // A process that has ended holds nothing.
            Ok(false) | Err(_) => {}
        }
    }
    found
}

fn holds(pid: u32, socket: u64) -> io::Result<bool> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    for item in descriptors {
        match fs::read_link(item.path()) {
            Ok(link) if inode(&link.to_string_lossy()) == Some(socket) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            // The descriptor was closed meanwhile.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(false)
}

/// Whether a process may come from a release: it belongs to this user, is no older than this process, and has no ancestor
/// that is older or of another user. The kernel gives an orphan to init or to an ancestor of this process.
fn may_be_left(pid: u32) -> bool {
    if has_ended(pid) {
        return false;
    }
    let (user, own) = (geteuid().as_raw(), std::process::id());
    let mut above = BTreeSet::from([0]);
    let mut at = Some(own);
    while let Some(pid) = at.filter(|pid| above.insert(*pid)) {
        at = parent(pid);
    }
    let mut at = pid;
    for _ in 0..DEPTH_MAX {
        if !is_of(at, user) || begun(at) < begun(own) {
            return false;
        }
        match parent(at) {
            Some(next) if !above.contains(&next) => at = next,
            found => return found.is_some(),
        }
    }
    true
}

/// Whether a process is a zombie. The kernel shows its directory only to root, although it holds nothing any more.
fn has_ended(pid: u32) -> bool {
    field(pid, 3).is_none_or(|state| ["Z", "X"].contains(&state.as_str()))
}

/// Whether a process has a user's rights. The directory of a process that hides belongs to root; this file is always right
/// (proc_pid_status(5)).
fn is_of(pid: u32, user: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    users.split_whitespace().any(|found| found.parse() == Ok(user))
}

fn parent(pid: u32) -> Option<u32> {
    field(pid, 4)?.parse().ok()
}

/// Start time of a process, in ticks since the system's start; `None` if it has ended.
fn begun(pid: u32) -> Option<u64> {
    field(pid, 22)?.parse().ok()
}

/// A field of the kernel's line about a process, counted from one (proc_pid_stat(5)). The second may contain any text.
fn field(pid: u32, number: usize) -> Option<String> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    line.rsplit_once(')')?.1.split_whitespace().nth(number.checked_sub(3)?).map(str::to_owned)
}

/// Ports on which these processes listen, for messages.
pub fn ports_of(pids: &[u32]) -> BTreeSet<u16> {
    let descriptors = pids.iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok());
    let links = descriptors.flatten().flatten().filter_map(|item| fs::read_link(item.path()).ok());
    let held: BTreeSet<u64> = links.filter_map(|link| inode(&link.to_string_lossy())).collect();
    let all = all().unwrap_or_default().into_iter().filter(|listening| held.contains(&listening.inode));
    all.map(|listening| listening.address.port()).collect()
}

/// A description of a process, for messages.
pub fn name_of(pid: u32) -> String {
    let line = begin_of(Path::new(&format!("/proc/{pid}/cmdline")));
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let short: String = line.trim().chars().take(NAME_CHARS_MAX).collect();
    format!("process {pid} (`{short}`)")
}

/// The beginning of a file that another process chooses. Each process tells the kernel itself where its variables and arguments are, and
/// may name a hundred gigabytes of nothing (`PR_SET_MM_MAP`, prctl(2)).
pub fn begin_of(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A process that has ended or belongs to another user shows nothing.
    let read = fs::File::open(file).and_then(|file| file.take(CHOSEN_BYTES_MAX).read_to_end(&mut bytes));
    if read.is_err() {
        bytes.clear();
    }
    bytes
}

/// A description of the program that listens on a port, for messages.
pub fn who_listens(port: u16) -> String {
    let found = on_port(port).unwrap_or_default();
    let holders: Vec<_> = found.iter().flat_map(|one| holders(one.inode).seen).collect();
    match (holders.first(), found.first()) {
        (Some(pid), _) => name_of(*pid),
        (None, Some(listening)) => format!("a process of user {}", listening.user),
        (None, None) => "a process that this agent cannot see".into(),
    }
}

fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Reads the listeners of a table of TCP sockets, up to the first socket of another sort: the kernel lists all listeners first
/// (<https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html>). Addresses are numbers in the host's byte order.
fn listed(table: impl BufRead) -> io::Result<Vec<Listening>> {
    let mut found = Vec::new();
    for line in table.lines().skip(1) {
        let line = line?;
        let fields: Vec<_> = line.split_whitespace().collect();
        if fields.get(3).is_some_and(|state| *state != LISTEN) {
            break;
        }
        found.extend(listening(&fields));
    }
    Ok(found)
}

fn listening(fields: &[&str]) -> Option<Listening> {
    let (address, port) = fields.get(1)?.split_once(':')?;
    Some(Listening {
        address: SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?),
        inode: fields.get(9)?.parse().ok()?,
        user: fields.get(7)?.parse().ok()?,
    })
}

fn ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    if text.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let words: Vec<u8> = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?).into())
}

const LISTEN: &str = "0A";
/// The kernel makes a table page by page.
const PAGE_BYTES: usize = 4096;
const NAME_CHARS_MAX: usize = 120;
/// More than a kernel gives the variables of a new process.
const CHOSEN_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Deeper than any chain of processes.
const DEPTH_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_of_this_process_is_found_with_its_holder() {
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            // A host without IPv6 does not have this address.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let at = listener.local_addr().unwrap();
            let found = on_port(at.port()).unwrap();
            let own = inode_of(&listener).unwrap();
            let one = found.iter().find(|one| one.inode == own).unwrap();
            assert_eq!(one.address, at);
            let holders = holders(own);
            assert!(holders.seen.contains(&std::process::id()));
            assert!(!holders.hidden.contains(&std::process::id()));
            assert!(!who_listens(at.port()).is_empty());
            assert!(ports_of(&[std::process::id()]).contains(&at.port()));
        }
    }

    #[test]
    fn what_is_older_or_of_another_user_or_above_was_left_by_nobody() {
        let own = std::process::id();
        assert!(is_of(own, geteuid().as_raw()) && !is_of(own, geteuid().as_raw() + 1));
        assert_eq!(parent(own), Some(std::os::unix::process::parent_id()));
        assert!(begun(1) <= begun(own) && begun(1).is_some());
        assert!(!may_be_left(1));
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(may_be_left(child.id()));
        child.kill().unwrap();
        while !has_ended(child.id()) {
            std::thread::yield_now();
        }
        assert!(!may_be_left(child.id()), "nobody has asked how it ended");
        child.wait().unwrap();
        assert!(!may_be_left(child.id()), "it has ended");
    }

    /// Any process of the host can be without end to an agent that is root, at each start of a release and at each return.
    #[test]
    fn attack_variables_without_end_fill_no_memory() {
        assert_eq!(begin_of(Path::new("/dev/zero")).len() as u64, CHOSEN_BYTES_MAX);
        assert!(begin_of(Path::new("/proc/self/none")).is_empty());
    }

    #[test]
    fn lines_that_are_none_are_left_out() {
        let table = "head\n\n0: zz:1F90 00000000:0000 0A 0 0 0 0 0 7 1\n 1: 0100007F:1F90 x 0A 0 0 0 0\n";
        assert_eq!(listed(table.as_bytes()).unwrap(), []);
    }

    #[test]
    fn listeners_stand_before_all_connections_and_those_are_not_read() {
        let line =
            |port: &str, state: &str| format!("0: 0100007F:{port} 00000000:0000 {state} 0 0 0 0 0 7 1\n");
        let text = ["head\n".into(), line("0001", "0A"), line("0002", "0A"), line("0003", "01")].concat();
        let rest = io::repeat(b'x').chain(io::empty());
        let found = listed(BufReader::new(text.as_bytes().chain(rest))).unwrap();
        assert_eq!(found.iter().map(|one| one.address.port()).collect::<Vec<_>>(), [1, 2]);
        // The kernel of this host does so: beside connections, and those that have ended, no listener is missed.
        let early = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected: Vec<_> =
            (0..100).map(|_| std::net::TcpStream::connect(early.local_addr().unwrap()).unwrap()).collect();
        let late = TcpListener::bind("127.0.0.1:0").unwrap();
        for listener in [&early, &late] {
            let port = listener.local_addr().unwrap().port();
            assert_eq!(on_port(port).unwrap().len(), 1, "{port}");
        }
        drop(connected);
    }
}
