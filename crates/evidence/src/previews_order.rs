//! Previews orders: the template of an agent's previews as it stands now, and the previews that people made from it. Format:
//! `docs/formats/previews-order.md`.
//!
//! Invariant: every part is signed on its own, so the order itself is not signed. It may omit what it likes: a preview that is
//! not in it goes on until its time is over. Only a person's request or a newer template ends one before.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::preview::COUNT_MAX;
use crate::status::StatusFile;

/// Largest order in bytes.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// The previews of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewsOrder {
    /// Version of this format; 1.
    pub v: u8,
    /// Trust roots from version 1 on.
    pub roots: Vec<Envelope>,
    /// The status.
    pub status: StatusFile,
    /// The newest statement at the place of the template.
    pub template: Envelope,
    /// The previews that its agent has not removed yet.
    pub previews: Vec<PreviewPart>,
}

/// A preview in an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewPart {
    /// The request for a run that made it.
    pub statement: Envelope,
    /// Enrolment of the person who signed that request. Without it the preview is not made, and lives no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<Envelope>,
    /// A person's request to remove it; absent if nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<PreviewRemoval>,
}

/// A request to remove a preview, with what proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewRemoval {
    /// Enrolment of the person who asks.
    pub enrolment: Envelope,
    /// The signed request `preview-remove`.
    pub request: Envelope,
}

impl PreviewsOrder {
    /// Parses an order.
    ///
    /// # Errors
    /// `CanonicalError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("previews order", bytes, BYTES_MAX)
    }

    /// Encodes the order into its canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("previews order", self)
    }

    /// The previews up to the highest number that a template allows.
    pub fn bounded(&self) -> impl Iterator<Item = &PreviewPart> {
        self.previews.iter().take(COUNT_MAX as usize)
    }
}
