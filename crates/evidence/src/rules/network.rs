//! Destinations that a step may name in `network`.
//!
//! Invariant: every accepted destination is one that the runner's proxy can match: an ecosystem, a host, or a host with
//! a port. There are no wildcards.

/// Package ecosystems whose hosts a runner knows.
pub const ECOSYSTEMS: [&str; 4] = ["cargo", "go", "npm", "pip"];

/// The reason why a text is not a destination; `None` for an ecosystem, `host` or `host:port`.
#[must_use]
pub fn fault(text: &str) -> Option<String> {
    if ECOSYSTEMS.contains(&text) {
        return None;
    }
    let known = ECOSYSTEMS.join(", ");
    let wrong =
        |why: &str| Some(format!("`{text}` {why}; write `host` (port 443), `host:port`, or one of {known}"));
    if text.contains("://") || text.contains('/') {
        return wrong("is a URL or path, not a host");
    }
    if text.contains('*') {
        return wrong("is a pattern; each host is named");
    }
    let (host, port) = match split(text) {
        Some(parts) => parts,
        None => return wrong("is not a host"),
    };
    if port
        .is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port == 0) || port.parse::<u16>().is_err())
    {
        return wrong("has a port that is not one of 1 to 65535");
    }
    if host.contains(':') {
        return if host.parse::<core::net::Ipv6Addr>().is_ok() { None } else { wrong("is not a host") };
    }
    let labels = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(plain);
    if host.len() > 253 || !host.trim_end_matches('.').split('.').all(labels) {
        return wrong("is not a host");
    }
    (port.is_none() && !host.contains('.')).then(|| {
        format!("`{text}` is neither an ecosystem (known are {known}) nor a host; a host has a dot or a port")
    })
}

/// The reason why a text is not a destination of `connect`; `None` for `host:port`.
pub fn connect_fault(text: &str) -> Option<String> {
    let port = split(text).and_then(|(_, port)| port);
    if port.is_none() {
        return Some(format!("`{text}` names no port; write `host:port`, such as `db.example:5432`"));
    }
    fault(text)
}

/// Splits host and port, without the brackets of an IPv6 address.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        // After a bracketed address only a port can follow.
        return rest.strip_prefix(':').map(|port| (host, Some(port)));
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

const fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}
