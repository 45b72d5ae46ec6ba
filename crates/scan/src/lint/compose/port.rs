//! Ports that a service publishes (<https://docs.docker.com/reference/compose-file/services/#ports>).

use super::interpolation::is_known;
use crate::lint::marked::Marked;

/// A port, or a range of them, that is published on the host.
#[derive(Debug, PartialEq, Eq)]
pub struct Port {
    /// Line.
    pub line: u32,
    /// Address of the host; empty for all.
    address: String,
    /// First and last port of the container.
    target: (u16, u16),
}

impl Port {
    /// Reads an item of `ports`; none if its port is unknown.
    pub fn of(node: &Marked) -> Option<Self> {
        let line = node.line;
        if node.is_map() {
            let address = node.text_at("host_ip").unwrap_or_default().to_owned();
            return Some(Self { line, address, target: range(node.text_at("target")?)? });
        }
        let text = node.text()?.trim();
        let text = text.split_once('/').map_or(text, |(text, _)| text);
        let (address, ports) = match text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
            Some((address, ports)) => (address, ports),
            None => match text.rmatch_indices(':').nth(1) {
                Some((at, _)) => (text.get(..at)?, text.get(at + 1..)?),
                None => ("", text),
            },
        };
        let target = ports.rsplit(':').next().unwrap_or(ports);
        Some(Self { line, address: address.to_owned(), target: range(target)? })
    }

    /// Whether every address of the host takes connections.
    pub fn is_everywhere(&self) -> bool {
        let address = self.address.trim_matches(['[', ']']);
        is_known(address) && matches!(address, "" | "0.0.0.0" | "0" | "::" | "*")
    }

    /// Whether it is one of these ports of the container, or has one.
    pub fn has_one_of(&self, ports: &[u16]) -> bool {
        ports.iter().any(|port| (self.target.0..=self.target.1).contains(port))
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    fn port(text: &str) -> Option<Port> {
        Port::of(&crate::lint::marked::read(text).unwrap().remove(0))
    }

    #[test]
    fn ports_have_many_forms() {
        for text in [
            "5432",
            "5432:5432",
            "'15432:5432/tcp'",
            "0.0.0.0:5432:5432",
            "'[::]:5432:5432'",
            "'::1:5432'",
            "5400-5500:5400-5500",
            "{target: 5432, published: 5432}",
            "{target: 5432, host_ip: 0.0.0.0}",
        ] {
            let found = port(text).unwrap();
            assert!(found.has_one_of(&[1, 5432]), "{text}: {found:?}");
            assert!(found.is_everywhere() || text == "'::1:5432'", "{text}: {found:?}");
        }
        for text in [
            "127.0.0.1:5432:5432",
            "127.0.0.1::5432",
            "'[::1]:5432:5432'",
            "{target: 5432, host_ip: 10.0.0.1}",
        ] {
            assert!(!port(text).unwrap().is_everywhere(), "{text}");
        }
        assert!(!port("5432:80").unwrap().has_one_of(&[5432]));
        for text in ["'\u{fffd}'", "80:x", "{published: 1}", "[1]", "70000"] {
            assert_eq!(port(text), None, "{text}");
        }
    }
}
