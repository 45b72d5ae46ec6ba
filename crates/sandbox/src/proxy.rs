//! The way out of a sandbox: an HTTP proxy that the supervisor runs. Its listener is inside the step's network
//! namespace, and the step's init passes it to the supervisor. The sandbox itself has no route and no name resolution.
//!
//! Invariant: only destinations that the pipeline names by host and port are reached, and of those only addresses that
//! the runner's operator allows (`egress`). A name is resolved once, and the proxy connects to the address that was
//! judged. Reached and refused destinations are recorded. The proxy deliberately does not decrypt TLS: it knows only
//! host, port and byte counts. A second listener may lead to one service of the host, and others to one destination each
//! (`connect`): their connections go there, whatever they say.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use crate::destination::Destination;
use crate::egress::Egress;
use crate::spec::{Reached, Refused};

/// Destinations that were reached or refused.
#[derive(Debug, Default)]
pub struct Traffic {
    reached: BTreeMap<Destination, (u64, u64)>,
    refused: BTreeMap<Destination, String>,
    open: BTreeMap<u64, [TcpStream; 2]>,
    opened: u64,
    connections: usize,
    stopped: bool,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy<'a> {
    named: &'a [Destination],
    egress: &'a Egress,
    traffic: Mutex<Traffic>,
}

impl<'a> Proxy<'a> {
    /// A proxy for a step that names these destinations, under the rules of the operator.
    pub const fn new(named: &'a [Destination], egress: &'a Egress) -> Self {
        let traffic = Traffic {
            reached: BTreeMap::new(),
            refused: BTreeMap::new(),
            open: BTreeMap::new(),
            opened: 0,
            connections: 0,
            stopped: false,
        };
        Self { named, egress, traffic: Mutex::new(traffic) }
    }

    /// Serves until the other end of `stop` is closed, then cuts all open connections.
    pub fn serve(&self, listener: OwnedFd, stop: &UnixStream) {
        self.accept(listener, stop, |client| self.answer(client));
    }

