//! Why a store is not read.
//!
//! Invariant: each text names the store or the file, and a remedy; none has a value or a credential.

use std::io;
use std::path::PathBuf;

use evidence::Name;
use openbao::StoreError;

/// A failure.
#[derive(Debug, thiserror::Error)]
pub enum StoresError {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {1}; the operator of this machine mends that", path = .0.display())]
    Io(PathBuf, io::Error),
    /// A file does not follow its format.
    #[error("`{path}`: {1}; correct the file", path = .0.display())]
    Unsound(PathBuf, String),
    /// Others could change a file, or read a credential.
    #[error("`{path}` has mode {mode:04o}, so that others {what}; `chmod 600 {path}` mends that", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The right of others.
        what: &'static str,
    },
    /// The operator has no such store.
    #[error(
        "store `{store}` is not known on this machine: its operator names it in `{path}`, or have the secret granted from another store",
        path = path.display()
    )]
    Unknown {
        /// The store.
        store: Name,
        /// The operator's file.
        path: PathBuf,
    },
    /// The operator does not let the project read there.
    #[error(
        "store `{store}`, `{at}`: the operator of this machine lets project `{project}` read nothing there; `projects` in `{path}` names what it may read",
        path = path.display()
    )]
    Project {
        /// The store.
        store: Name,
        /// The place in it.
        at: String,
        /// The project.
        project: Name,
        /// The operator's file.
        path: PathBuf,
    },
    /// The machine's key does not sign.
    #[error("store `{0}`: no token for its login: {1}")]
    Token(Name, String),
    /// The store did not do it.
    #[error("store `{store}`, `{at}`: {error}")]
    Store {
        /// The store.
        store: Name,
        /// The place in it, as the grant names it.
        at: String,
        /// The failure.
        error: Box<StoreError>,
    },
    /// There is no such field.
    #[error("store `{0}`, `{1}`: there is no such field; write it there, or have another field granted")]
    Field(Name, String),
    /// The value is too long.
    #[error("store `{0}`, `{1}`: the value has more than 1 MiB; put a shorter one there")]
    Long(Name, String),
    /// The grant does not name what is asked for here.
    #[error("store `{0}`, `{1}`: this is not a place that can be read so; have the secret granted again")]
    Place(Name, String),
    /// The lease would end while the step runs.
    #[error(
        "store `{store}`, `{at}`: its user would end after {seconds} seconds, and the step may take {needed}; give the step a lower `time`, or the role or login a longer time to live"
    )]
    Short {
        /// The store.
        store: Name,
        /// The place in it.
        at: String,
        /// Seconds until the lease or its token ends.
        seconds: u64,
        /// Seconds that the step may take.
        needed: u64,
    },
    /// Tokens of this login cannot be revoked by another process.
    #[error(
        "store `{0}`, `{1}`: the tokens of its login have no accessor, so that a crash would leave the user behind; set the type of its tokens to `service`"
    )]
    Accessor(Name, String),
    /// The journal cannot be written or read.
    #[error("the journal of leases of stores: {0}")]
    Journal(String),
}
