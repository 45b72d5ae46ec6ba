//! Pins: one line by which a person gives a colleague or a machine the trust anchor, so that it need not trust the
//! server. Format: `docs/formats/pin.md`.
//!
//! Invariant: one spelling: `cs1.`, or `cs2.` if it names the server's addresses, and unpadded URL-safe base64 of canonical
//! JSON. A pin is neither secret nor signed. It is as trustworthy as the channel over which it was sent.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tlog::Checkpoint;

use crate::address::{self, AddressError};
use crate::canonical;
use crate::{Digest, Id, Name};

/// A pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Version of this format: 2 if it names addresses, else 1.
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
    /// URLs of the server, sorted as preferred; absent in version 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Digest of the certificate of the installation's authority, which secures addresses of `https`; absent in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Digest>,
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
pub enum PinError {
    /// It is something else, or damaged.
    #[error(
        "not a pin: expected the line that `countersign trust pin` prints, starting with `cs1.` or `cs2.`"
    )]
    Shape,
    /// It is of a version that this program does not know.
    #[error("a pin of version {0}, which this program does not know; use a newer program")]
    Version(u8),
    /// An address is invalid.
    #[error("not a pin: {0}")]
    Address(#[from] AddressError),
    /// It names an address of `https` and no authority.
    #[error("not a pin: it names an address of `https` and no authority that secures it")]
    Authority,
}

impl Pin {
    /// The pinned checkpoint.
    ///
    /// # Errors
    /// `PinError` when the pin contains no valid checkpoint.
    pub fn checkpoint(&self) -> Result<Checkpoint, PinError> {
        self.checkpoint.parse().map_err(|_| PinError::Shape)
    }

    /// The same pin with the addresses of the server and the digest of its authority's certificate; without both it is of
    /// version 1.
    ///
    /// # Errors
    /// `PinError` when an address is invalid, or one of `https` has no authority.
    pub fn reached_at(self, addresses: Vec<String>, authority: Option<Digest>) -> Result<Self, PinError> {
        let v = if addresses.is_empty() && authority.is_none() { 1 } else { 2 };
        let pin = Self { v, addresses, authority, ..self };
        pin.check()?;
        Ok(pin)
    }

    /// Checks the rules of the format.
    ///
    /// # Errors
    /// `PinError` names the fault.
    pub fn check(&self) -> Result<(), PinError> {
        self.checkpoint()?;
        let is_sorted = self.environments.is_sorted_by(|a, b| a < b);
        match self.v {
            1 if is_sorted && self.addresses.is_empty() && self.authority.is_none() => Ok(()),
            2 if is_sorted => {
                address::check_all(&self.addresses)?;
                let needs_authority = self.addresses.iter().any(|address| address::is_secured(address));
                if needs_authority && self.authority.is_none() { Err(PinError::Authority) } else { Ok(()) }
            }
            1 | 2 => Err(PinError::Shape),
            newer => Err(PinError::Version(newer)),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = canonical::encode("pin", self).map_err(|_| fmt::Error)?;
        write!(f, "cs{}.{}", self.v, URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (version, encoded) =
            text.strip_prefix("cs").and_then(|rest| rest.split_once('.')).ok_or(PinError::Shape)?;
        let version: u8 = match version {
            "1" => 1,
            "2" => 2,
            other => {
                let newer = other.parse().ok().filter(|version| *version > 2);
                return Err(newer.map_or(PinError::Shape, PinError::Version));
            }
        };
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| PinError::Shape)?;
        let pin: Self = canonical::decode("pin", &bytes, BYTES_MAX).map_err(|_| PinError::Shape)?;
        pin.check()?;
        if pin.v == version { Ok(pin) } else { Err(PinError::Shape) }
    }
}

const BYTES_MAX: usize = 64 * 1024;
