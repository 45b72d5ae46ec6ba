//! Keys of values, wrapped to one recipient by HPKE (<https://www.rfc-editor.org/rfc/rfc9180>): base mode, DHKEM(X25519,
//! HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
//!
//! Invariant: a wrapped key opens only with the recipient's private key and for the binding that it was wrapped for. HPKE
//! does not tell who wrapped it: whatever names the recipient is signed elsewhere.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use evidence::Bytes;
use evidence::seal::{SealKey, WrappedKey};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};
use zeroize::Zeroizing;

use crate::binding::Binding;
use crate::cipher::{Key, OpenError};
use crate::key_line;

/// A recipient's private key. In a file it is one line: a word that says what it is, and 32 bytes in base64.
pub struct SealSecret(Key);

/// The text is not a private seal key. It is not shown, since it may be one nearly.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the file has no private seal key: expected one line, `{WORD}` and 32 bytes in standard base64")]
pub struct SealSecretError;

/// The cryptographic library failed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the key could not be wrapped to {0}")]
pub struct WrapError(SealKey);

impl Key {
    /// Wraps this key to a recipient.
    ///
    /// # Errors
    /// `WrapError` when the library fails.
    pub fn wrap(&self, to: &SealKey, binding: &Binding) -> Result<WrappedKey, WrapError> {
        let public = HpkePublicKey(to.as_bytes().to_vec());
        let aad = binding.lines();
        let sealed = SUITE.seal(INFO, aad.as_bytes(), self.as_bytes(), &public);
        let (enc, bytes) = sealed.map_err(|_| WrapError(*to))?;
        Ok(WrappedKey { enc: Bytes(enc.0), bytes: Bytes(bytes) })
    }
}

impl SealSecret {
    /// A private key whose bytes this fills, with random ones.
    pub fn filled(fill: impl FnOnce(&mut [u8])) -> Self {
        Self(Key::filled(fill))
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Key::from_slice(bytes).map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The public key.
    ///
    /// # Errors
    /// `SealSecretError` when the bytes have none.
    pub fn public(&self) -> Result<SealKey, SealSecretError> {
        let private =
            PrivateKey::from_private_key(&X25519, self.0.as_bytes()).map_err(|_| SealSecretError)?;
        let public = private.compute_public_key().map_err(|_| SealSecretError)?;
        let bytes = public.as_ref().try_into().map_err(|_| SealSecretError)?;
        SealKey::from_bytes(bytes).ok_or(SealSecretError)
    }

    /// Unwraps a key that was wrapped for this binding.
    ///
    /// # Errors
    /// `OpenError` if it was not.
    pub fn unwrap(&self, wrapped: &WrappedKey, binding: &Binding) -> Result<Key, OpenError> {
        let plain = open(SUITE, self, wrapped, INFO, binding.lines().as_bytes())?;
        Key::from_slice(&plain).ok_or(OpenError)
    }

    /// The line for the file. It is secret.
    #[must_use]
    pub fn line(&self) -> Zeroizing<String> {
        key_line::write(WORD, &self.0)
    }
}

impl FromStr for SealSecret {
    type Err = SealSecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let secret = key_line::read(WORD, text).map(Self).ok_or(SealSecretError)?;
        secret.public().map(|_| secret)
    }
}

impl fmt::Debug for SealSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealSecret(..)")
    }
}

fn open(
    suite: &dyn Hpke,
    secret: &SealSecret,
    wrapped: &WrappedKey,
    info: &[u8],
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let private = HpkePrivateKey::from(secret.0.as_bytes().to_vec());
    let enc = EncapsulatedSecret(wrapped.enc.0.clone());
    suite.open(&enc, info, aad, &wrapped.bytes.0, &private).map(Zeroizing::new).map_err(|_| OpenError)
}

const SUITE: &dyn Hpke = DH_KEM_X25519_HKDF_SHA256_AES_256;
const INFO: &[u8] = b"countersign-wrapped-key@v1";
const WORD: &str = "countersign-seal-key@v1";

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex::decode(hex).unwrap()
    }

    /// One published vector: the recipient's keys, the encapsulated secret, and the first ciphertext.
    struct Vector {
        suite: &'static dyn Hpke,
        private: &'static str,
        public: &'static str,
        enc: &'static str,
        text: &'static str,
    }

    /// Base mode of DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256: RFC 9180, A.1.1 (AES-128-GCM), and the entry for
    /// AES-256-GCM of the file `test-vectors.json` that the RFC names; its appendix does not print that one.
    const VECTORS: [Vector; 2] = [
        Vector {
            suite: DH_KEM_X25519_HKDF_SHA256_AES_128,
            private: "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
            public: "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
            enc: "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
            text: "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
        },
        Vector {
            suite: SUITE,
            private: "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
            public: "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
            enc: "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
            text: "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a",
        },
    ];

    #[test]
    fn published_ciphertexts_open() {
        for Vector { suite, private, public, enc, text } in VECTORS {
            let secret = SealSecret::from_slice(&bytes(private)).unwrap();
            assert_eq!(secret.public().unwrap().as_bytes(), bytes(public).as_slice());
            let wrapped = WrappedKey { enc: Bytes(bytes(enc)), bytes: Bytes(bytes(text)) };
            let info = b"Ode on a Grecian Urn";
            let opened = open(suite, &secret, &wrapped, info, b"Count-0").unwrap();
            assert_eq!(opened.as_slice(), b"Beauty is truth, truth beauty");
            assert_eq!(open(suite, &secret, &wrapped, info, b"Count-1"), Err(OpenError));
            assert_eq!(open(suite, &secret, &wrapped, b"Ode", b"Count-0"), Err(OpenError));
            let zero = WrappedKey { enc: Bytes(vec![0; 32]), ..wrapped.clone() };
            assert_eq!(
                open(suite, &secret, &zero, info, b"Count-0"),
                Err(OpenError),
                "a point of small order"
            );
        }
    }

    #[test]
    fn private_keys_have_one_spelling_and_are_never_printed() {
        let secret = SealSecret::filled(|bytes| bytes.fill(9));
        let line = secret.line();
        assert_eq!(line.as_str(), format!("{WORD} {}=\n", "CQkJ".repeat(10) + "CQk"));
        assert_eq!(line.parse::<SealSecret>().unwrap().public(), secret.public());
        assert_eq!(format!("{secret:?}"), "SealSecret(..)");
        for wrong in ["", WORD, "countersign-seal-key@v1 AAAA", &line[1..], &format!("{}x", *line)] {
            let error = wrong.parse::<SealSecret>().unwrap_err().to_string();
            assert!(
                error.starts_with("the file has no private seal key") && !error.contains("CQkJ"),
                "{error}"
            );
        }
    }
}
