//! What a runner keeps of its own work: receipts and the outputs that they name, for the steps after.
//!
//! Invariant: a file is there whole or not at all, and is compared with its digest when it is read. No other
//! runner's outputs are ever here: that is what makes two of them worth more than one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::receipt::{PAYLOAD_TYPE, Receipt};

use crate::step::{Given, Kept};

/// A directory of receipts and outputs.
#[derive(Debug)]
pub struct Keep {
    dir: PathBuf,
}

/// Why something is not there.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Something did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The file system failed.
    #[error("cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, io::Error),
    /// A receipt or output is missing or changed.
    #[error("{0} is not here, or not what it was; run again")]
    Missing(Digest),
}

impl Keep {
    /// A keep in a directory, which is made.
    ///
    /// # Errors
    /// `KeepError::Io` when it cannot be.
    pub fn open(dir: &Path) -> Result<Self, KeepError> {
        for part in ["receipts", "outputs"] {
            disk::make_dir(&dir.join(part))?;
        }
        Ok(Self { dir: dir.to_path_buf() })
    }

    /// Keeps a receipt and its outputs.
    ///
    /// # Errors
    /// `KeepError::Io` when they cannot be written.
    pub fn put(&self, receipt: &Envelope, outputs: &Given) -> Result<(), KeepError> {
        for kept in outputs.values() {
            self.write("runner.output", "outputs", &kept.output.sha256, &kept.bytes)?;
        }
        let digest = receipt.payload_digest();
        let bytes = receipt.encode().map_err(|_| KeepError::Missing(digest))?;
        self.write("runner.receipt", "receipts", &digest, &bytes)
    }

    /// The outputs of a receipt by the digest of its payload.
    ///
    /// # Errors
    /// `KeepError` when one is missing or changed.
    pub fn outputs(&self, receipt: &Digest) -> Result<Given, KeepError> {
        let missing = || KeepError::Missing(*receipt);
        let envelope = Envelope::decode(&self.read("receipts", receipt)?).map_err(|_| missing())?;
        let payload = envelope.payload(PAYLOAD_TYPE).map_err(|_| missing())?;
        if Digest::of(payload) != *receipt {
            return Err(missing());
        }
        let facts: Receipt =
            evidence::canonical::decode("receipt", payload, payload.len()).map_err(|_| missing())?;
        let mut given: Given = BTreeMap::new();
        for (path, output) in facts.outputs {
            let bytes = self.read("outputs", &output.sha256)?;
            if Digest::of(&bytes) != output.sha256 {
                return Err(KeepError::Missing(output.sha256));
            }
            given.insert(path, Kept { output, bytes });
        }
        Ok(given)
    }

    fn read(&self, part: &str, digest: &Digest) -> Result<Vec<u8>, KeepError> {
        let path = self.dir.join(part).join(digest.hex());
        fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeepError::Missing(*digest),
            _ => KeepError::Io("read", path, error),
        })
    }

    fn write(&self, point: &'static str, part: &str, digest: &Digest, bytes: &[u8]) -> Result<(), KeepError> {
        let path = self.dir.join(part).join(digest.hex());
        if path.exists() {
            return Ok(());
        }
        let new = path.with_extension(format!("{:?}.new", std::thread::current().id()));
        disk::write(&new, bytes, 0o644)?;
        Ok(disk::rename(point, &new, &path)?)
    }
}
