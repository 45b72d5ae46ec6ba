//! The certificates of the listener for other machines, and of the roles that connect to it.
//!
//! Invariant: a certificate is issued only against a claim that a machine signed with the key that root or statement names,
//! so nobody gets one by a token. The listener's own is replaced at two thirds of its validity, or when its files change,
//! while connections are accepted.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use evidence::{Digest, Moment, Name};
use tls::{Authority, Chain, Identity, PublicKey, Role, Served, SpiffeId, TlsError, TransportKey};
use tracing::{error, info};

use crate::addresses::Address;
use crate::clock;

/// How a server answers other machines.
#[derive(Debug)]
pub struct TlsListen {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Addresses by which other machines reach it; none if it is the one that is listened on.
    pub addresses: Vec<Address>,
    /// The installation's authority.
    pub authority: Authority,
    /// Certificate and key from elsewhere; `None` if the authority issues them.
    pub files: Option<CertificateFiles>,
}

/// Files of a certificate and its key, which are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM file of the chain, the server's own certificate first and the pinned authority last.
    pub chain: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read `{0}`: {1}")]
    File(PathBuf, std::io::Error),
    /// A file is not usable.
    #[error("`{0}`: {1}")]
    Unusable(PathBuf, TlsError),
    /// A certificate could not be made.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The certificates of one server.
#[derive(Debug)]
pub struct Certificates {
    authority: Authority,
    addresses: Vec<Address>,
    files: Option<CertificateFiles>,
    served: Served,
    /// Digest of the certificate that other machines pin.
    pinned: Digest,
    first: InUse,
}

/// The identity in use: when it was issued, or what its files hold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum InUse {
    Issued(Moment),
    Files(Digest),
}

impl Certificates {
    /// The certificates of a listener, with its first identity.
    ///
    /// # Errors
    /// `CertificateError` if it cannot be read or made.
    pub fn open(
        authority: Authority,
        addresses: Vec<Address>,
        files: Option<CertificateFiles>,
    ) -> Result<Self, CertificateError> {
        let maker = Maker { addresses: &addresses, files: files.as_ref(), authority: &authority };
        let (identity, in_use) = maker.identity(clock::now())?;
        let served = Served::new(&identity, Some(&authority))?;
        let pinned = identity.chain().authority();
        Ok(Self { authority, addresses, files, served, pinned, first: in_use })
    }

    /// The listener's identity, which is replaced as time goes on.
    pub const fn served(&self) -> &Served {
        &self.served
    }

    /// The addresses for other machines.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Digest of the certificate that other machines pin.
    pub const fn pinned(&self) -> Digest {
        self.pinned
    }

    /// Issues a machine's certificate. The caller has checked the machine's claim.
    ///
    /// # Errors
    /// `TlsError` if it cannot be encoded.
    pub fn issue(&self, role: Role, name: Name, key: &PublicKey, now: Moment) -> Result<Chain, TlsError> {
        let id = SpiffeId { installation: self.authority.installation(), role, name };
        self.authority.issue(&id, &[], key, now)
    }

    /// Replaces the listener's identity when it is due. Runs until it is dropped.
    pub async fn renew(self: Arc<Self>) {
        let mut in_use = self.first.clone();
        let mut failed = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (at, used) = (Arc::clone(&self), in_use.clone());
            let looked = tokio::task::spawn_blocking(move || at.next(&used, clock::now())).await;
            match looked {
                Ok(Ok(Some(now_used))) => {
                    info!("the listener for other machines shows a new certificate");
                    (in_use, failed) = (now_used, None);
                }
                Ok(Ok(None)) => failed = None,
                Ok(Err(what)) => {
                    // One line for each different failure; the old certificate stays in use meanwhile.
                    let what = what.to_string();
                    if failed.as_ref() != Some(&what) {
                        error!("the listener's certificate cannot be replaced, so the old one stays: {what}");
                    }
                    failed = Some(what);
                }
                Err(_) => return,
            }
        }
    }

    /// Replaces the identity if it is due, and tells what is in use then.
    fn next(&self, used: &InUse, now: Moment) -> Result<Option<InUse>, CertificateError> {
        let maker =
            Maker { addresses: &self.addresses, files: self.files.as_ref(), authority: &self.authority };
        if !maker.is_due(used, now)? {
            return Ok(None);
        }
        let (identity, in_use) = maker.identity(now)?;
        self.served.replace(&identity);
        Ok(Some(in_use))
    }
}

/// The source of the listener's identities.
struct Maker<'a> {
    authority: &'a Authority,
    addresses: &'a [Address],
    files: Option<&'a CertificateFiles>,
}

impl Maker<'_> {
    fn identity(&self, now: Moment) -> Result<(Identity, InUse), CertificateError> {
        if let Some(files) = self.files {
            let (chain, key) = (read(&files.chain)?, read(&files.key)?);
            let unusable = |error| CertificateError::Unusable(files.chain.clone(), error);
            let identity = Identity::from_pem(&chain, &key).map_err(unusable)?;
            return Ok((identity, InUse::Files(digest(&chain, &key))));
        }
        let key = TransportKey::draw()?;
        let name = SERVER.parse().map_err(|_| TlsError::Spiffe(SERVER.to_owned()))?;
        let id = SpiffeId { installation: self.authority.installation(), role: Role::Server, name };
        let hosts: Vec<_> = self.addresses.iter().map(|address| address.host().to_owned()).collect();
        let chain = self.authority.issue(&id, &hosts, &key.public()?, now)?;
        Ok((Identity::new(&key, chain)?, InUse::Issued(now)))
    }

    /// Whether another identity is due: at two thirds of the validity, after a clock that ran back, or when the files hold
    /// something else.
    fn is_due(&self, used: &InUse, now: Moment) -> Result<bool, CertificateError> {
        match (used, self.files) {
            (InUse::Files(used), Some(files)) => {
                Ok(digest(&read(&files.chain)?, &read(&files.key)?) != *used)
            }
            (InUse::Issued(_), Some(_)) | (InUse::Files(_), None) => Ok(true),
            (InUse::Issued(at), None) => Ok(now < *at || now > at.later_by(tls::VALIDITY * 2 / 3)),
        }
    }
}

fn read(path: &Path) -> Result<String, CertificateError> {
    std::fs::read_to_string(path).map_err(|error| CertificateError::File(path.to_path_buf(), error))
}

fn digest(chain: &str, key: &str) -> Digest {
    Digest::of(format!("{chain}\0{key}").as_bytes())
}

/// Name of the server in its SPIFFE id: an installation has one server.
const SERVER: &str = "server";
const LOOK_EVERY: Duration = Duration::from_secs(10);
