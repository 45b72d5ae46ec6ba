//! Keys of connections: ECDSA on P-256 with SHA-256, which every tool and browser takes.
//!
//! Invariant: the key of a connection signs handshakes and nothing else; a machine's Ed25519 key, which root or statement
//! names, never signs a handshake.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::TlsError;

/// Private key of one role's connections. It is drawn by the process that uses it.
#[derive(Debug)]
pub struct TransportKey(KeyPair);

/// Public key of one role's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; POINT_BYTES]);

impl TransportKey {
    /// Draws a key.
    ///
    /// # Errors
    /// `TlsError::Making` when the system has no randomness.
    pub fn draw() -> Result<Self, TlsError> {
        Ok(Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// `TlsError::PrivateKey` when the text is not one.
    pub fn from_pem(text: &str) -> Result<Self, TlsError> {
        let wrong = |what: &dyn std::fmt::Display| TlsError::PrivateKey(what.to_string());
        let key = KeyPair::from_pem(text).map_err(|error| wrong(&error))?;
        match key.is_compatible(&PKCS_ECDSA_P256_SHA256) {
            true => Ok(Self(key)),
            false => Err(wrong(&"it is of another kind than ECDSA on P-256")),
        }
    }

    /// Text of the key file, which is secret.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// The public half.
    ///
    /// # Errors
    /// `TlsError::PublicKey` when the library gives another form than the uncompressed point.
    pub fn public(&self) -> Result<PublicKey, TlsError> {
        self.0.der_bytes().try_into().map(PublicKey).map_err(|_| TlsError::PublicKey)
    }

    pub(crate) const fn pair(&self) -> &KeyPair {
        &self.0
    }

    pub(crate) fn der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.0.serialize_der()))
    }
}

impl PublicKey {
    /// The key's `SubjectPublicKeyInfo` (<https://www.rfc-editor.org/rfc/rfc5480#section-2>) in standard base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode([SPKI_HEAD, &self.0].concat())
    }

    /// Reads that text.
    ///
    /// # Errors
    /// `TlsError::PublicKey` when it is not such a key.
    pub fn from_base64(text: &str) -> Result<Self, TlsError> {
        let der = STANDARD.decode(text).map_err(|_| TlsError::PublicKey)?;
        let point = der.strip_prefix(SPKI_HEAD).and_then(|point| <[u8; POINT_BYTES]>::try_from(point).ok());
        let point = point.ok_or(TlsError::PublicKey)?;
        // The library checks that the point is on the curve.
        let agreed =
            aws_lc_rs::signature::ParsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1, point);
        agreed.map(|_| Self(point)).map_err(|_| TlsError::PublicKey)
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// An uncompressed point of P-256.
const POINT_BYTES: usize = 65;
/// `SubjectPublicKeyInfo` of a P-256 key up to the point.
const SPKI_HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_spelling() {
        let key = TransportKey::draw().unwrap();
        let text = key.public().unwrap().to_base64();
        assert_eq!(PublicKey::from_base64(&text).unwrap(), key.public().unwrap());
        assert_eq!(STANDARD.decode(&text).unwrap(), key.0.subject_public_key_info());
        let again = TransportKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.public().unwrap(), key.public().unwrap());
        let mut off_the_curve = STANDARD.decode(&text).unwrap();
        off_the_curve[90] ^= 1;
        for bad in ["", "AAAA", &text[1..], &STANDARD.encode(off_the_curve)] {
            assert!(matches!(PublicKey::from_base64(bad), Err(TlsError::PublicKey)), "{bad}");
        }
        let error = TransportKey::from_pem("nothing").unwrap_err().to_string();
        assert!(error.contains("not a private key for TLS"), "{error}");
        let other = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
        let error = TransportKey::from_pem(&other).unwrap_err().to_string();
        assert!(error.contains("of another kind than ECDSA on P-256"), "{error}");
    }
}
