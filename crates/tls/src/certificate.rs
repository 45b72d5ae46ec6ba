//! Chains of certificates (<https://www.rfc-editor.org/rfc/rfc5280>), leaf first, as PEM on disk and on the wire.

use evidence::Digest;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::error::TlsError;
use crate::spiffe::SpiffeId;

/// One to eight certificates, leaf first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain(Vec<CertificateDer<'static>>);

impl Chain {
    /// A chain of these certificates.
    ///
    /// # Errors
    /// `TlsError::Chain` when the list is empty or too long.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, TlsError> {
        let wrong = |what: &str| Err(TlsError::Chain(what.to_owned()));
        match certificates.len() {
            0 => wrong("no certificate"),
            1..=CHAIN_MAX => Ok(Self(certificates)),
            _ => wrong("more certificates"),
        }
    }

    /// Reads a chain.
    ///
    /// # Errors
    /// `TlsError::Chain` when the text is not one.
    pub fn from_pem(text: &str) -> Result<Self, TlsError> {
        let read = CertificateDer::pem_slice_iter(text.as_bytes()).take(CHAIN_MAX + 1);
        let read: Result<Vec<_>, _> = read.collect();
        Self::new(read.map_err(|error| TlsError::Chain(error.to_string()))?)
    }

    /// Text of the chain.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.iter().map(|certificate| pem_of(certificate)).collect()
    }

    /// The certificates, leaf first.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// Digest of the last certificate, by which other hosts pin the chain's authority.
    #[must_use]
    pub fn authority(&self) -> Digest {
        self.0.last().map_or_else(|| Digest::of(&[]), |last| Digest::of(last))
    }
}

/// Text of one certificate (<https://www.rfc-editor.org/rfc/rfc7468#section-5>).
fn pem_of(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The names of a certificate that are URIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UriNames {
    /// It has no URI, as in the certificates of an organisation.
    None,
    /// Exactly one, which is a role's.
    Role(SpiffeId),
    /// Several, or another one: it names no role, and is no organisation's certificate either
    /// (<https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#2-spiffe-id>).
    Others,
}

/// The URIs that a certificate names.
pub fn uri_names(certificate: &CertificateDer<'_>) -> UriNames {
    // The library tells why it refuses one that it cannot read.
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else { return UriNames::None };
    let mut names = parsed.valid_uri_names();
    match (names.next().map(str::parse), names.next()) {
        (None, _) => UriNames::None,
        (Some(Ok(id)), None) => UriNames::Role(id),
        _ => UriNames::Others,
    }
}

/// Most certificates of a chain.
pub const CHAIN_MAX: usize = 8;
