//! A return that an agent carried out by hand, as it remembers it until the server has recorded it.
//!
//! Invariant: the report comes with the person's signed request and their enrolment, so that the server can verify who asked.

use evidence::dsse::Envelope;
use serde::{Deserialize, Serialize};

/// A return that was carried out by hand and that the server has not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedOut {
    /// The report before it, which the server may not have either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Envelope>,
    /// The report about it.
    pub report: Envelope,
    /// The person's signed request.
    pub request: Envelope,
    /// The person's enrolment.
    pub enrolment: Envelope,
}
