//! The operator's rules for network access of steps. They judge addresses, after a name was resolved.
//!
//! Invariant: the pipeline names the destinations that a step wants; these rules restrict them and win. Without an
//! allowance, only addresses of the public internet are reached. This excludes this machine, its link, private
//! networks, and other spellings of such addresses (mapped, NAT64, 6to4, Teredo). Metadata services of clouds are never
//! reached, because they hand out the machine's own credentials. The proxy connects to exactly the address that was
//! judged.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::str::FromStr;

use crate::destination::Destination;
use crate::process::interface_addresses;

/// The operator's allowances beyond the public internet. Empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    allowed: Vec<Allowance>,
}

/// One network or destination that the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// A network in CIDR notation (<https://www.rfc-editor.org/rfc/rfc4632>), on every port.
    Network(IpAddr, u8),
    /// One host and port, whatever address the name resolves to.
    Destination(Destination),
}

/// An address that may not be reached, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The address.
    pub address: IpAddr,
    /// Kind of the address.
    pub kind: &'static str,
    /// Whether the operator may allow it.
    pub may_be_allowed: bool,
}

/// The text is not an allowance.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is neither a network nor a destination: expected `10.0.0.0/8`, `fd00::/8`, `10.1.2.3`, `mirror.example:443` or `[::1]:8080`"
)]
pub struct AllowanceError(String);

impl Egress {
    /// Allows the public internet and these allowances.
    #[must_use]
    pub const fn new(allowed: Vec<Allowance>) -> Self {
        Self { allowed }
    }

    /// The allowances.
    #[must_use]
    pub fn allowed(&self) -> &[Allowance] {
        &self.allowed
    }

    /// Judges one address of a destination.
    ///
    /// # Errors
    /// `Denied` with the kind of the address.
    pub fn judge(&self, to: &Destination, address: IpAddr) -> Result<(), Denied> {
        self.judge_with(to, address, &is_own)
    }

    fn judge_with(
        &self,
        to: &Destination,
        address: IpAddr,
        is_own: &dyn Fn(IpAddr) -> bool,
    ) -> Result<(), Denied> {
        let denied = |kind, may_be_allowed| Err(Denied { address, kind, may_be_allowed });
        let meanings = meanings(address);
        if meanings.iter().any(|meant| METADATA.contains(meant)) {
            return denied("a cloud's metadata service", false);
        }
        for meant in meanings.into_iter().filter(|meant| !self.allows(to, *meant)) {
            if let Some(kind) = special(meant) {
                return denied(kind, true);
            }
            if is_own(meant) {
                return denied("an address of the runner's machine", true);
            }
        }
        Ok(())
    }

    fn allows(&self, to: &Destination, meant: IpAddr) -> bool {
        self.allowed.iter().any(|allowance| match allowance {
            Allowance::Network(network, bits) => covers(*network, *bits, meant),
            Allowance::Destination(named) => named == to,
        })
    }
}

impl FromStr for Allowance {
    type Err = AllowanceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || AllowanceError(text.chars().take(100).collect());
        let address = |text: &str| {
            let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
            inner.parse::<IpAddr>().ok()
        };
        if let Some((network, bits)) = text.split_once('/') {
            let network = address(network).ok_or_else(wrong)?;
            let bits = bits.parse().ok().filter(|bits| *bits <= width(network)).ok_or_else(wrong)?;
            return Ok(Self::Network(network, bits));
        }
        match address(text) {
            Some(address) => Ok(Self::Network(address, width(address))),
            None => text.parse().map(Self::Destination).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network, bits) => write!(f, "{network}/{bits}"),
            Self::Destination(to) => write!(f, "{to}"),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, kind, may_be_allowed } = self;
        let remedy = if *may_be_allowed {
            "; the runner's operator may allow it: --allow-network"
        } else {
            ", which no step reaches"
        };
        write!(f, "{address} is {kind}{remedy}")
    }
}

