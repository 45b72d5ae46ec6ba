//! Run orders: the evidence with which a runner checks that an authorised person asked for its work. Format:
//! `docs/formats/run-order.md`.
//!
//! Invariant: every part is signed on its own, so the order itself is not signed.

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;
use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::git::RefName;
use crate::status::StatusFile;
use crate::{Digest, Moment};

/// Largest run order in bytes.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Highest number of statements that lend secrets in an order.
pub const GRANTS_MAX: usize = 256;

/// A run order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOrder {
    /// Version of this format; 1.
    pub v: u8,
    /// Trust roots from version 1 on.
    pub roots: Vec<Envelope>,
    /// The status.
    pub status: StatusFile,
    /// Enrolments of the people who asked, agreed, signed the commit or lend secrets, sorted by the digests of their payloads.
    pub enrolments: Vec<Envelope>,
    /// The request for the run, and the requests that agreed at its approval nodes, sorted in the same way.
    pub requests: Vec<Envelope>,
    /// Releases of the run's artifacts whose checks are due. Omitted when empty, as in orders of the first programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckOrder>,
    /// Statements that lend secrets to steps of the run, sorted by the digests of their payloads. Omitted when empty, as in orders of
    /// the first programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Envelope>,
    /// The trigger that asked for the run in the place of a person's request; absent if a person asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<TriggerOrder>,
}

/// A trigger, and what set it off. The run's nonce follows from both and the commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerOrder {
    /// The signed statement of the trigger.
    pub statement: Envelope,
    /// The event that set it off.
    pub occurrence: Occurrence,
}

/// Events that set a trigger off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occurrence {
    /// A ref came to name the commit.
    Ref(RefName),
    /// A time of its schedule.
    Time(Moment),
    /// An event with this digest.
    Event(Digest),
}

/// The evidence that a release runs and may be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckOrder {
    /// The agent's report that the release runs.
    pub report: Envelope,
    /// The statement of the environment, which names the agent.
    pub environment: Envelope,
    /// Configuration that the statement names.
    pub configuration: Bytes,
}

impl RunOrder {
    /// Fields that restrict what may happen and that this program does not apply. A runner that meets one does nothing.
    #[must_use]
    pub fn unapplied(&self) -> Vec<&'static str> {
        self.trigger.is_some().then_some("trigger").into_iter().collect()
    }

    /// Parses a run order.
    ///
    /// # Errors
    /// `CanonicalError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("run order", bytes, BYTES_MAX)
    }

    /// Encodes the order into its canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("run order", self)
    }
}
