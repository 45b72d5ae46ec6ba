//! A release that did not work at one agent of a place, for the agents that have it: they go back. Format:
//! `docs/formats/retreat-order.md`.
//!
//! Invariant: every part is signed on its own, so the order itself is not signed. A server can withhold it: then an agent keeps
//! what every agent before it runs. It can have no agent go back, because it has no key of an agent.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::place::Place;
use crate::status::StatusFile;

/// Largest order in bytes.
pub const BYTES_MAX: usize = 2 * 1024 * 1024;

/// An order to go back from a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetreatOrder {
    /// Version of this format; 1.
    pub v: u8,
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Trust roots from version 1 on.
    pub roots: Vec<Envelope>,
    /// The status in force.
    pub status: StatusFile,
    /// The environment statement.
    pub statement: Envelope,
    /// The report of the agent where the release did not work.
    pub report: Envelope,
    /// Its observation that bars the artifact; absent if nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<Envelope>,
}

impl RetreatOrder {
    /// Parses an order.
    ///
    /// # Errors
    /// `CanonicalError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("retreat order", bytes, BYTES_MAX)
    }

    /// Encodes the order into its canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("retreat order", self)
    }
}
