//! The address of a store, as the operator of a machine writes it.
//!
//! Invariant: a store is asked over TLS. One on this machine may be asked without, if its address says `http`.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// A store's address.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    pub(crate) url: Url,
    /// Certificates of the store's authority in PEM; without any, the system's ones count.
    pub(crate) authority: Option<Vec<u8>>,
    /// The namespace; absent for the root's.
    pub(crate) namespace: Option<String>,
}

/// The address is unsound.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlaceError {
    /// It is no address of a server.
    #[error(
        "`{0}` is not the address of a store: expected `https://HOST` or `https://HOST:PORT`, with nothing after it"
    )]
    Url(String),
    /// It would carry secrets in clear.
    #[error("`{0}` would carry secrets in clear: `http` is for a store on this machine alone; use `https`")]
    Plain(String),
    /// The namespace is unsound.
    #[error("`{0}` is not a namespace: expected names of letters, digits, `_` and `-` with `/` between")]
    Namespace(String),
}

impl Place {
    /// A place.
    ///
    /// # Errors
    /// `PlaceError` names the fault.
    pub fn new(
        address: &str,
        authority: Option<Vec<u8>>,
        namespace: Option<String>,
    ) -> Result<Self, PlaceError> {
        let short = |text: &str| text.chars().take(100).collect::<String>();
        let wrong = || PlaceError::Url(short(address));
        let url: Url = address.parse().map_err(|_| wrong())?;
        let host = url.host_str().ok_or_else(wrong)?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        match url.scheme() {
            _ if !bare => return Err(wrong()),
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return Err(PlaceError::Plain(short(address))),
            _ => return Err(wrong()),
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
        if let Some(name) = namespace.as_ref().filter(|name| name.is_empty() || !name.chars().all(is_plain)) {
            return Err(PlaceError::Namespace(short(name)));
        }
        Ok(Self { url, authority, namespace })
    }

    /// Host, and port if it is written.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_an_address_that_carries_values_in_clear_or_elsewhere() {
        let place = |address: &str| Place::new(address, None, None);
        for good in
            ["https://bao.example", "https://bao.example:8200", "http://127.0.0.1:8200", "http://[::1]:1"]
        {
            assert!(place(good).is_ok(), "{good}");
        }
        for plain in ["http://bao.example:8200", "http://10.0.0.1", "http://localhost.example"] {
            assert!(matches!(place(plain), Err(PlaceError::Plain(_))), "{plain}");
        }
        for bad in [
            "",
            "bao.example",
            "https://",
            "https://a.example/v1",
            "https://me@a.example",
            "https://a.example?x",
            "ftp://a.example",
            "file:///etc",
        ] {
            assert!(matches!(place(bad), Err(PlaceError::Url(_))), "{bad}");
        }
        let named = |name: &str| Place::new("https://bao.example", None, Some(name.to_owned()));
        assert!(named("team/api").is_ok());
        assert!(named("").is_err() && named("a\nb").is_err() && named("..").is_err());
    }
}
