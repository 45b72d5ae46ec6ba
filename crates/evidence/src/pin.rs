//! Pins: one line by which a person gives a colleague or a machine the trust anchor, so that it need not trust the
//! server. Format: `docs/formats/pin.md`.
//!
//! Invariant: one spelling: `cs1.` and unpadded URL-safe base64 of canonical JSON. A pin is neither secret nor signed.
//! It is as trustworthy as the channel over which it was sent.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tlog::Checkpoint;

use crate::canonical;
use crate::{Digest, Id, Name};

/// A pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// Version of the trust root.
    pub root_version: u32,
    /// Digest of the trust root.
    pub root: Digest,
    /// Number of the status.
    pub status: u64,
    /// Environments with their numbers, sorted.
    pub environments: Vec<EnvironmentPin>,
    /// Text of the newest checkpoint seen.
    pub checkpoint: String,
}

/// Numbers seen of one service in one environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentPin {
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// Number of the newest environment statement.
    pub number: u64,
    /// Number of the newest release; 0 before the first one.
    pub release: u64,
}

impl EnvironmentPin {
    /// Merges these numbers into the list of known places, sorted. For the same place, the highest numbers win.
    #[must_use]
    pub fn beside(mut self, known: &[Self]) -> Vec<Self> {
        let same = |other: &Self| {
            (&other.project, &other.service, &other.environment)
                == (&self.project, &self.service, &self.environment)
        };
        let (here, mut all): (Vec<_>, Vec<_>) = known.iter().cloned().partition(same);
        for other in here {
            self.number = self.number.max(other.number);
            self.release = self.release.max(other.release);
        }
        all.push(self);
        all.sort();
        all
    }
}

/// The text is not a pin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a pin: expected the line that `countersign trust pin` prints, starting with `cs1.`")]
pub struct PinError;

impl Pin {
    /// The pinned checkpoint.
    ///
    /// # Errors
    /// `PinError` when the pin contains no valid checkpoint.
    pub fn checkpoint(&self) -> Result<Checkpoint, PinError> {
        self.checkpoint.parse().map_err(|_| PinError)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = canonical::encode("pin", self).map_err(|_| fmt::Error)?;
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let encoded = text.strip_prefix(PREFIX).ok_or(PinError)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| PinError)?;
        let pin: Self = canonical::decode("pin", &bytes, BYTES_MAX).map_err(|_| PinError)?;
        let sorted = pin.environments.is_sorted_by(|a, b| a < b);
        if pin.v == 1 && sorted && pin.checkpoint().is_ok() { Ok(pin) } else { Err(PinError) }
    }
}

const PREFIX: &str = "cs1.";
const BYTES_MAX: usize = 64 * 1024;