/// The meanings of an address: itself, and every IPv4 address inside it that a gateway or the kernel would reach.
fn meanings(address: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(v6) = address else { return vec![address] };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match [a, b, c, d, e, f] {
        // Mapped and translated (RFC 4291, 2.5.5.2; RFC 2765): the kernel reaches the IPv4 address itself.
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] => vec![v4(g, h)],
        // Compatible (RFC 4291, 2.5.5.1), except `::` and `::1`.
        [0, 0, 0, 0, 0, 0] if g != 0 || h > 1 => vec![v4(g, h), address],
        // NAT64, well-known and local (RFC 6052; RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0] => vec![address, v4(g, h)],
        [0x64, 0xff9b, 1, ..] => vec![address, v4(g, h), v4(d, e << 8 | f >> 8)],
        // 6to4 (RFC 3056) and ISATAP (RFC 5214).
        [0x2002, high, low, ..] => vec![address, v4(high, low)],
        [.., 0 | 0x200, 0x5efe] => vec![address, v4(g, h)],
        _ => vec![address],
    }
}

/// The kind of an address that is not on the public internet: the IANA registries of special-purpose addresses
/// (<https://www.rfc-editor.org/rfc/rfc6890>), "globally reachable: false".
fn special(address: IpAddr) -> Option<&'static str> {
    let found = SPECIAL.iter().find(|(network, _)| {
        let (network, bits) = network.split_once('/').unwrap_or_default();
        let parsed = network.parse().ok().zip(bits.parse().ok());
        // A row that does not parse covers everything, to fail closed. A test parses every row.
        parsed.is_none_or(|(network, bits)| covers(network, bits, address))
    });
    found.map(|(_, kind)| *kind)
}

/// Whether an address belongs to this machine: to one of its interfaces, or to its local routes. Called only for
/// addresses that are not special. The unspecified address, for instance, is special, and a socket could be bound to
/// it, too.
fn is_own(address: IpAddr) -> bool {
    // If sockets may be bound to foreign addresses, only the list of interfaces can tell.
    let binds_foreign = ["ipv4", "ipv6"].iter().any(|family| {
        let file = format!("/proc/sys/net/{family}/ip_nonlocal_bind");
        std::fs::read_to_string(file).is_ok_and(|text| text.trim() != "0")
    });
    // If the interfaces cannot be listed, every address counts as one of them.
    let listed = interface_addresses().map_or(true, |addresses| addresses.contains(&address));
    listed || !binds_foreign && UdpSocket::bind((address, 0)).is_ok()
}

fn covers(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let (network, address) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()) << 96, u128::from(address.to_bits()) << 96)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits()),
        _ => return false,
    };
    bits == 0 || (network ^ address) >> (128 - u32::from(bits)) == 0
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Addresses of the metadata services of clouds: AWS and most others, its container and pod credentials, Alibaba,
/// Azure's wire server, Oracle, Scaleway, and the same over IPv6 (AWS, GCP, Scaleway, OpenStack).
const METADATA: [IpAddr; 14] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 253)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
];

