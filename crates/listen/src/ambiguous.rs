//! Requests that two readers could take for different ones.
//!
//! Invariant: a handler sees the host and the sender that everybody else sees who reads the same bytes. Where a body ends is
//! the library's part, and tested with it.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Version, header};

/// Why a request could be taken for two; `None` if it cannot.
pub fn fault<B>(request: &Request<B>) -> Option<&'static str> {
    let count = |name: HeaderName| request.headers().get_all(name).iter().count();
    let host = request.headers().get(header::HOST).map(HeaderValue::as_bytes);
    // A request line may carry the host, too (RFC 9112, 3.2.2).
    let named = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    match count(header::HOST) {
        // RFC 9112, 3.2.
        0 if request.version() >= Version::HTTP_11 => Some("a request of HTTP/1.1 names its host\n"),
        0 | 1 if named.is_some_and(|named| Some(named) != host) => Some("the request names two hosts\n"),
        0 | 1 if count(header::AUTHORIZATION) > 1 => Some("the request names two senders\n"),
        0 | 1 => None,
        _ => Some("the request names two hosts\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_a_request_of_two_hosts_or_senders_is_one_of_none() {
        let request = |uri: &str, headers: &[(&'static str, &'static str)]| {
            let mut request = Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            fault(&request.body(()).unwrap())
        };
        let (one, other) = (("host", "127.0.0.1"), ("host", "server.example"));
        assert_eq!(request("/", &[one, ("authorization", "Bearer a")]), None);
        assert_eq!(request("http://127.0.0.1/", &[one]), None);
        for (uri, headers, reason) in [
            ("/", vec![], "names its host"),
            ("/", vec![one, other], "two hosts"),
            ("/", vec![one, one], "two hosts"),
            ("http://server.example/", vec![one], "two hosts"),
            ("/", vec![one, ("authorization", "Bearer a"), ("authorization", "Bearer b")], "two senders"),
        ] {
            assert!(request(uri, &headers).is_some_and(|said| said.contains(reason)), "{uri} {headers:?}");
        }
    }
}
