//! Events of sources, as facts.
//!
//! Invariant: facts hold ids and digests. Messages, names and paths are in the source pack, a blob.

use evidence::{CommitId, Digest, Name};
use serde::{Deserialize, Serialize};

use crate::ids::{PersonId, RunId};

/// A commit was submitted, and its signer is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The run that builds the commit.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// The commit.
    pub commit: CommitId,
    /// The person who signed the commit.
    pub signer: PersonId,
    /// The person who submitted the commit.
    pub requester: PersonId,
    /// Digest of the source pack, a blob.
    pub pack: Digest,
    /// Digest of the signed request's envelope, a blob.
    pub request: Digest,
}
