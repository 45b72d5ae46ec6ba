//! Ports of this host: who listens where, and a port that an earlier process may still be leaving.
//!
//! Invariant: a port that is taken is named with its holder, so that people can end it.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use crate::apply::Fault;
use crate::probe_error::ProbeError;
use crate::sockets;

/// Listening sockets that a client on this host's loopback can reach.
///
/// # Errors
/// When the kernel does not show its listeners.
pub fn near(port: u16) -> io::Result<Vec<sockets::Listening>> {
    let is_near =
        |one: &sockets::Listening| one.address.ip().is_loopback() || one.address.ip().is_unspecified();
    Ok(sockets::on_port(port)?.into_iter().filter(is_near).collect())
}

/// Nothing listens where it should; where the release listens instead, since a port is easily mistaken.
pub fn not_listening(port: u16, keeper: u32) -> ProbeError {
    let family = sandbox::descendants(keeper);
    let others = sockets::ports_of(&family).into_iter().map(|port| port.to_string()).collect();
    ProbeError::NotListening { port, others }
}

/// Repeats an attempt for a short time, because an earlier agent's processes may still be ending.
pub fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    let until = Instant::now() + PORT_TIME_MAX;
    loop {
        match attempt() {
            Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
            done => return done,
        }
    }
}

/// Waits until nothing listens on a port.
pub fn free(port: u16) -> Result<(), Fault> {
    patiently(|| match near(port) {
        Ok(found) if found.is_empty() => Ok(()),
        Ok(_) => Err(taken(port)),
        Err(error) => {
            let what = format!("port {port}: the listeners of this host cannot be read: {error}");
            Err(Fault::new("port-taken", what))
        }
    })
}

pub fn bind(port: u16) -> Result<TcpListener, Fault> {
    patiently(|| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => taken(port),
            _ => Fault::new("port-taken", format!("port {port}: {error}")),
        })
    })
}

pub fn taken(port: u16) -> Fault {
    let who = sockets::who_listens(port);
    Fault::new("port-taken", format!("port {port} is taken by {who}; end it, or give the place another port"))
}

/// How long a port may stay taken by a process that is ending.
const PORT_TIME_MAX: Duration = Duration::from_secs(3);
