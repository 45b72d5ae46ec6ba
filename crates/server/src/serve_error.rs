//! The reasons why the server cannot start, or ends by itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use ledger::LedgerError;

use crate::alert_rules::AlertRulesError;
use crate::certificates::CertificateError;
use crate::disk_usage::StoredError;
use crate::edge::EdgeError;
use crate::views::ViewError;
use crate::writer_error::WriterError;

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Not a loopback address.
    #[error(
        "`{0}` is not a loopback address, and this listener speaks plain HTTP; `--tls` listens for other machines"
    )]
    Exposed(SocketAddr),
    /// Nobody can tell the address by which other machines reach the listener.
    #[error(
        "`{0}` stands for every address of this machine: name those by which other machines reach it with `--address`"
    )]
    Everywhere(SocketAddr),
    /// The address cannot be used.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The Unix socket cannot be used.
    #[error("cannot listen on `{0}`: {1}")]
    Socket(PathBuf, std::io::Error),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The writer failed.
    #[error(transparent)]
    Writer(#[from] WriterError),
    /// The views failed.
    #[error(transparent)]
    Views(#[from] ViewError),
    /// The stored bytes cannot be counted.
    #[error(transparent)]
    StorageCount(#[from] StoredError),
    /// The evidence on disk failed.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The ledger's key did not sign, so the console has no address.
    #[error("the address of the console cannot be made: {0}")]
    Label(#[from] tlog::SigningError),
    /// The certificate for other machines cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The operator's rules about alerts are invalid.
    #[error(transparent)]
    AlertRules(#[from] AlertRulesError),
    /// The runtime failed.
    #[error("the server failed: {0}")]
    Io(#[from] std::io::Error),
}