    /// Leads each connection to this port of the host's loopback, until the other end of `stop` is closed.
    pub fn serve_port(&self, listener: OwnedFd, stop: &UnixStream, port: u16) {
        let to = || Destination { host: Ipv4Addr::LOCALHOST.to_string(), port };
        self.accept(listener, stop, |client| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(upstream) => self.tunnel(&Request { to: to(), forward: None }, &client, &upstream),
                Err(error) => self.refuse(to(), format!("the service does not answer: {error}")),
            }
        });
    }

    /// Leads each connection to this destination, as far as the operator allows it, until the other end of `stop` is closed.
    pub fn serve_to(&self, listener: OwnedFd, stop: &UnixStream, to: &Destination) {
        self.accept(listener, stop, |client| match self.connect_judged(to) {
            Ok(upstream) => self.tunnel(&Request { to: to.clone(), forward: None }, &client, &upstream),
            Err(Unreached::Refused(why)) => self.refuse(to.clone(), why),
            Err(Unreached::Failed(error)) => self.refuse(to.clone(), format!("it does not answer: {error}")),
        });
    }

    fn accept(&self, listener: OwnedFd, stop: &UnixStream, answer: impl Fn(TcpStream) + Sync) {
        let answer = &answer;
        let listener = TcpListener::from(listener);
        std::thread::scope(|scope| {
            while wait(&listener, stop) {
                let Ok((client, _)) = listener.accept() else { continue };
                if self.traffic().connections >= CONNECTIONS_MAX {
                    drop(client);
                    continue;
                }
                self.traffic().connections += 1;
                let answering = std::thread::Builder::new().spawn_scoped(scope, || {
                    answer(client);
                    self.traffic().connections -= 1;
                });
                // If no further thread can be started, the step loses this connection only.
                if answering.is_err() {
                    self.traffic().connections -= 1;
                }
            }
            let mut traffic = self.traffic();
            traffic.stopped = true;
            for stream in traffic.open.values().flatten() {
                drop(stream.shutdown(Shutdown::Both));
            }
        });
    }

    /// Reached and refused destinations, each list sorted.
    pub fn record(&self) -> (Vec<Reached>, Vec<Refused>) {
        let traffic = self.traffic();
        let reached = traffic.reached.iter().map(|(to, (sent, received))| Reached {
            host: to.host.clone(),
            port: to.port,
            sent: *sent,
            received: *received,
        });
        let refused = traffic.refused.iter().map(|(to, why)| Refused { to: to.clone(), why: why.clone() });
        (reached.collect(), refused.collect())
    }

    fn answer(&self, mut client: TcpStream) {
        drop(client.set_read_timeout(Some(HEAD_TIMEOUT)));
        let Ok(head) = read_head(&mut client) else { return };
        let Some(request) = parse(&head) else {
            return reply(
                &mut client,
                "400 Bad Request",
                "this proxy takes CONNECT host:port, or http:// requests",
            );
        };
        let upstream = match self.connect(&request.to) {
            Ok(upstream) => upstream,
            Err(Unreached::Refused(why)) => {
                let what = format!("{} is refused: {why}", request.to);
                self.refuse(request.to, why);
                return reply(&mut client, "403 Forbidden", &what);
            }
            Err(Unreached::Failed(error)) => {
                let what = format!("cannot connect to {}: {error}", request.to);
                return reply(&mut client, "502 Bad Gateway", &what);
            }
        };
        drop(client.set_read_timeout(None));
        let greeted = match &request.forward {
            None => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n"),
            Some(head) => (&upstream).write_all(head),
        };
        if greeted.is_ok() {
            self.tunnel(&request, &client, &upstream);
        }
    }

    fn connect(&self, to: &Destination) -> Result<TcpStream, Unreached> {
        if !self.named.contains(to) {
            return Err(Unreached::Refused("it is not among the step's `network` destinations".into()));
        }
        self.connect_judged(to)
    }

    /// Connects to the first address that answers, out of a few. A name with many dead addresses must not delay the end
    /// of its step.
    fn connect_judged(&self, to: &Destination) -> Result<TcpStream, Unreached> {
        let mut answer = io::Error::other("its name leads to no address");
        for address in self.judged(to)?.into_iter().take(ADDRESSES_MAX) {
            if self.traffic().stopped {
                return Err(Unreached::Failed(io::ErrorKind::Interrupted.into()));
            }
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return Ok(stream),
                Err(error) => answer = error,
            }
        }
        Err(Unreached::Failed(answer))
    }

    /// Addresses of a destination that may be reached. Refused if the name has addresses but none of them may be
    /// reached.
    fn judged(&self, to: &Destination) -> Result<Vec<SocketAddr>, Unreached> {
        let addresses = (to.host.as_str(), to.port).to_socket_addrs().map_err(Unreached::Failed)?;
        let mut good = Vec::new();
        let mut denied = None;
        for address in addresses {
            match self.egress.judge(to, address.ip()) {
                Ok(()) => good.push(address),
                Err(why) => denied = denied.or(Some(why)),
            }
        }
        match denied {
            Some(denied) if good.is_empty() => Err(Unreached::Refused(denied.to_string())),
            _ => Ok(good),
        }
    }

    /// Copies in both directions until both sides have ended, and counts the bytes.
    fn tunnel(&self, request: &Request, client: &TcpStream, upstream: &TcpStream) {
        let Some(number) = self.register(client, upstream) else { return };
        let forwarded = request.forward.as_ref().map_or(0, Vec::len) as u64;
        let (sent, received) = std::thread::scope(|scope| {
            let sending = scope.spawn(|| copy(client, upstream));
            let received = copy(upstream, client);
            (sending.join().unwrap_or(0) + forwarded, received)
        });
        let mut traffic = self.traffic();
        let sums = traffic.reached.entry(request.to.clone()).or_default();
        sums.0 += sent;
        sums.1 += received;
        traffic.open.remove(&number);
    }

    /// Registers two streams to be cut at the stop. `None` if the stop has already come, so that no connection remains.
    fn register(&self, client: &TcpStream, upstream: &TcpStream) -> Option<u64> {
        let both = [client.try_clone().ok()?, upstream.try_clone().ok()?];
        let mut traffic = self.traffic();
        if traffic.stopped {
            return None;
        }
        traffic.opened += 1;
        let number = traffic.opened;
        traffic.open.insert(number, both);
        Some(number)
    }

    fn refuse(&self, to: Destination, why: String) {
        let mut traffic = self.traffic();
        if traffic.refused.len() < REFUSED_MAX {
            traffic.refused.entry(to).or_insert(why);
        }
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reasons why there is no connection.
enum Unreached {
    /// The connection is not allowed.
    Refused(String),
    /// The connection failed.
    Failed(io::Error),
}

/// Target of a request. For `http://` requests also the head to send to the server.
struct Request {
    to: Destination,
    forward: Option<Vec<u8>>,
}

/// Waits for a connection. Returns `false` when it is time to stop.
fn wait(listener: &TcpListener, stop: &UnixStream) -> bool {
    loop {
        let (listening, stopping) = (listener.as_fd(), stop.as_fd());
        let mut fds = [PollFd::new(&listening, PollFlags::IN), PollFd::new(&stopping, PollFlags::IN)];
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
            Ok(_) => {
                let [listening, stopping] = fds;
                if !stopping.revents().is_empty() {
                    return false;
                }
                if !listening.revents().is_empty() {
                    return true;
                }
            }
        }
    }
}

/// Reads up to the blank line and no byte more, because the following bytes belong to the tunnel.
fn read_head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES_MAX || client.read(&mut byte)? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&byte);
    }
    Ok(head)
}

