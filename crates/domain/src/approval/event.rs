//! What can happen to approvals, as facts. Reasons and tickets are in the signed statement, a blob.

use evidence::approval::Decision;
use evidence::{Digest, Moment};
use serde::{Deserialize, Serialize};

use crate::ids::PersonId;
use crate::place::Place;

/// A person approved or rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Who.
    pub person: PersonId,
    /// Yes or no.
    pub decision: Decision,
    /// The artifact.
    pub artifact: Digest,
    /// The plan.
    pub plan: Digest,
    /// When it ceases to count.
    pub expires: Moment,
    /// Digest of the signed envelope, a blob.
    pub envelope: Digest,
}
