//! Heads on their way through: what a backend and a client get to see of them.
//!
//! Invariant: headers for one connection alone go no further (RFC 9110, 7.6.1). A request of which two readers could make
//! different ones is refused. The address that a backend is told is that of the connection, unless a trusted proxy sent the
//! request.

use std::net::IpAddr;

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request;
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Method, Uri, Version};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It wants a connection to a host of its choice.
    #[error("this is no proxy to other hosts")]
    Proxy,
    /// Its readers could choose between two hosts.
    #[error("the request names two hosts")]
    TwoHosts,
    /// There is no host.
    #[error("the request names no host")]
    NoHost,
    /// Its target has another form.
    #[error("the target of the request is not valid")]
    BadTarget,
}

/// The connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// Its address.
    pub address: IpAddr,
    /// Whether what it says of others is believed.
    pub is_trusted: bool,
}

/// Wishes of a request that its connection alone carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The protocol that it wants to change to.
    pub upgrade: Option<HeaderValue>,
    /// Whether it takes trailers.
    trailers: bool,
}

/// Takes everything away that a backend may not see, and tells it who sent the request.
///
/// # Errors
/// Why the request is refused.
pub fn clean(head: &mut request::Parts, sender: Sender) -> Result<Wants, HeadError> {
    name_host(head)?;
    let (upgrade, trailers) = (wanted_upgrade(head), says(&head.headers, &TE, "trailers"));
    strip(&mut head.headers, false);
    // The answer 100 is given here, as soon as the backend takes the body.
    head.headers.remove(EXPECT);
    tell_sender(&mut head.headers, sender);
    Ok(Wants { upgrade, trailers })
}

/// Gives a clean head the form of the backend's protocol.
///
/// # Errors
/// Why the request is refused.
pub fn to_backend(head: &mut request::Parts, wants: &Wants, by_http2: bool) -> Result<(), HeadError> {
    if wants.trailers {
        head.headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if by_http2 {
        let host = head.headers.remove(HOST).ok_or(HeadError::NoHost)?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder().scheme("http").authority(host.as_bytes()).path_and_query(path);
        head.uri = uri.build().map_err(|_| HeadError::BadTarget)?;
        head.version = Version::HTTP_2;
        return Ok(());
    }
    join_cookies(&mut head.headers);
    head.version = Version::HTTP_11;
    if let Some(protocol) = &wants.upgrade {
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, protocol.clone());
    } else if wants.trailers {
        head.headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    Ok(())
}

/// Makes an answer's head fit for a client.
pub fn to_client(headers: &mut HeaderMap, by_http2: bool) {
    strip(headers, true);
    if by_http2 {
        headers.remove(TE);
    }
}

/// Leaves the host in its header, and the target in the form for a server (RFC 9112, 3.2).
fn name_host(head: &mut request::Parts) -> Result<(), HeadError> {
    if head.method == Method::CONNECT {
        return Err(HeadError::Proxy);
    }
    let mut hosts = head.headers.get_all(HOST).into_iter();
    let (host, more) = (hosts.next().map(HeaderValue::as_bytes), hosts.next().is_some());
    let named = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    if more || named.is_some_and(|named| host.is_some_and(|host| host != named)) {
        return Err(HeadError::TwoHosts);
    }
    let said = named.or(host).filter(|host| !host.is_empty());
    if said.is_some_and(|host| host.contains(&b'@') || Authority::try_from(host).is_err()) {
        return Err(HeadError::BadTarget);
    }
    match (host, named) {
        (Some(_), _) => {}
        (None, Some(named)) => {
            let host = HeaderValue::from_bytes(named).map_err(|_| HeadError::NoHost)?;
            head.headers.insert(HOST, host);
        }
        // HTTP/1.0 knows no host.
        (None, None) if head.version < Version::HTTP_11 => {
            head.headers.insert(HOST, HeaderValue::from_static(""));
        }
        (None, None) => return Err(HeadError::NoHost),
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let is_valid = path.starts_with('/') || path == "*" && head.method == Method::OPTIONS;
    if !is_valid {
        return Err(HeadError::BadTarget);
    }
    if head.uri.authority().is_some() {
        head.uri = path.parse().map_err(|_| HeadError::BadTarget)?;
    }
    Ok(())
}

/// The one protocol that a request wants to change to. A change to HTTP/2 would carry further requests past all rules.
fn wanted_upgrade(head: &request::Parts) -> Option<HeaderValue> {
    let mut wanted = head.headers.get_all(UPGRADE).into_iter();
    let (first, None) = (wanted.next()?, wanted.next()) else { return None };
    let text = first.to_str().ok()?;
    let is_http = text.get(..2).is_some_and(|begin| begin.eq_ignore_ascii_case("h2"))
        || text.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("http"));
    let asks = head.version == Version::HTTP_11 && says(&head.headers, &CONNECTION, "upgrade");
    (asks && !is_http && !text.contains(',')).then(|| first.clone())
}

/// Whether a list of words has one.
fn says(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .any(|said| said.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(word))
}

/// Takes away headers for one connection alone.
fn strip(headers: &mut HeaderMap, is_answer: bool) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        // Nobody takes away by name what a message cannot be read without.
        .filter(|name| *name != HOST && *name != CONTENT_LENGTH && *name != COOKIE)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection", "http2-settings"] {
        headers.remove(name);
    }
    if !is_answer {
        headers.remove(TE);
        headers.remove("proxy-authorization");
    }
}

/// Tells a backend who sent the request.
fn tell_sender(headers: &mut HeaderMap, sender: Sender) {
    let address = sender.address.to_canonical().to_string();
    if sender.is_trusted {
        let before = headers.get_all(FORWARDED_FOR).into_iter().filter_map(|value| value.to_str().ok());
        let all: Vec<&str> = before.chain([address.as_str()]).collect();
        if let Ok(all) = HeaderValue::from_str(&all.join(", ")) {
            headers.insert(FORWARDED_FOR, all);
        }
        return;
    }
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
    if let Ok(address) = HeaderValue::from_str(&address) {
        headers.insert(FORWARDED_FOR, address);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
}

/// Whether a header says who sent a request. Gateways of the CGI kind read `_` as `-`.
fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str();
    let is = |name: &str| {
        name == FORWARDED.as_str()
            || name == "x-real-ip"
            || name == "x-client-ip"
            || name.starts_with("x-forwarded-")
    };
    match name.as_bytes().first() {
        Some(b'x' | b'f') if name.contains('_') => is(&name.replace('_', "-")),
        Some(b'x' | b'f') => is(name),
        _ => false,
    }
}

/// Joins the lines of cookies, which HTTP/2 may send apart (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).into_iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(line) = HeaderValue::from_bytes(&lines.join(b"; ".as_slice()))
    {
        headers.insert(COOKIE, line);
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[cfg(test)]
mod tests;
