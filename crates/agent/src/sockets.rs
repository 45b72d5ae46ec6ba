//! Who listens on a port of this host, as the kernel lists it (proc_net(5) and proc_pid_fd(5)).
//!
//! Invariant: a listener counts as a release's own only when every process that holds it was found and is one of
//! that release. A process whose descriptors cannot be read is of another user and thus never of a release.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    /// The socket's number, by which descriptors name it.
    pub inode: u64,
    /// The user whose process made it.
    pub user: u32,
}

/// Every socket that listens on a port.
pub fn on_port(port: u16) -> Vec<Listening> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .flat_map(|table| listed(&fs::read_to_string(table).unwrap_or_default()))
        .filter(|listening| listening.address.port() == port)
        .collect()
}

/// The number of a listener's socket.
pub fn inode_of(listener: &TcpListener) -> Option<u64> {
    inode(&fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).ok()?.to_string_lossy())
}

/// Processes that hold a socket, as far as this user may see.
pub fn holders(socket: u64) -> BTreeSet<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|item| item.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors
            .filter_map(|item| fs::read_link(item.path()).ok())
            .any(|link| inode(&link.to_string_lossy()) == Some(socket))
    })
    .collect()
}

/// What people call a process.
pub fn name_of(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let short: String = line.trim().chars().take(NAME_CHARS_MAX).collect();
    format!("process {pid} (`{short}`)")
}

/// Who is in the way on a port, in words.
pub fn who_listens(port: u16) -> String {
    let found = on_port(port);
    let holders: Vec<_> = found.iter().flat_map(|one| holders(one.inode)).collect();
    match (holders.first(), found.first()) {
        (Some(pid), _) => name_of(*pid),
        (None, Some(listening)) => format!("a process of user {}", listening.user),
        (None, None) => "a process that this agent cannot see".into(),
    }
}

fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Reads a table of TCP sockets; addresses stand in it as numbers in the host's own byte order.
fn listed(table: &str) -> Vec<Listening> {
    let one = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (local, state) = (fields.get(1)?, fields.get(3)?);
        let (address, port) = local.split_once(':')?;
        (*state == LISTEN).then_some(())?;
        Some(Listening {
            address: SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?),
            inode: fields.get(9)?.parse().ok()?,
            user: fields.get(7)?.parse().ok()?,
        })
    };
    table.lines().skip(1).filter_map(one).collect()
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
const NAME_CHARS_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_of_this_process_is_found_with_its_holder() {
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
            // A host without IPv6 has no such address.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let at = listener.local_addr().unwrap();
            let found = on_port(at.port());
            let own = inode_of(&listener).unwrap();
            let one = found.iter().find(|one| one.inode == own).unwrap();
            assert_eq!(one.address, at);
            assert!(holders(own).contains(&std::process::id()));
            assert!(!who_listens(at.port()).is_empty());
        }
    }

    #[test]
    fn lines_that_are_none_are_left_out() {
        assert_eq!(listed("head\n\n0: zz:1F90 00000000:0000 0A 0 0 0 0 0 7 1\n 1: 0100007F:1F90 x 01\n"), []);
    }
}
