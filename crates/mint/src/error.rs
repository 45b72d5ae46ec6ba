//! Why a role could not be made, kept or dropped.
//!
//! Invariant: no text here contains a password or a statement.

use disk::DiskError;

/// A text that is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Too short or too long.
    #[error("a name has 1 to 63 bytes; this one has {0}")]
    Length(usize),
    /// A zero byte.
    #[error("a name contains no zero byte")]
    Zero,
}

/// A text that is no id of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of a lease is 32 lower-case hexadecimal digits")]
pub struct LeaseIdError;

/// A credential that cannot be used. No text of it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// It is no line.
    #[error("the credential is not one line of text, `USER:PASSWORD`")]
    Text,
    /// It begins with no name.
    #[error("the credential has no user: {0}")]
    User(TextError),
}

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] DiskError),
    /// It cannot be read.
    #[error("cannot read the journal of leases `{0}`: {1}")]
    Read(String, std::io::Error),
    /// It is no journal.
    #[error(
        "the journal of leases `{0}` cannot be understood: {1}; roles of its leases may be left in databases, by the names \
         `cs_...`"
    )]
    Unsound(String, String),
    /// It is full.
    #[error("{0} leases are in the journal, the most; drop those of databases that are away")]
    Full(usize),
}

/// A database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// No connection.
    #[error("cannot connect to the database {at}: {}", causes(source))]
    Connect {
        /// The database.
        at: String,
        /// The client's error.
        source: tokio_postgres::Error,
    },
    /// Nobody answers.
    #[error("cannot connect to the database {at}: {source}")]
    Away {
        /// The database.
        at: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// Too slow.
    #[error("the database {at} does not answer within {seconds} seconds")]
    Slow {
        /// The database.
        at: String,
        /// The time limit.
        seconds: u64,
    },
    /// The certificates named for the server are unusable.
    #[error("the authority of the database {at} has no certificate in PEM that can be read: {what}")]
    Authority {
        /// The database.
        at: String,
        /// The reason.
        what: String,
    },
    /// Not on this machine, and no authority.
    #[error(
        "the database {0} is on another machine and has no `authority`: name the certificate of its authority, so that \
         nothing goes there in the clear"
    )]
    Clear(String),
    /// A statement failed.
    #[error("the database {at} does not {doing}: {}", causes(source))]
    Statement {
        /// The database.
        at: String,
        /// The operation.
        doing: &'static str,
        /// The client's error.
        source: tokio_postgres::Error,
    },
    /// The role cannot connect.
    #[error("roles made in the database {0} may not connect to it: grant CONNECT on it to PUBLIC")]
    Unconnectable(String),
    /// Somebody else changes the two users.
    #[error("somebody else rotates the users `{one}` and `{other}` of the database {at} now")]
    Taken {
        /// The database.
        at: String,
        /// One user.
        one: String,
        /// The other.
        other: String,
    },
    /// There is no such user.
    #[error("the database {at} has no user `{user}`")]
    Unknown {
        /// The database.
        at: String,
        /// The user.
        user: String,
    },
    /// The system has no randomness.
    #[error("the system gives no random bytes")]
    Randomness,
}

/// An error of the client with what is behind it, which it does not show itself.
fn causes(error: &tokio_postgres::Error) -> String {
    let mut said = error.to_string();
    let mut at = std::error::Error::source(error);
    while let Some(cause) = at {
        said = format!("{said}: {cause}");
        at = cause.source();
    }
    said
}

/// A certificate cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshError {
    /// The authority's key is of no use.
    #[error(
        "the authority's key is no private Ed25519 key in OpenSSH's form without a passphrase: `ssh-keygen -t ed25519 -N \"\"` makes one"
    )]
    Authority,
    /// The terms are unsound.
    #[error("the terms of the certificate: {0}")]
    Terms(&'static str),
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    Randomness,
}
