//! Events of approvals, as facts.
//!
//! Invariant: facts hold no free text. A person's reasons and tickets are in the signed statement, a blob.

use evidence::approval::Decision;
use evidence::{Digest, Moment};
use serde::{Deserialize, Serialize};

use crate::ids::PersonId;
use evidence::Place;

/// A person approved or rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// The person who signed.
    pub person: PersonId,
    /// Whether the person approved or rejected.
    pub decision: Decision,
    /// The artifact.
    pub artifact: Digest,
    /// The plan.
    pub plan: Digest,
    /// End of the approval's validity.
    pub expires: Moment,
    /// Digest of the signed envelope, a blob.
    pub envelope: Digest,
}
