//! Errors of keys, certificates and configurations of TLS.

/// Why a key, a certificate or a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text is not a public key of the transport.
    #[error("not a public key for TLS: expected a P-256 SubjectPublicKeyInfo in standard base64")]
    PublicKey,
    /// The text is not a private key.
    #[error("not a private key for TLS: expected PKCS#8 in PEM: {0}")]
    PrivateKey(String),
    /// The text holds no certificates.
    #[error("not a chain of certificates: expected one to eight certificates in PEM: {0}")]
    Chain(String),
    /// The key does not belong to the certificate.
    #[error("the private key does not belong to the certificate")]
    Pair,
    /// The name is not a SPIFFE id of a role.
    #[error("`{0}` is not the SPIFFE id of a role: expected `spiffe://INSTALLATION/ROLE/NAME`")]
    Spiffe(String),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Making(String),
    /// A certificate is not to be believed.
    #[error("{0}")]
    Distrusted(String),
    /// The library refused a configuration.
    #[error("TLS cannot be configured: {0}")]
    Configuration(String),
}

impl From<rcgen::Error> for TlsError {
    fn from(error: rcgen::Error) -> Self {
        Self::Making(error.to_string())
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Configuration(error.to_string())
    }
}
