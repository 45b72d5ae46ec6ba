//! Why a step with secrets did not run to its end, or why a role is not made or revoked.
//!
//! Invariant: no text here has a value.

use std::io;
use std::path::PathBuf;

use evidence::secret_name::SecretName;
use mint::{AdminError, MintError, Target};
use sandbox::SandboxError;
use vault::{OpenError, SealSecretError, SecretVersion, ValueError};

/// Why a holder does not do its work.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The system failed.
    #[error("cannot {0}: {1}")]
    Io(&'static str, io::Error),
    /// A sealed value is malformed.
    #[error("secret `{0}`: {1}")]
    Value(String, ValueError),
    /// The server sent another version than the one that it names.
    #[error("secret `{0}`: the server lent {1} in its place")]
    Other(String, Box<SecretVersion>),
    /// A value does not open.
    #[error(
        "secret `{0}` does not open with the key that was lent for this step; the server lent a changed value"
    )]
    Open(String, OpenError),
    /// The step has another secret than those that were lent.
    #[error("secret `{0}` was not lent")]
    Missing(String),
    /// A value that lies in a store cannot be read.
    #[error(transparent)]
    Store(#[from] stores::StoresError),
    /// The values cannot be masked.
    #[error(transparent)]
    Mask(#[from] mask::MaskError),
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// There is no role.
    #[error("a role of a database: {0}")]
    Role(#[from] RoleError),
}

/// Why a role is not made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// The credential cannot be used.
    #[error("secret `{0}`: {1}")]
    Credential(SecretName, AdminError),
    /// The database.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The database may not be reached, or has no address.
    #[error("the database {0} cannot be reached: {1}")]
    Reach(Target, String),
    /// The key of a lease cannot be read.
    #[error("cannot read `{path}`: {1}", path = .0.display())]
    Key(PathBuf, io::Error),
    /// It is damaged.
    #[error("`{path}`: {1}", path = .0.display())]
    Damaged(PathBuf, SealSecretError),
    /// The credential in the journal cannot be understood.
    #[error("its credential in the journal of leases cannot be understood: {0}")]
    Sealed(serde_json::Error),
}
