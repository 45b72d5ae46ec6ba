//! Leases that are to be revoked, and the result, as runner and holder tell each other.
//!
//! Invariant: neither has a credential: a lease has it sealed, and the key is named by its file.

use std::path::PathBuf;

use mint::{Lease, LeaseId};
use serde::{Deserialize, Serialize};

/// A lease to revoke, and where the key lies that opens its credential.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftLease {
    /// The lease.
    pub lease: Lease,
    /// File of its key.
    pub key: PathBuf,
}

/// The result for leases that were to be revoked.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Their roles are gone.
    pub gone: Vec<LeaseId>,
    /// Why others may still exist.
    pub left: Vec<String>,
}
