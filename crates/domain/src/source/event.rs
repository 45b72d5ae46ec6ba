//! What can happen to sources, as facts. Messages, names and paths are in the pack, a blob.

use evidence::{CommitId, Digest, Name};
use serde::{Deserialize, Serialize};

use crate::ids::{PersonId, RunId};

/// A commit was put forward, and its signer is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The run that it is for.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// The commit.
    pub commit: CommitId,
    /// Who signed it.
    pub signer: PersonId,
    /// Who put it forward.
    pub requester: PersonId,
    /// Digest of the source pack, a blob.
    pub pack: Digest,
    /// Digest of the signed request's envelope, a blob.
    pub request: Digest,
}
