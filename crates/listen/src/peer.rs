//! The peer of a connection, as the kernel knows it: the user of a process on this machine, or an address.
//!
//! Invariant: over a Unix socket the kernel vouches for the user (`SO_PEERCRED`), so rights may depend on it. Over TCP
//! the user is looked up by the socket at the other end. That is good enough to count slots, but no right may depend
//! on it.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use rustix::fd::OwnedFd;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};
use rustix::process::geteuid;
use tokio::net::UnixStream;

/// The account under which slots are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// A user of this machine.
    User(u32),
    /// An address of IPv4, or a network of IPv6, if the user is unknown.
    Address(IpAddr),
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The account under which its slot is counted.
    pub account: Account,
    /// The user that the kernel vouches for. Only set over a Unix socket.
    pub(crate) vouched: Option<u32>,
    /// Whether the connection began with the handshake of TLS, so that it may come from another machine.
    tls: bool,
}

impl Peer {
    /// The peer of a connection over a Unix socket.
    ///
    /// # Errors
    /// When the kernel does not tell the user.
    pub fn local(stream: &UnixStream) -> io::Result<Self> {
        let uid = stream.peer_cred()?.uid();
        Ok(Self { account: Account::User(uid), vouched: Some(uid), tls: false })
    }

    /// The peer of a connection over TCP.
    #[must_use]
    pub fn remote(finder: &Finder, theirs: SocketAddr, ours: SocketAddr) -> Self {
        let user = if theirs.ip().is_loopback() { finder.user(theirs, ours) } else { None };
        let account = user.map_or_else(|| Account::Address(subscriber(theirs.ip())), Account::User);
        Self { account, vouched: None, tls: false }
    }

    /// A peer that the kernel does not vouch for.
    #[must_use]
    pub const fn of(account: Account) -> Self {
        Self { account, vouched: None, tls: false }
    }

    /// The same peer over TLS.
    #[must_use]
    pub const fn over_tls(self) -> Self {
        Self { tls: true, ..self }
    }

    /// Whether the connection came over TLS. A right of everybody on this machine does not hold for it.
    #[must_use]
    pub const fn is_over_tls(&self) -> bool {
        self.tls
    }

    /// Whether the peer connected over a Unix socket.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.vouched.is_some()
    }

    /// Whether the kernel vouches for this process's own user or for root.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.vouched.is_some_and(is_own)
    }

    /// Whether the peer may use the slots that are reserved for this process's own user and root. No right depends on
    /// this.
    #[must_use]
    pub fn has_reserve(&self) -> bool {
        matches!(self.account, Account::User(uid) if is_own(uid))
    }
}

/// The address by which slots are counted. Of IPv6 it is the network: a host has 2^64 addresses in it for nothing
/// (<https://www.rfc-editor.org/rfc/rfc4291#section-2.5.4>). An IPv4 address in the form of IPv6 is the IPv4 address.
fn subscriber(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & HOSTS_NETWORK)),
        other => other,
    }
}

fn is_own(uid: u32) -> bool {
    // Asked once: for each newcomer this is asked of every connection.
    static OWN: LazyLock<u32> = LazyLock::new(|| geteuid().as_raw());
    uid == 0 || uid == *OWN
}

/// Finds the user of a socket on this machine with `NETLINK_SOCK_DIAG` (sock_diag(7)): one query for one socket. The
/// alternative, `/proc/net/tcp`, would have to be read completely for each connection.
#[derive(Debug)]
pub struct Finder(Option<OwnedFd>);

