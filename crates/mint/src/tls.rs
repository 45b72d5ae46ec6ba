//! TLS to a PostgreSQL server that is on another machine.
//!
//! Invariant: the server's certificate has to come from an authority that the target names; no authority of the system
//! counts, and there is no way on without TLS.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::MintError;
use crate::lease::Target;
use crate::login::Watched;

/// Makes connections under one authority.
#[derive(Clone)]
pub struct Authority {
    config: Arc<ClientConfig>,
    /// Whether a password has to be proven behind it.
    secret: bool,
}

impl Authority {
    /// The authority that a target names.
    pub fn of(target: &Target, pem: &str, secret: bool) -> Result<Self, MintError> {
        let failed = |what: String| MintError::Authority { at: target.to_string(), what };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| failed(error.to_string()))?;
            roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(failed("it is empty".into()));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        let versions = versions.map_err(|error| failed(error.to_string()))?;
        let config = Arc::new(versions.with_root_certificates(roots).with_no_client_auth());
        Ok(Self { config, secret })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Authority {
    type Error = io::Error;
    type Stream = Protected<S>;
    type TlsConnect = Handshake;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Handshake { of: self.clone(), name })
    }
}

/// A handshake that is due.
pub struct Handshake {
    of: Authority,
    name: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Protected<S>>> + Send>>;
    type Stream = Protected<S>;

    fn connect(self, stream: S) -> Self::Future {
        let Authority { config, secret } = self.of;
        Box::pin(async move {
            let stream = TlsConnector::from(config).connect(self.name, stream).await?;
            Ok(Protected(Watched::new(stream, secret)))
        })
    }
}

/// A protected stream.
pub struct Protected<S>(Watched<TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Protected<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, to)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Protected<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Protected<S> {
    /// None: the certificate is proven by a named authority already.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
