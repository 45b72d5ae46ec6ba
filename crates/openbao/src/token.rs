//! Tokens by which a machine logs in: JWT (<https://www.rfc-editor.org/rfc/rfc7519>) as JWS in compact form
//! (<https://www.rfc-editor.org/rfc/rfc7515#section-7.1>), signed with Ed25519 (<https://www.rfc-editor.org/rfc/rfc8037#section-3.1>).
//!
//! Invariant: a token names its audience and ends within minutes. The signer's private key stays with the caller.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;

use crate::answer::Clear;

/// Longest validity of a token.
pub const VALIDITY_MAX: Duration = Duration::from_secs(300);

/// The claims of a token.
#[derive(Clone, Debug)]
pub struct Token<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The machine.
    pub subject: &'a str,
    /// The store for which it is.
    pub audience: &'a str,
    /// Seconds since 1970 at which it was signed.
    pub issued: u64,
    /// Its validity, at most [`VALIDITY_MAX`].
    pub validity: Duration,
    /// A number that no other token has.
    pub id: &'a str,
    /// Its purpose, such as project and step. A name of the specification is not replaced.
    pub about: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: &'a str,
    #[serde(flatten)]
    about: BTreeMap<&'a str, &'a str>,
}

impl Token<'_> {
    /// The token, signed by `sign`, which makes a signature of 64 bytes.
    #[must_use]
    pub fn signed(&self, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Clear {
        let signed = self.try_signed(|bytes| Ok::<_, std::convert::Infallible>(sign(bytes)));
        signed.unwrap_or_else(|never| match never {})
    }

    /// The same with a key that may fail, as one in a device.
    ///
    /// # Errors
    /// The failure of `sign`.
    pub fn try_signed<E>(&self, sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>) -> Result<Clear, E> {
        let mut about = self.about.clone();
        about.retain(|name, _| !REGISTERED.contains(name));
        let claims = Claims {
            iss: self.issuer,
            sub: self.subject,
            aud: self.audience,
            iat: self.issued,
            nbf: self.issued,
            exp: self.issued.saturating_add(self.validity.min(VALIDITY_MAX).as_secs()),
            jti: self.id,
            about,
        };
        let part = |value: Vec<u8>| URL_SAFE_NO_PAD.encode(value);
        let header = serde_json::to_vec(&Header { alg: "EdDSA", typ: "JWT" }).unwrap_or_default();
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let mut text = format!("{}.{}", part(header), part(claims));
        let signature = sign(text.as_bytes())?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(Clear::new(text))
    }
}

/// A public key in PEM, as the setting `jwt_validation_pubkeys` of a store takes it (<https://www.rfc-editor.org/rfc/rfc8410#section-4>).
#[must_use]
pub fn public_key_pem(key: &[u8; 32]) -> String {
    let mut info = ED25519_INFO.to_vec();
    info.extend_from_slice(key);
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(info))
}

/// `SubjectPublicKeyInfo` up to the key: algorithm 1.3.101.112, a bit string of 32 bytes.
const ED25519_INFO: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Claims that mean something to everybody (RFC 7519, section 4.1).
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_and_its_claims_cannot_be_replaced() {
        let token = Token {
            issuer: "spiffe://01/runner/runner-1",
            subject: "runner-1",
            audience: "bao",
            issued: 1_000,
            validity: Duration::from_secs(86_400),
            id: "7",
            about: BTreeMap::from([("aud", "elsewhere"), ("exp", "9"), ("project", "shop")]),
        };
        let text = token.signed(|_| [0; 64]);
        let parts: Vec<_> = text.as_str().split('.').collect();
        let claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            claims,
            serde_json::json!({
                "iss": "spiffe://01/runner/runner-1", "sub": "runner-1", "aud": "bao", "iat": 1000, "nbf": 1000,
                "exp": 1300, "jti": "7", "project": "shop"
            })
        );
        assert_eq!(parts.len(), 3);
        assert_eq!(format!("{text:?}"), "Clear(..)");
    }

    /// The key of RFC 8410, section 10.1.
    #[test]
    fn a_public_key_has_the_form_of_the_specification() {
        let key = hex::decode("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1").unwrap();
        assert_eq!(
            public_key_pem(&key.try_into().unwrap()),
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
        );
    }
}
