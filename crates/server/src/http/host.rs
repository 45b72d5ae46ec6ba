//! The host that a request names.
//!
//! Invariant: only loopback names and the console's own name are answered, so that a page in a browser cannot reach this
//! server under another name (DNS rebinding). Cookies are taken under the console's name alone. Over TLS only the addresses
//! for other machines are answered, so that nothing that holds on this machine alone is reached there.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use listen::Peer;
use wire::ProblemKind;

use super::problem::Failure;
use crate::addresses::Address;
use crate::shared::Shared;

/// The kind of host that a request names; handlers find it among the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A loopback name, which other programs of this machine share.
    Loopback,
    /// The console's own name.
    Console,
    /// One of the addresses for other machines, by its number.
    Address(usize),
}

/// Lets requests through that name this server.
pub async fn known(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let over_tls = request.extensions().get::<Peer>().is_some_and(Peer::is_over_tls);
    let host = match host {
        host if over_tls => {
            let addresses = shared.addresses();
            let Some(number) = addresses.iter().position(|address| address.is_named(host)) else {
                let known = addresses.iter().map(Address::url).collect::<Vec<_>>().join(", ");
                let detail =
                    format!("other machines reach this server at {known}, and not under another name");
                return Failure::new(ProblemKind::Malformed, detail).into_response();
            };
            Host::Address(number)
        }
        host if shared.console.is_named(host) => Host::Console,
        host if is_loopback_name(host) => Host::Loopback,
        _ => {
            let detail = "this listener answers to loopback names only, such as `127.0.0.1`";
            return Failure::new(ProblemKind::Malformed, detail).into_response();
        }
    };
    request.extensions_mut().insert(host);
    next.run(request).await
}

/// `localhost` or a loopback address, with or without a port; no name that a name service could resolve.
fn is_loopback_name(host: &str) -> bool {
    let address = host.parse().map(|address: SocketAddr| address.ip());
    let bare = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    address.or(bare).map_or(name == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback_name;

    #[test]
    fn only_loopback_names_are_answered() {
        for good in
            ["127.0.0.1", "127.0.0.1:80", "127.9.9.9:1", "localhost", "localhost:8080", "[::1]", "[::1]:80"]
        {
            assert!(is_loopback_name(good), "{good}");
        }
        for bad in [
            "",
            "example",
            "127.evil.example",
            "127.0.0.1.evil.example:80",
            "localhost.evil:80",
            "guessed.localhost",
            "guessed.localhost:80",
            "10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(!is_loopback_name(bad), "{bad}");
        }
    }
}
