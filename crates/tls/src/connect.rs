//! Connections to a role: which certificates are believed.
//!
//! Invariant: nothing of the system's own list of authorities is believed. A chain counts if it contains the pinned
//! certificate, or a certificate of the pinned key, leads to it, is valid now, and names the role that was asked for.

use std::sync::Arc;

use evidence::machine::MachineKey;
use evidence::{Digest, Id};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use crate::algorithms::{PROTOCOL, provider};
use crate::certificate::{CHAIN_MAX, UriNames, uri_names};
use crate::error::TlsError;
use crate::identity::Identity;
use crate::own_authority::{WITNESS, is_of};
use crate::spiffe::Role;

/// The role that is asked, and the anchor of its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The server of an installation; the chain leads to one of these certificates, by digest.
    Server {
        /// The installation.
        installation: Id,
        /// Digests of authorities' certificates.
        authorities: Vec<Digest>,
    },
    /// A witness; the chain leads to a certificate of one of these keys.
    Witness(Vec<MachineKey>),
    /// Every program that answers. Only for what proves itself above the transport, such as a signed introduction.
    Unverified,
}

/// A configuration for connections to a role, with the identity of the connecting one, if it has one.
///
/// # Errors
/// `TlsError::Configuration` when the library refuses it.
pub fn client_config(trust: &Trust, identity: Option<&Identity>) -> Result<ClientConfig, TlsError> {
    let provider = provider();
    let verifier = Arc::new(Verifier { trust: trust.clone() });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(Shown(identity.clone()))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Each connection proves both sides anew.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

#[derive(Debug)]
struct Shown(Identity);

impl rustls::client::ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0.certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
}

impl Trust {
    /// The certificate of a chain that is the anchor.
    fn anchor<'a>(&self, chain: &[&'a CertificateDer<'a>]) -> Option<&'a CertificateDer<'a>> {
        chain.iter().take(CHAIN_MAX).copied().find(|certificate| match self {
            Self::Server { authorities, .. } => authorities.contains(&Digest::of(certificate)),
            Self::Witness(keys) => keys.iter().any(|key| is_of(certificate, key)),
            Self::Unverified => false,
        })
    }

    /// The name that the certificate has to be for.
    fn name<'a>(&self, leaf: &CertificateDer<'_>, asked: &ServerName<'a>) -> Result<ServerName<'a>, Error> {
        let own = |name: String| ServerName::try_from(name).map_err(|error| distrusted(error.to_string()));
        match (self, uri_names(leaf)) {
            (Self::Witness(_), _) => own(WITNESS.to_owned()),
            // A certificate from files, of an organisation's authority, names the host.
            (_, UriNames::None) => Ok(asked.clone()),
            (Self::Server { installation, .. }, UriNames::Role(id))
                if id.installation == *installation && id.role == Role::Server =>
            {
                own(id.dns_name())
            }
            (_, UriNames::Role(id)) => Err(distrusted(format!(
                "the certificate is of {id}, and the server of another or no installation was asked for"
            ))),
            (_, UriNames::Others) => Err(distrusted(NO_ROLE.to_owned())),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trust == Trust::Unverified {
            return Ok(ServerCertVerified::assertion());
        }
        let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).collect();
        let anchor = self.trust.anchor(&chain).ok_or_else(|| distrusted(OTHER_AUTHORITY.to_owned()))?;
        let name = self.trust.name(end_entity, server_name)?;
        let mut roots = RootCertStore::empty();
        roots.add(anchor.clone().into_owned())?;
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let inner = inner.map_err(|error| Error::General(error.to_string()))?;
        inner.verify_server_cert(end_entity, intermediates, &name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn distrusted(what: String) -> Error {
    let inner: Arc<dyn std::error::Error + Send + Sync> = Arc::new(TlsError::Distrusted(what));
    Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))
}

const NO_ROLE: &str = "the certificate names URIs, and not exactly one role of an installation: a server shows either its role or its host";
const OTHER_AUTHORITY: &str = "no certificate that it shows is the pinned one: another program answers, or the authority was \
                               replaced; compare it with a new line of `countersign trust pin`";
