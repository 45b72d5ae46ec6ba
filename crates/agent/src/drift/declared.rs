//! The newest configuration of the place that this agent has verified: rules about drift, and the baseline.
//!
//! Invariant: the number of its environment statement only rises. It is kept in a file beside the memory, so that an agent
//! without a server goes on by it; a file that cannot be read counts as absent, and the next release or order brings it again.

use std::path::Path;

use evidence::Bytes;
use evidence::configuration::{self, Configuration};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::unreadable::Unreadable;

/// A verified configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Number of the environment statement; 0 if none was verified yet.
    pub statement: u64,
    /// The configuration.
    pub configuration: Configuration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    v: u8,
    statement: u64,
    configuration: Bytes,
}

impl Declared {
    /// Reads the file in an agent's directory.
    pub fn read(dir: &Path) -> Self {
        let kept = match disk::read_bounded(&dir.join(DECLARED_FILE), BYTES_MAX) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Self::default(),
            read => read.ok().and_then(|(bytes, _)| serde_json::from_slice::<Kept>(&bytes).ok()),
        };
        let kept = kept.filter(|kept| kept.v == 1);
        let read = kept.and_then(|kept| {
            let configuration = Configuration::decode(&kept.configuration.0).ok()?;
            Some(Self { statement: kept.statement, configuration })
        });
        read.unwrap_or_else(|| {
            warn!(
                "`{}` cannot be read; the next release or order brings it again",
                dir.join(DECLARED_FILE).display()
            );
            Self::default()
        })
    }

    /// Takes a verified configuration, unless a newer one is known; returns whether anything changed.
    ///
    /// # Errors
    /// `Unreadable::Configuration`, if this program cannot read it. The one that was known stays in force.
    pub fn take(&mut self, dir: &Path, statement: u64, configuration: &[u8]) -> Result<bool, Unreadable> {
        let read = Configuration::decode(configuration)
            .map_err(|error| Unreadable::Configuration { statement, why: error.to_string() })?;
        let new = Self { statement, configuration: read };
        if statement < self.statement || new == *self {
            return Ok(false);
        }
        let kept = Kept { v: 1, statement, configuration: Bytes(configuration.to_vec()) };
        let written = serde_json::to_vec_pretty(&kept).map_err(std::io::Error::other);
        let written = written.and_then(|text| {
            disk::replace("agent.declared", &dir.join(DECLARED_FILE), &text, 0o600)
                .map_err(std::io::Error::other)
        });
        // It holds from now on; a start asks for it again.
        if let Err(error) = written {
            warn!("the rules about drift cannot be kept: {error}");
        }
        *self = new;
        Ok(true)
    }
}

/// More than a configuration takes in base64, with its number.
const BYTES_MAX: u64 = 4 * configuration::BYTES_MAX as u64;
/// Name of the file in an agent's directory.
pub const DECLARED_FILE: &str = "declared.json";