// Ranges for documentation (RFC 5737, RFC 3849) are deliberately absent: no company has hosts there, and transparent
// proxies answer names with such addresses.
const SPECIAL: [(&str, &str); 23] = [
    ("0.0.0.0/8", "unspecified"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a provider's customers"),
    ("127.0.0.0/8", "the loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "the loopback"),
    ("64:ff9b:1::/48", "private"),
    ("100::/64", "reserved"),
    ("2001::/23", "reserved"),
    ("5f00::/16", "reserved"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
    ("::/96", "reserved"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn to(text: &str) -> Destination {
        text.parse().unwrap()
    }

    fn kind(egress: &Egress, destination: &str, address: &str) -> Option<&'static str> {
        let own = |address: IpAddr| address == "198.41.0.4".parse::<IpAddr>().unwrap();
        let judged = egress.judge_with(&to(destination), address.parse().unwrap(), &own);
        judged.err().map(|denied| denied.kind)
    }

    /// All spellings of an address that is not on the public internet.
    #[test]
    fn attack_addresses_are_judged_by_what_they_mean() {
        let none = Egress::default();
        for (address, expected) in [
            ("127.0.0.1", "the loopback"),
            ("127.9.9.9", "the loopback"),
            ("::1", "the loopback"),
            ("::ffff:127.0.0.1", "the loopback"),
            ("::ffff:0:127.0.0.1", "the loopback"),
            ("::127.0.0.1", "the loopback"),
            ("64:ff9b::7f00:1", "the loopback"),
            ("64:ff9b:1::a00:1", "private"),
            ("2002:7f00:1::", "the loopback"),
            ("2002:a01:203::1", "private"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "reserved"),
            ("fd12::200:5efe:10.0.0.1", "private"),
            ("2a00::5efe:192.168.0.1", "private"),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("::", "unspecified"),
            ("10.255.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.127.0.1", "shared by a provider's customers"),
            ("169.254.1.1", "link-local"),
            ("fe80::1", "link-local"),
            ("fc00::1", "private"),
            ("fdff::1", "private"),
            ("fec0::1", "private"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.250", "multicast"),
            ("ff02::1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("198.41.0.4", "an address of the runner's machine"),
            ("::ffff:198.41.0.4", "an address of the runner's machine"),
        ] {
            assert_eq!(kind(&none, "name.example:443", address), Some(expected), "{address}");
        }
        for address in [
            "1.1.1.1",
            "203.0.113.5",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1",
            "2002:808:808::1",
            "64:ff9b::808:808",
        ] {
            assert_eq!(kind(&none, "name.example:443", address), None, "{address}");
        }
    }

    #[test]
    fn attack_metadata_is_denied_whatever_is_allowed() {
        let all = ["0.0.0.0/0", "::/0", "169.254.169.254", "name.example:80", "fd00:ec2::/32"];
        let all = Egress::new(all.map(|text| text.parse().unwrap()).to_vec());
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::a9fe:a9fe",
            "100.100.100.200",
            "168.63.129.16",
            "169.254.170.2",
        ] {
            assert_eq!(
                kind(&all, "name.example:80", address),
                Some("a cloud's metadata service"),
                "{address}"
            );
        }
        assert_eq!(kind(&all, "other.example:80", "127.0.0.1"), None);
        assert_eq!(kind(&all, "other.example:80", "198.41.0.4"), None);
    }

    #[test]
    fn the_operator_allows_networks_and_destinations() {
        let some = ["10.1.0.0/16", "127.0.0.1:8080", "mirror.example:443", "fd00::/8", "192.168.7.7"];
        let some = Egress::new(some.map(|text| text.parse().unwrap()).to_vec());
        for (destination, address, allowed) in [
            ("a.example:443", "10.1.255.1", true),
            ("a.example:443", "::ffff:10.1.255.1", true),
            ("a.example:443", "64:ff9b::a01:203", true),
            ("a.example:443", "64:ff9b::a02:203", false),
            ("a.example:443", "10.2.0.1", false),
            ("127.0.0.1:8080", "127.0.0.1", true),
            ("127.0.0.1:8081", "127.0.0.1", false),
            ("localhost:8080", "127.0.0.1", false),
            ("mirror.example:443", "192.168.3.3", true),
            ("mirror.example:444", "192.168.3.3", false),
            ("a.example:1", "fd01::1", true),
            ("a.example:1", "fc01::1", false),
            ("a.example:1", "192.168.7.7", true),
            ("a.example:1", "192.168.7.8", false),
        ] {
            assert_eq!(kind(&some, destination, address).is_none(), allowed, "{destination} {address}");
        }
        for bad in
            ["", "10.0.0.0/33", "x/8", "::/129", "10.0.0.0/-1", "host", "host:0", "a b:1", "10.0.0.0/8/8"]
        {
            assert!(bad.parse::<Allowance>().is_err(), "{bad}");
        }
        for good in ["10.0.0.0/8", "fd00::/8", "mirror.example:443", "[::1]:8080"] {
            assert_eq!(good.parse::<Allowance>().unwrap().to_string(), good);
        }
    }

    #[test]
    fn this_machine_knows_its_own_addresses() {
        let listed = interface_addresses().unwrap();
        assert!(listed.contains(&"127.0.0.1".parse().unwrap()), "{listed:?}");
        assert!(listed.iter().all(|address| is_own(*address)), "{listed:?}");
        assert!(is_own("127.1.2.3".parse().unwrap()), "no interface lists it, and yet it is this machine");
        assert!(!is_own("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn every_row_can_be_read() {
        for (network, _) in SPECIAL {
            let allowance: Allowance = network.parse().unwrap();
            assert_eq!(allowance.to_string(), network);
        }
    }
}
