//! Certificates of machines for connections over TLS.

use evidence::Moment;
use serde::{Deserialize, Serialize};

/// A machine's request for a certificate; its claim names the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateRequest {
    /// Public key that the machine drew for its connections: a P-256 `SubjectPublicKeyInfo` in standard base64.
    pub key: String,
}

/// The certificate of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateAnswer {
    /// The chain in PEM, the machine's certificate first.
    pub chain: String,
    /// End of its validity.
    pub expires: Moment,
}
