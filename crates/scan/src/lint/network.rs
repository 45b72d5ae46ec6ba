//! Addresses and ports as firewalls of clouds write them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

impl Ports {
    /// All of them.
    pub const ALL: Self = Self { first: 0, last: 65_535 };

    /// One port, or a range as `8000-8010`; `*` is all.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::ALL);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some(Self { first: first.trim().parse().ok()?, last: last.trim().parse().ok()? })
    }

    /// The port among these by which people administer hosts, or programs read and write data.
    pub fn sensitive(self) -> Option<(i64, &'static str)> {
        SENSITIVE.iter().copied().find(|(port, _)| self.has(*port))
    }

    /// Whether these are only ports at which the web is served.
    pub const fn is_web(self) -> bool {
        self.first == self.last && matches!(self.first, 80 | 443)
    }

    const fn has(self, port: i64) -> bool {
        self.first <= port && port <= self.last
    }
}

impl std::fmt::Display for Ports {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self { first, last } if first == last => write!(formatter, "port {first}"),
            Self::ALL => formatter.write_str("all ports"),
            Self { first, last } => write!(formatter, "ports {first}-{last}"),
        }
    }
}

/// Whether a range of addresses is the whole internet, or so large a part of it that it may as well be: two halves are the whole.
pub fn is_everybody(range: &str) -> bool {
    let range = range.trim();
    if matches!(range.to_ascii_lowercase().as_str(), "*" | "internet" | "any" | "0.0.0.0" | "::") {
        return true;
    }
    let Some((address, bits)) = range.split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u32>() else { return false };
    if address.parse::<Ipv4Addr>().is_ok() {
        return bits < 8;
    }
    // The addresses that are in use are 2000::/3, the private ones fc00::/7.
    address
        .parse::<Ipv6Addr>()
        .is_ok_and(|address| bits < 16 && (bits < 7 || !matches!(address.segments(), [0xfc00..=0xffff, ..])))
}

/// Whether a range from an address to another is as large.
pub fn is_wide(first: &str, last: &str) -> bool {
    let number = |text: &str| text.trim().parse::<Ipv4Addr>().ok().map(u32::from);
    let (Some(first), Some(last)) = (number(first), number(last)) else { return false };
    last.saturating_sub(first) >= 1 << 24
}

/// Ports of administration and data, with the names of what listens there.
const SENSITIVE: &[(i64, &str)] = &[
    (22, "SSH"),
    (3389, "Remote Desktop"),
    (3306, "MySQL"),
    (5432, "PostgreSQL"),
    (1433, "SQL Server"),
    (1434, "SQL Server"),
    (1521, "Oracle"),
    (27017, "MongoDB"),
    (6379, "Redis"),
    (11211, "memcached"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (9042, "Cassandra"),
    (7000, "Cassandra"),
    (5439, "Redshift"),
    (5984, "CouchDB"),
    (8086, "InfluxDB"),
    (9092, "Kafka"),
    (2181, "ZooKeeper"),
    (2379, "etcd"),
    (2380, "etcd"),
    (2375, "Docker"),
    (2376, "Docker"),
    (6443, "Kubernetes"),
    (10250, "kubelet"),
    (5985, "WinRM"),
    (5986, "WinRM"),
    (5900, "VNC"),
    (5601, "Kibana"),
    (445, "SMB"),
    (139, "SMB"),
    (135, "RPC"),
    (111, "RPC"),
    (2049, "NFS"),
    (389, "LDAP"),
    (636, "LDAP"),
    (23, "Telnet"),
    (21, "FTP"),
    (20, "FTP"),
    (873, "rsync"),
    (50000, "Db2"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_internet_is_everybody_in_every_form() {
        for range in [
            "0.0.0.0/0",
            "::/0",
            " 10.0.0.0/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "*",
            "Internet",
            "2000::/3",
            "0::0/0",
        ] {
            assert!(is_everybody(range), "{range}");
        }
        for range in
            ["10.0.0.0/8", "203.0.113.0/24", "fc00::/7", "2001:db8::/32", "VirtualNetwork", "10.0.0.1", ""]
        {
            assert!(!is_everybody(range), "{range}");
        }
        assert!(is_wide("0.0.0.0", "255.255.255.255") && !is_wide("0.0.0.0", "0.0.0.0"));
    }

    #[test]
    fn ports_are_one_or_a_range() {
        assert_eq!(Ports::parse("20-25").and_then(Ports::sensitive), Some((22, "SSH")));
        assert_eq!(Ports::parse("*"), Some(Ports::ALL));
        assert!(Ports::parse("443").is_some_and(Ports::is_web) && Ports::parse("ssh").is_none());
    }
}
