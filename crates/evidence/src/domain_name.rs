//! Domain names: of forges, and of the pages that may ask for assertions of passkeys
//! (<https://www.w3.org/TR/webauthn-3/#relying-party-identifier>).
//!
//! Invariant: it is a host name in lower case and no address, because statements and authenticators compare its bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A host name in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

/// The text is not a domain.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a domain: expected a host name in lower case, for instance `countersign.example.com`")]
pub struct DomainError(String);

impl Domain {
    /// The domain as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let last = text.rsplit('.').next().unwrap_or_default();
        let address = last.bytes().all(|byte| byte.is_ascii_digit());
        let host = (1..=BYTES_MAX).contains(&text.len()) && text.split('.').all(is_label) && !address;
        if host { Ok(Self(text.to_owned())) } else { Err(DomainError(text.chars().take(80).collect())) }
    }
}

impl TryFrom<String> for Domain {
    type Error = DomainError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Domain> for String {
    fn from(id: Domain) -> Self {
        id.0
    }
}

/// A label of a host name (<https://www.rfc-editor.org/rfc/rfc1123#section-2>).
fn is_label(label: &str) -> bool {
    let known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=63).contains(&label.len())
        && label.bytes().all(known)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Longest host name (<https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4>).
const BYTES_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_host_name() {
        for good in ["localhost", "countersign.example.com", "a-1.b2"] {
            assert_eq!(good.parse::<Domain>().unwrap().to_string(), good);
        }
        let long = format!("{}.example", "a".repeat(64));
        let longer = vec!["abc"; 64].join(".");
        for bad in
            ["", ".", "a.", "A.example", "https://a", "a:443", "127.0.0.1", "-a", "a-", "é", &long, &longer]
        {
            assert!(bad.parse::<Domain>().is_err(), "{bad}");
        }
    }
}
