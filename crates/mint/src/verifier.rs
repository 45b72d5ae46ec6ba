//! The text that a PostgreSQL server stores instead of a password: the form of RFC 5803 for SCRAM-SHA-256 (RFC 7677).
//!
//! Invariant: the password does not leave this process for it, and the server takes it as it is (`CREATE ROLE ... PASSWORD`
//! with such a text is stored unchanged). The password has only letters and digits, so SASLprep (RFC 4013) leaves it as it is.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::MintError;

/// Iterations of PBKDF2. The password has 256 random bits, so more of them would only cost time at each connection.
pub const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4_095);

/// A verifier of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier(String);

impl Verifier {
    /// The verifier of a password under a salt.
    #[must_use]
    pub fn of(password: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password.as_bytes(), &mut *salted);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*salted);
        let client = hmac::sign(&key, b"Client Key");
        let stored = digest::digest(&digest::SHA256, client.as_ref());
        let server = hmac::sign(&key, b"Server Key");
        let [salt, stored, server] =
            [salt, stored.as_ref(), server.as_ref()].map(|bytes| STANDARD.encode(bytes));
        Self(format!("SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"))
    }

    /// The verifier of a password under a random salt.
    pub(crate) fn salted(password: &str) -> Result<Self, MintError> {
        Ok(Self::of(password, &random::<16>()?, ITERATIONS))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password of 256 random bits, in hexadecimal digits.
pub fn password() -> Result<Zeroizing<String>, MintError> {
    let bytes = Zeroizing::new(random::<32>()?);
    Ok(Zeroizing::new(hex::encode(*bytes)))
}

/// Random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N], MintError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map(|()| bytes).map_err(|_| MintError::Randomness)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3: user `user`, password `pencil`, and this salt. Its messages prove the two keys: the client's
    /// proof is the client key under a signature by the stored key, and the server's signature is made with the server key.
    #[test]
    fn the_keys_are_those_of_the_published_exchange() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = Verifier::of("pencil", &salt, ITERATIONS);
        let (head, keys) = verifier.as_str().rsplit_once('$').unwrap();
        assert_eq!(head, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==");
        let (stored, server) = keys.split_once(':').unwrap();
        let [stored, server] = [stored, server].map(|key| STANDARD.decode(key).unwrap());
        let said = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let sign = |key: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), said.as_bytes());
        assert_eq!(STANDARD.encode(sign(&server)), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let signature = sign(&stored);
        let client: Vec<u8> = proof.iter().zip(signature.as_ref()).map(|(one, other)| one ^ other).collect();
        assert_eq!(digest::digest(&digest::SHA256, &client).as_ref(), stored);
    }
}
