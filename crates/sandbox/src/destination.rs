//! A host and port that a step may reach.
//!
//! Invariant: a destination has one text: its host is in lower case and without the dot of the root.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A host and port that a step may reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Destination {
    /// Name or address, lower case, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The text is not a destination.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a destination: expected `host:port`, such as `registry.example:443`")]
pub struct DestinationError(String);

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let (host, port) = text.rsplit_once(':')?;
            let port = port.parse().ok().filter(|port| *port != 0)?;
            if let Some(inner) = host.strip_prefix('[') {
                let address: std::net::Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
                return Some(Self { host: address.to_string(), port });
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            let named = (1..=253).contains(&host.len()) && host.chars().all(plain);
            named.then(|| Self { host: host.trim_end_matches('.').to_ascii_lowercase(), port })
        };
        parsed().ok_or_else(|| DestinationError(text.chars().take(100).collect()))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
