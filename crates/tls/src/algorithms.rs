//! The algorithms and the application protocol of every connection.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The algorithms of the one crypto library, with the hybrid key exchange X25519MLKEM768 first.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Application protocol (<https://www.rfc-editor.org/rfc/rfc7301>).
pub const PROTOCOL: &[u8] = b"http/1.1";
