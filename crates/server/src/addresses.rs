//! The addresses by which other machines reach a server: `https://HOST` or `https://HOST:PORT`.

use evidence::address::{self, AddressError, is_secured};

/// An address for other machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim_end_matches('/');
        address::check(text)?;
        match is_secured(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(AddressError::Plain(text.to_owned())),
        }
    }
}

impl Address {
    /// The URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0
    }

    /// The host's name or IP address.
    #[must_use]
    pub fn host(&self) -> &str {
        let named = self.named();
        match named.strip_prefix('[') {
            Some(inner) => inner.split(']').next().unwrap_or_default(),
            None => named.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether the header `Host` of a request names this address.
    #[must_use]
    pub fn is_named(&self, header: &str) -> bool {
        let header = header.to_ascii_lowercase();
        self.named() == header.strip_suffix(":443").unwrap_or(&header)
    }

    fn named(&self) -> &str {
        self.0.strip_prefix("https://").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_name() {
        for (given, url, host) in [
            ("https://server.example/", "https://server.example", "server.example"),
            ("https://10.0.0.1:8443", "https://10.0.0.1:8443", "10.0.0.1"),
            ("https://[fd00::1]:8443", "https://[fd00::1]:8443", "fd00::1"),
        ] {
            let address: Address = given.parse().unwrap();
            assert_eq!((address.url(), address.host()), (url, host));
        }
        let address: Address = "https://server.example".parse().unwrap();
        assert!(address.is_named("Server.example") && address.is_named("server.example:443"));
        for other in ["server.example:444", "server.example.evil", "evil", ""] {
            assert!(!address.is_named(other), "{other}");
        }
        for bad in ["http://127.0.0.1:8080", "server.example", "https://a@server.example"] {
            bad.parse::<Address>().unwrap_err();
        }
    }
}
