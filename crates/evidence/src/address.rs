//! Addresses: the URLs at which people and machines on other hosts reach a server.
//!
//! Invariant: one spelling for one address: a scheme, a host in lower case and a port, and no path, name or password.
//! Off the machine the scheme is `https`; plain HTTP is allowed on a loopback address alone, for the same machine and for tunnels.

/// Most addresses of one server.
pub const ADDRESSES_MAX: usize = 8;
/// Longest address in bytes: a host of 253 characters with scheme and port.
pub const BYTES_MAX: usize = 272;

/// Why a text is not an address.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// It has another shape.
    #[error(
        "`{0}` is not an address: expected `https://HOST` or `https://HOST:PORT`, in lower case and without a path"
    )]
    Shape(String),
    /// It is plain HTTP to another machine.
    #[error(
        "`{0}` is plain HTTP, which is for loopback addresses such as `http://127.0.0.1:8080` alone; use `https://`"
    )]
    Plain(String),
    /// There are too many, or one of them twice.
    #[error("a server has 1 to {ADDRESSES_MAX} addresses, each once")]
    Number,
}

/// Checks one address.
///
/// # Errors
/// `AddressError` names the fault.
pub fn check(text: &str) -> Result<(), AddressError> {
    let shape = || AddressError::Shape(shown_start(text));
    if text.len() > BYTES_MAX {
        return Err(shape());
    }
    let (scheme, rest) = text.split_once("://").ok_or_else(shape)?;
    let (host, port) = split(rest).ok_or_else(shape)?;
    let is_port =
        |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
    if !is_host(host) || !port.is_none_or(is_port) {
        return Err(shape());
    }
    match scheme {
        "https" if port != Some("443") => Ok(()),
        "http" if port != Some("80") && is_loopback(host) => Ok(()),
        "http" => Err(AddressError::Plain(text.to_owned())),
        _ => Err(shape()),
    }
}

/// Checks the addresses of one server, sorted as preferred.
///
/// # Errors
/// `AddressError` names the first fault.
pub fn check_all(addresses: &[String]) -> Result<(), AddressError> {
    let twice =
        addresses.iter().enumerate().any(|(at, one)| addresses.iter().skip(at + 1).any(|other| other == one));
    if addresses.is_empty() || addresses.len() > ADDRESSES_MAX || twice {
        return Err(AddressError::Number);
    }
    addresses.iter().try_for_each(|address| check(address))
}

/// Whether an address is secured by TLS, and so needs the installation's authority.
#[must_use]
pub fn is_secured(address: &str) -> bool {
    address.starts_with("https://")
}

/// Host and port of the part behind the scheme.
fn split(rest: &str) -> Option<(&str, Option<&str>)> {
    if let Some(inner) = rest.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        // The brackets stay part of the host, so that nothing else is taken for an IPv6 address.
        let host = rest.get(..host.len().saturating_add(2))?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None if after.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match rest.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((rest, None)),
    }
}

/// Whether it is an IP address, or a host name of letters, digits, `.` and `-`.
fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return is_ipv6(inner);
    }
    // Like a browser: a host that ends in a number is an IPv4 address, or nothing.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return is_ipv4(host);
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= HOST_BYTES_MAX && host.split('.').all(is_label)
}

fn is_ipv4(host: &str) -> bool {
    let is_octet = |part: &str| part.parse::<u8>().is_ok_and(|number| number.to_string() == part);
    host.split('.').count() == 4 && host.split('.').all(is_octet)
}

/// Groups of up to four lower-case hex digits; `::` stands for missing ones, once.
fn is_ipv6(host: &str) -> bool {
    let groups = |part: &str| match part {
        "" => Some(0),
        part => part.split(':').all(is_group).then(|| part.split(':').count()),
    };
    match host.split_once("::") {
        Some((before, after)) => {
            let (before, after) = (groups(before), groups(after));
            before.zip(after).is_some_and(|(before, after)| before.saturating_add(after) < IPV6_GROUPS)
        }
        None => groups(host) == Some(IPV6_GROUPS),
    }
}

fn is_group(group: &str) -> bool {
    u16::from_str_radix(group, 16).is_ok_and(|number| format!("{number:x}") == group)
}

fn is_loopback(host: &str) -> bool {
    host == "[::1]" || (is_ipv4(host) && host.starts_with("127."))
}

fn shown_start(text: &str) -> String {
    text.chars().take(BYTES_MAX).collect()
}

/// Longest host name (RFC 1035, section 2.3.4).
const HOST_BYTES_MAX: usize = 253;
const IPV6_GROUPS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling_and_no_plain_http_leaves_the_machine() {
        for good in [
            "https://countersign.example.com",
            "https://build-1:8443",
            "https://192.0.2.7:8443",
            "https://[2001:db8::7]:8443",
            "https://[2001:db8::7]",
            "https://[1:2:3:4:5:6:7:8]",
            "https://[::]",
            "http://127.0.0.1:8080",
            "http://127.8.0.1",
            "http://[::1]:8080",
        ] {
            check(good).unwrap();
        }
        for bad in [
            "",
            "https://",
            "https://a/",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://a b",
            "https://A",
            "https://a:0",
            "https://a:08",
            "https://a:65536",
            "https://a:",
            "https://a:443",
            "https://a@b",
            "https://-a",
            "https://a-",
            "https://a..b",
            "https://.a",
            "https://1.2.3",
            "https://0x7f.1",
            "https://1.2.3.04",
            "https://[::0001]",
            "https://[::1",
            "https://[::1]x",
            "https://[1.2.3.4]",
            "https://[1::2::3]",
            "https://[1:2:3:4:5:6:7]",
            "https://[1:2:3:4:5:6:7::8]",
            "https://[2001:DB8::7]",
            "https://::1",
            "ftp://a",
            "https:a",
            "a:8443",
            "https://a\n",
            "HTTPS://a",
            "https://ä",
        ] {
            assert!(matches!(check(bad), Err(AddressError::Shape(_))), "{bad}");
        }
        for plain in ["http://a", "http://localhost:8080", "http://192.0.2.7:8080", "http://[2001:db8::7]"] {
            assert!(matches!(check(plain), Err(AddressError::Plain(_))), "{plain}");
        }
        assert!(matches!(check(&format!("https://{}", "a".repeat(64))), Err(AddressError::Shape(_))));
        assert!(matches!(check(&format!("https://{}", "a.".repeat(400))), Err(AddressError::Shape(_))));
    }

    #[test]
    fn a_server_has_a_few_addresses_each_once() {
        let many = |count: usize| (0..count).map(|n| format!("https://h{n}")).collect::<Vec<_>>();
        check_all(&many(8)).unwrap();
        for wrong in [many(0), many(9), [many(2), many(1)].concat()] {
            assert_eq!(check_all(&wrong), Err(AddressError::Number));
        }
        assert!(is_secured("https://a") && !is_secured("http://127.0.0.1:8080"));
    }
}