impl Finder {
    /// Opens the netlink socket. If the system does not allow it, connections are counted by address.
    #[must_use]
    pub fn open() -> Self {
        let opened =
            socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(SOCK_DIAG));
        Self(opened.ok())
    }

    /// The user of the connected socket at `theirs` that leads to `ours`.
    fn user(&self, theirs: SocketAddr, ours: SocketAddr) -> Option<u32> {
        let netlink = self.0.as_ref()?;
        let mut answer = [0; ANSWER_BYTES];
        // Drops late answers to earlier queries.
        while recv(netlink, &mut answer, RecvFlags::DONTWAIT).is_ok() {}
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(netlink, &question(theirs, ours), SendFlags::empty(), &kernel).ok()?;
        // The kernel answers before `sendto` returns.
        let (length, _) = recv(netlink, &mut answer, RecvFlags::DONTWAIT).ok()?;
        user_in(answer.get(..length)?)
    }
}

/// Encodes `struct nlmsghdr` and `struct inet_diag_req_v2` for one connected socket.
fn question(theirs: SocketAddr, ours: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(QUESTION_BYTES);
    bytes.extend(u32::try_from(QUESTION_BYTES).unwrap_or_default().to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    let family = if theirs.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    bytes.extend([u8::try_from(family.as_raw()).unwrap_or_default(), IPPROTO_TCP, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(theirs.port().to_be_bytes());
    bytes.extend(ours.port().to_be_bytes());
    bytes.extend(address(theirs.ip()));
    bytes.extend(address(ours.ip()));
    bytes.extend([0; 4]);
    bytes.extend([0xff; 8]);
    bytes
}

fn address(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// `idiag_uid` of an answer. A closing or listening socket is ignored: its answer may name another user, or root.
fn user_in(answer: &[u8]) -> Option<u32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let state = *answer.get(HEADER_BYTES + 1)?;
    let uid = answer.get(UID_AT..UID_AT + 4)?.try_into().ok()?;
    (kind == SOCK_DIAG_BY_FAMILY && state == TCP_ESTABLISHED).then(|| u32::from_ne_bytes(uid))
}

/// The first 64 bits of an address.
const HOSTS_NETWORK: u128 = !0 << 64;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const IPPROTO_TCP: u8 = 6;
const TCP_ESTABLISHED: u8 = 1;
/// Size of `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
const QUESTION_BYTES: usize = HEADER_BYTES + 56;
/// Offset of the user id: after four bytes, the identity of the socket, and three counters.
const UID_AT: usize = HEADER_BYTES + 4 + 48 + 12;
const ANSWER_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::{Account, Finder, Peer, is_own, subscriber};

    #[tokio::test]
    async fn the_user_at_the_other_end_of_a_loopback_connection_is_found() {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let listener = tokio::net::TcpListener::bind(at).await.unwrap();
            let ours = listener.local_addr().unwrap();
            let client = tokio::net::TcpStream::connect(ours).await.unwrap();
            let (_accepted, theirs) = listener.accept().await.unwrap();
            let finder = Finder::open();
            let peer = Peer::remote(&finder, theirs, ours);
            assert_eq!(peer.account, Account::User(rustix::process::geteuid().as_raw()), "{at}");
            assert!(!peer.is_owner(), "no right rests on what was found for TCP");
            drop(client);
            let gone = Peer::remote(&finder, theirs, ours);
            assert_eq!(gone.account, Account::Address(theirs.ip()), "a closing socket names nobody");
            let none = Peer::remote(&Finder(None), theirs, ours);
            assert_eq!(none.account, Account::Address(theirs.ip()));
        }
    }

    /// Nobody gets more slots by more addresses that cost nothing.
    #[test]
    fn attack_addresses_of_one_network_are_one_account() {
        let at = |text: &str| subscriber(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("::ffff:192.0.2.1"), at("::ffff:192.0.2.2"));
    }

    #[test]
    fn the_kernel_vouches_over_a_unix_socket() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let (one, _other) = tokio::net::UnixStream::pair().unwrap();
        assert!(Peer::local(&one).unwrap().is_owner());
        let stranger = Peer { account: Account::User(65_534), vouched: Some(65_534), tls: false };
        assert_eq!(stranger.is_owner(), is_own(65_534));
    }
}
