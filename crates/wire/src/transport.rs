//! The way of a client to its server: HTTP on this machine, or TLS to another one.
//!
//! Invariant: over TLS nothing but the request for the server's introduction is sent before the server's chain has led to
//! the installation's authority: the one that the newest trust root names, else the pinned one. The introduction proves
//! itself, by the ledger's signature over the key of the very process, so a replaced authority is found through it. A
//! machine's certificate is renewed at two thirds of its validity, beside requests that are under way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evidence::{Digest, Id, Moment};
use reqwest::ClientBuilder;
use tls::{Chain, Identity, TlsError, TransportKey, Trust};

use crate::client_error::ClientError;

/// How a client reaches its server.
#[derive(Clone, Debug)]
pub enum Transport {
    /// HTTP over loopback or a Unix socket.
    Plain(reqwest::Client),
    /// HTTP over TLS.
    Tls(Arc<TlsTransport>),
}

/// The way over TLS.
#[derive(Debug)]
pub struct TlsTransport {
    installation: Id,
    /// The pinned authority, for roots that name none.
    pinned: Option<Digest>,
    introducing: reqwest::Client,
    connected: Mutex<Option<Connected>>,
    /// Held while a certificate is requested.
    pub renewing: tokio::sync::Mutex<()>,
}

/// The verified connections of a client.
#[derive(Clone, Debug)]
struct Connected {
    http: reqwest::Client,
    authority: Digest,
    /// Time from which the machine's certificate is renewed; `None` without one.
    renewed_from: Option<Moment>,
}

impl TlsTransport {
    /// The way to a server of an installation.
    ///
    /// # Errors
    /// `ClientError::Tls` if the libraries refuse it.
    pub fn new(installation: Id, pinned: Option<Digest>) -> Result<Self, ClientError> {
        let introducing = http(&Trust::Unverified, None)?;
        let (connected, renewing) = (Mutex::default(), tokio::sync::Mutex::default());
        Ok(Self { installation, pinned, introducing, connected, renewing })
    }

    /// Connections that serve for the introduction alone.
    pub const fn introducing(&self) -> &reqwest::Client {
        &self.introducing
    }

    /// The authority that counts: the one of the newest root, else the pinned one.
    ///
    /// # Errors
    /// `ClientError::Tls` if neither names one.
    pub fn authority(&self, of_root: Option<Digest>) -> Result<Digest, ClientError> {
        of_root.or(self.pinned).ok_or_else(|| ClientError::Tls(NO_AUTHORITY.to_owned()))
    }

    /// Verified connections that are ready: with a certificate that is young enough, if one is needed.
    pub fn ready(&self, authority: Digest, certified: bool, now: Moment) -> Option<reqwest::Client> {
        let connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = |known: &&Connected| {
            known.authority == authority && (!certified || known.renewed_from.is_some_and(|from| now < from))
        };
        connected.as_ref().filter(usable).map(|known| known.http.clone())
    }

    /// Verified connections without a certificate.
    ///
    /// # Errors
    /// `ClientError::Tls` if the libraries refuse them.
    pub fn uncertified(&self, authority: Digest) -> Result<reqwest::Client, ClientError> {
        http(&self.trust(authority), None)
    }

    /// Uses verified connections from now on.
    pub fn keep(&self, http: &reqwest::Client, authority: Digest) {
        self.set(Some(Connected { http: http.clone(), authority, renewed_from: None }));
    }

    /// Uses a certificate on all connections from now on. Requests under way end on the older ones.
    ///
    /// # Errors
    /// `ClientError::Tls` if the certificate is not of the key.
    pub fn certify(
        &self,
        authority: Digest,
        key: &TransportKey,
        chain: &str,
        (now, expires): (Moment, Moment),
    ) -> Result<reqwest::Client, ClientError> {
        let identity = Identity::new(key, Chain::from_pem(chain)?)?;
        let http = http(&self.trust(authority), Some(&identity))?;
        let validity = Duration::from_millis(expires.millis().saturating_sub(now.millis()));
        let renewed_from = Some(now.later_by(validity * 2 / 3));
        self.set(Some(Connected { http: http.clone(), authority, renewed_from }));
        Ok(http)
    }

    /// Forgets connections and certificate: the next request begins anew.
    pub fn forget(&self) {
        self.set(None);
    }

    fn trust(&self, authority: Digest) -> Trust {
        Trust::Server { installation: self.installation, authorities: vec![authority] }
    }

    fn set(&self, connected: Option<Connected>) {
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = connected;
    }
}

/// A builder of connections with waits that end, without proxies and redirects.
pub fn builder() -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(crate::client_request::ANSWER_TIMEOUT);
    builder.redirect(reqwest::redirect::Policy::none()).no_proxy().pool_idle_timeout(IDLE_MAX)
}

/// A builder of connections that speak plain HTTP. The library wants to know how TLS would be spoken: with nobody.
///
/// # Errors
/// `ClientError::Tls` if the libraries refuse it.
pub fn without_tls(builder: ClientBuilder) -> Result<ClientBuilder, ClientError> {
    let nobody = Trust::Server { installation: Id::from_random([0; 16]), authorities: Vec::new() };
    Ok(builder.tls_backend_preconfigured(tls::client_config(&nobody, None)?))
}

fn http(trust: &Trust, identity: Option<&Identity>) -> Result<reqwest::Client, ClientError> {
    let config = tls::client_config(trust, identity)?;
    let built = builder().https_only(true).tls_backend_preconfigured(config).build();
    built.map_err(|error| ClientError::Tls(error.to_string()))
}

impl From<TlsError> for ClientError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error.to_string())
    }
}

const NO_AUTHORITY: &str = "neither your pin nor the trust root names the authority of the server's certificate: get the line of \
                            `countersign trust pin` anew, which begins with `cs2.`";
/// Shorter than a server keeps an idle connection of a stranger, so that a connection is not closed just when it is reused.
const IDLE_MAX: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
