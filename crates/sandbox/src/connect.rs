//! Where a step finds the destinations to which its connections are forwarded: each by its own name, address and port.
//!
//! Invariant: inside, a destination has an address that leads to the supervisor and nowhere else. A name has one in
//! `127.1.0.0/16`, which `/etc/hosts` tells; an address is given to the sandbox's own loopback interface. So a program needs no
//! proxy and no other configuration, and a name stays one that a certificate can be checked against.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::destination::Destination;

/// The host name of every sandbox.
pub const HOST_NAME: &str = "sandbox";

/// The addresses inside, in the order of the destinations.
pub fn inside(connect: &[Destination]) -> Vec<SocketAddr> {
    let names = named(connect);
    let address = |to: &Destination| match to.host.parse() {
        Ok(address) => address,
        Err(_) => names
            .iter()
            .position(|name| *name == to.host)
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |at| IpAddr::V4(nth(at))),
    };
    connect.iter().map(|to| SocketAddr::new(address(to), to.port)).collect()
}

/// Addresses that the loopback interface does not have by itself.
pub fn foreign(connect: &[Destination]) -> Vec<IpAddr> {
    let mut foreign: Vec<IpAddr> =
        inside(connect).into_iter().map(|at| at.ip()).filter(|address| !address.is_loopback()).collect();
    foreign.sort();
    foreign.dedup();
    foreign
}

/// Lines of `/etc/hosts` for the names.
pub fn host_lines(connect: &[Destination]) -> String {
    named(connect).iter().enumerate().map(|(at, name)| format!("{} {name}\n", nth(at))).collect()
}

/// Whether two destinations, or one and another listener, would need one address and port.
pub fn is_clear(connect: &[Destination], taken: &[u16]) -> bool {
    let mut all = inside(connect);
    all.extend(taken.iter().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port))));
    let count = all.len();
    all.sort();
    all.dedup();
    // An address of the loopback interface is no other machine's, and an unspecified one is every address.
    all.len() == count && !all.iter().any(|at| at.ip().is_unspecified() || at.ip().is_multicast())
}

/// Each name once, without those of the sandbox itself.
fn named(connect: &[Destination]) -> Vec<&str> {
    let mut names = Vec::new();
    for to in connect {
        let host = to.host.as_str();
        let is_own = host == "localhost" || host == HOST_NAME;
        if host.parse::<IpAddr>().is_err() && !is_own && !names.contains(&host) {
            names.push(host);
        }
    }
    names
}

/// Destinations are few ([`crate::CONNECT_MAX`]).
fn nth(at: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, 0, u8::try_from(at + 1).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<Destination> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn each_destination_has_an_address_inside() {
        let to = all(&[
            "db.example:5432",
            "10.1.2.3:5432",
            "b.example:25",
            "db.example:22",
            "localhost:9",
            "[::2]:1",
        ]);
        let inside: Vec<_> = inside(&to).iter().map(ToString::to_string).collect();
        assert_eq!(
            inside,
            ["127.1.0.1:5432", "10.1.2.3:5432", "127.1.0.2:25", "127.1.0.1:22", "127.0.0.1:9", "[::2]:1"]
        );
        assert_eq!(host_lines(&to), "127.1.0.1 db.example\n127.1.0.2 b.example\n");
        assert_eq!(foreign(&to).iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.1.2.3", "::2"]);
        assert!(is_clear(&to, &[3128]));
    }

    #[test]
    fn one_address_and_port_leads_to_one_destination() {
        assert!(!is_clear(&all(&["localhost:9", "127.0.0.1:9"]), &[]));
        assert!(!is_clear(&all(&["sandbox:3128"]), &[3128]), "the proxy's");
        assert!(!is_clear(&all(&["0.0.0.0:9"]), &[]) && !is_clear(&all(&["[ff02::1]:9"]), &[]));
        assert!(is_clear(&all(&["db.example:3128"]), &[3128]), "of another address");
    }
}