/// Parses `CONNECT host:port HTTP/1.1` (<https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6>) or an absolute-form
/// `http://` request. The `Host` of the latter is replaced by the target's
/// (<https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2>), so that no other site of the same server is reached.
fn parse(head: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(head).ok()?;
    let (line, rest) = text.split_once("\r\n")?;
    if line.contains(|c: char| !c.is_ascii_graphic() && c != ' ') {
        return None;
    }
    let mut words = line.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !matches!(version, "HTTP/1.0" | "HTTP/1.1") {
        return None;
    }
    if method == "CONNECT" {
        return Some(Request { to: target.parse().ok()?, forward: None });
    }
    let (host, path) = target.strip_prefix("http://")?.split_once('/')?;
    let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut forward = format!("{method} /{path} {version}\r\nHost: {host}\r\nConnection: close\r\n");
    for line in rest.trim_end_matches("\r\n").split("\r\n").filter(|line| !line.is_empty()) {
        let name = field_name(line)?;
        if !STAYS_BEHIND.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            forward += &format!("{line}\r\n");
        }
    }
    forward += "\r\n";
    Some(Request { to: authority.parse().ok()?, forward: Some(forward.into_bytes()) })
}

/// The name in a header line. `None` if another parser could see a different line or name
/// (<https://www.rfc-editor.org/rfc/rfc9112#section-5.1>, and sections 2.2 and 5.2).
fn field_name(line: &str) -> Option<&str> {
    let (name, value) = line.split_once(':')?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let sound = !name.is_empty() && name.chars().all(is_token) && !value.contains(['\r', '\n', '\0']);
    sound.then_some(name)
}

/// Copies in one direction until its end, shuts down the other side, and counts the bytes.
fn copy(mut from: &TcpStream, mut to: &TcpStream) -> u64 {
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 || to.write_all(buffer.get(..count).unwrap_or_default()).is_err() {
            break;
        }
        bytes += count as u64;
    }
    drop(to.shutdown(Shutdown::Write));
    drop(from.shutdown(Shutdown::Read));
    bytes
}

fn reply(client: &mut TcpStream, status: &str, what: &str) {
    let body = format!("countersign: {what}\n");
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n", body.len());
    drop(client.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()));
    // To close with unread bytes would reset the connection, and the answer could be lost
    // (<https://www.rfc-editor.org/rfc/rfc9112#section-9.6>).
    drop(client.shutdown(Shutdown::Write));
    drop(client.set_read_timeout(Some(LINGER)));
    drop(io::copy(&mut client.take(HEAD_BYTES_MAX as u64), &mut io::sink()));
}

/// Headers that are for the proxy only, or that it sets itself.
const STAYS_BEHIND: [&str; 5] =
    ["host", "connection", "proxy-connection", "proxy-authorization", "keep-alive"];
const CONNECTIONS_MAX: usize = 128;
const REFUSED_MAX: usize = 1_000;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const LINGER: Duration = Duration::from_secs(2);
const ADDRESSES_MAX: usize = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_strictly() {
        let to = |head: &str| parse(head.as_bytes()).map(|request| request.to.to_string());
        assert_eq!(to("CONNECT a.example:443 HTTP/1.1\r\n\r\n").as_deref(), Some("a.example:443"));
        assert_eq!(to("GET http://a.example/x HTTP/1.1\r\n\r\n").as_deref(), Some("a.example:80"));
        assert_eq!(to("CONNECT [::1]:443 HTTP/1.1\r\n\r\n").as_deref(), Some("[::1]:443"));
        for bad in [
            "",
            "CONNECT\r\n\r\n",
            "CONNECT a.example HTTP/1.1\r\n\r\n",
            "CONNECT a:0 HTTP/1.1\r\n\r\n",
            "GET /x HTTP/1.1\r\n\r\n",
            "GET https://a/x HTTP/1.1\r\n\r\n",
            "CONNECT a:1 HTTP/2\r\n\r\n",
            "CONNECT a:1 x HTTP/1.1\r\n\r\n",
            "CONNECT user@a:1 HTTP/1.1\r\n\r\n",
            "GET http://a.example/x HTTP/1.1\r\nHost : b.example\r\n\r\n",
            "GET http://a.example/x HTTP/1.1\r\nX: y\nHost: b.example\r\n\r\n",
            "GET http://a.example/x HTTP/1.1\r\nX: y\r\n Host: b.example\r\n\r\n",
            "GET http://a.example/x\nHost:b.example HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(to(bad), None, "{bad}");
        }
    }

    #[test]
    fn hop_by_hop_headers_stay_behind_and_the_host_is_the_targets() {
        let head = "GET http://a.example:81/x?y HTTP/1.1\r\nhost: b.example\r\nProxy-Connection: x\r\nConnection: y\r\nAccept: */*\r\n\r\n";
        let request = parse(head.as_bytes()).unwrap();
        let forward = String::from_utf8(request.forward.unwrap()).unwrap();
        assert_eq!(
            forward,
            "GET /x?y HTTP/1.1\r\nHost: a.example:81\r\nConnection: close\r\nAccept: */*\r\n\r\n"
        );
    }
}
