//! The configuration of a place as its agents get it between releases, so that rules about drift and a baseline hold without one.
//! Format: `docs/formats/configuration-order.md`.
//!
//! Invariant: every part is signed on its own or named by a digest that is, so the order itself is not signed. A server can
//! withhold it: an agent goes on by the newest one that it has verified, and takes no older one.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::place::Place;
use crate::{Bytes, Id};

/// Largest order in bytes.
pub const BYTES_MAX: usize = 2 * 1024 * 1024;

/// The configuration of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationOrder {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// The place.
    pub place: Place,
    /// Trust roots from version 1 on.
    pub roots: Vec<Envelope>,
    /// The environment statement.
    pub statement: Envelope,
    /// The bytes of the configuration that it names.
    pub configuration: Bytes,
}

impl ConfigurationOrder {
    /// Parses an order.
    ///
    /// # Errors
    /// `CanonicalError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("configuration order", bytes, BYTES_MAX)
    }

    /// Encodes the order into its canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("configuration order", self)
    }
}
