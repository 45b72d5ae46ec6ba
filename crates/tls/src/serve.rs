//! Accepting connections: the identity that is shown, and what is known of the other side.
//!
//! Invariant: the identity can be replaced while connections are accepted, and none is lost. A client may show a
//! certificate of the installation's authority, or none; a wrong one ends the handshake with the reason.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use evidence::{Id, Moment, Name};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::algorithms::{PROTOCOL, provider};
use crate::authority::Authority;
use crate::certificate::{UriNames, uri_names};
use crate::error::TlsError;
use crate::identity::Identity;
use crate::spiffe::{Role, SpiffeId};

/// The identity of a listener, which can be replaced.
#[derive(Clone, Debug)]
pub struct Served {
    identity: Arc<Shown>,
    config: Arc<ServerConfig>,
    clients: Option<Clients>,
}

/// The verifier of clients' certificates, at the handshake and again at each request.
#[derive(Clone, Debug)]
struct Clients {
    verifier: Arc<dyn ClientCertVerifier>,
}

#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

/// The certificate that a client has shown on a connection.
#[derive(Clone, Debug)]
pub struct PeerCertificate {
    /// The role that it names.
    pub id: SpiffeId,
    chain: Arc<[CertificateDer<'static>]>,
    clients: Clients,
}

impl Served {
    /// A listener that asks clients for certificates of an authority, if there is one.
    ///
    /// # Errors
    /// `TlsError::Configuration` when the library refuses it.
    pub fn new(identity: &Identity, authority: Option<&Authority>) -> Result<Self, TlsError> {
        let shown = Arc::new(Shown(RwLock::new(Arc::clone(&identity.certified))));
        let clients = authority.map(Clients::of).transpose()?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?;
        let builder = match &clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(&clients.verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // A resumed connection would bring back a certificate that was valid earlier.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { identity: shown, config: Arc::new(config), clients })
    }

    /// The library's configuration.
    #[cfg(test)]
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Shows another identity on all connections from now on.
    pub fn replace(&self, identity: &Identity) {
        *self.identity.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&identity.certified);
    }
}

impl Clients {
    fn of(authority: &Authority) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().clone())?;
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let verifier = builder.allow_unauthenticated().build();
        let verifier = verifier.map_err(|error| TlsError::Configuration(error.to_string()))?;
        Ok(Self { verifier })
    }
}

/// Shakes hands on an accepted stream: the connection, and the certificate that the client showed. The caller bounds the
/// time.
///
/// # Errors
/// `io::Error` when the client does not speak TLS 1.3, or shows a wrong certificate.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    served: &Served,
    stream: S,
) -> io::Result<(TlsStream<S>, Option<PeerCertificate>)> {
    let stream = TlsAcceptor::from(Arc::clone(&served.config)).accept(stream).await?;
    let chain = stream.get_ref().1.peer_certificates();
    let Some((chain, clients)) = chain.zip(served.clients.clone()) else { return Ok((stream, None)) };
    let Some(UriNames::Role(id)) = chain.first().map(uri_names) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the client's certificate names no role"));
    };
    let chain: Arc<[_]> = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
    Ok((stream, Some(PeerCertificate { id, chain, clients })))
}

impl PeerCertificate {
    /// Checks that it is a machine's certificate, and still valid: a connection may outlive it.
    ///
    /// # Errors
    /// `TlsError::Distrusted` with the reason.
    pub fn is_of(&self, installation: Id, machine: &Name, now: Moment) -> Result<(), TlsError> {
        let id = &self.id;
        let is_its = id.installation == installation
            && id.name == *machine
            && matches!(id.role, Role::Runner | Role::Agent);
        let wrong = match (is_its, self.is_valid(now)) {
            (false, _) => {
                format!("the connection showed the certificate of {id}, and the claim is of `{machine}`")
            }
            (true, false) => format!("the certificate of {id} has expired; the machine asks for a new one"),
            (true, true) => return Ok(()),
        };
        Err(TlsError::Distrusted(wrong))
    }

    fn is_valid(&self, now: Moment) -> bool {
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_millis(now.millis()));
        let Some((leaf, rest)) = self.chain.split_first() else { return false };
        self.clients.verifier.verify_client_cert(leaf, rest, now).is_ok()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}
