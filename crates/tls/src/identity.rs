//! The identity that a role shows on its connections: a chain of certificates and the key that belongs to it.

use std::sync::Arc;

use rustls::sign::CertifiedKey;

use crate::algorithms::provider;
use crate::certificate::Chain;
use crate::error::TlsError;
use crate::transport_key::TransportKey;

/// A chain of certificates with its private key.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) certified: Arc<CertifiedKey>,
    chain: Chain,
}

impl Identity {
    /// An identity of a key and its chain.
    ///
    /// # Errors
    /// `TlsError::Pair` when the key does not belong to the chain's first certificate.
    pub fn new(key: &TransportKey, chain: Chain) -> Result<Self, TlsError> {
        let certificates = chain.certificates().to_vec();
        let certified = CertifiedKey::from_der(certificates, key.der(), &provider());
        let certified = certified.map_err(|_| TlsError::Pair)?;
        Ok(Self { certified: Arc::new(certified), chain })
    }

    /// An identity from the texts of a chain and of a key file, as an operator has them from elsewhere: any kind of key
    /// that the library takes.
    ///
    /// # Errors
    /// `TlsError` when one is unreadable, or they do not belong together.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, TlsError> {
        use rustls::pki_types::PrivateKeyDer;
        use rustls::pki_types::pem::PemObject as _;
        let chain = Chain::from_pem(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
        let key = key.map_err(|error| TlsError::PrivateKey(error.to_string()))?;
        let certified = CertifiedKey::from_der(chain.certificates().to_vec(), key, &provider());
        let certified = certified.map_err(|_| TlsError::Pair)?;
        Ok(Self { certified: Arc::new(certified), chain })
    }

    /// The same of a certificate that our own library would not read.
    #[cfg(test)]
    pub(crate) fn unread(chain: &str, key: &str) -> Self {
        use rustls::pki_types::PrivateKeyDer;
        use rustls::pki_types::pem::PemObject as _;
        let chain = Chain::from_pem(chain).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let key = provider().key_provider.load_private_key(key).unwrap();
        Self { certified: Arc::new(CertifiedKey::new(chain.certificates().to_vec(), key)), chain }
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }
}
