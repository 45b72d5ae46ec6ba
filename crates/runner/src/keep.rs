//! The runner's store of receipts and of the outputs that they name, for later steps.
//!
//! Invariant: a file is stored completely or not at all, and is compared with its digest when it is read. Outputs of
//! other runners are never stored here: two runners prove more than one only if they work independently. The store has a
//! size limit: beyond it the outputs that were left longest ago are removed, and a step that still needs them fails with
//! that reason.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use evidence::dsse::Envelope;
use evidence::receipt::{PAYLOAD_TYPE, Receipt};
use evidence::{Digest, Name};

use crate::disk_limit::{Size, StoredFile, list, surplus};
use crate::outputs::{RetainedOutput, RetainedOutputs};

/// A directory of receipts and outputs.
#[derive(Debug)]
pub struct Keep {
    dir: PathBuf,
    room: u64,
    held: Mutex<u64>,
}

/// Why an output is missing.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// A file did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The file system failed.
    #[error("cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, io::Error),
    /// A receipt or output is missing or changed.
    #[error("{0} was removed or changed on this runner; run the commit again")]
    Missing(Digest),
    /// The inputs are larger than a step may get.
    #[error("the needed steps left {0} bytes together, at most {NEEDED_BYTES_MAX} can be given to a step")]
    Large(u64),
}

impl Keep {
    /// Opens or makes a store in a directory, with a size limit.
    ///
    /// # Errors
    /// `KeepError::Io` if it cannot be made.
    pub fn open(dir: &Path, room: u64) -> Result<Self, KeepError> {
        for part in PARTS {
            disk::make_dir(&dir.join(part))?;
        }
        let keep = Self { dir: dir.to_path_buf(), room, held: Mutex::new(0) };
        let held = keep.list()?.iter().map(|file| file.bytes).sum();
        keep.make_room(held)?;
        Ok(keep)
    }

    /// Stores a receipt and its outputs.
    ///
    /// # Errors
    /// `KeepError::Io` if they cannot be written.
    pub fn put(&self, receipt: &Envelope, outputs: &RetainedOutputs) -> Result<(), KeepError> {
        let digest = receipt.payload_digest();
        let bytes = receipt.encode().map_err(|_| KeepError::Missing(digest))?;
        for kept in outputs.values() {
            self.write("runner.output", "outputs", &kept.output.sha256, &kept.bytes)?;
        }
        self.write("runner.receipt", "receipts", &digest, &bytes)
    }

    /// Stores bytes under their digest, such as a log.
    ///
    /// # Errors
    /// `KeepError::Io` if they cannot be written.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, KeepError> {
        let digest = Digest::of(bytes);
        self.write("runner.output", "outputs", &digest, bytes)?;
        Ok(digest)
    }

    /// The bytes of a digest.
    ///
    /// # Errors
    /// `KeepError` if they are missing or changed.
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>, KeepError> {
        let bytes = self.read("outputs", digest)?;
        if Digest::of(&bytes) != *digest {
            // The damaged file is removed, so that the next run can store it again.
            drop(fs::remove_file(self.path("outputs", digest)));
            return Err(KeepError::Missing(*digest));
        }
        Ok(bytes)
    }

    /// The outputs of each step that another one needs, by the digests of their receipts' payloads.
    ///
    /// # Errors
    /// `KeepError` if one is missing or changed, or all together are too large.
    pub fn outputs_of_steps(
        &self,
        needs: &BTreeMap<Name, Digest>,
    ) -> Result<BTreeMap<Name, RetainedOutputs>, KeepError> {
        let mut bytes = 0;
        needs.iter().map(|(step, receipt)| Ok((step.clone(), self.taken(receipt, &mut bytes)?))).collect()
    }

    /// The outputs of a receipt, by the digest of its payload.
    ///
    /// # Errors
    /// `KeepError` if one is missing or changed.
    pub fn outputs(&self, receipt: &Digest) -> Result<RetainedOutputs, KeepError> {
        self.taken(receipt, &mut 0)
    }

    fn taken(&self, receipt: &Digest, sum: &mut u64) -> Result<RetainedOutputs, KeepError> {
        let missing = || KeepError::Missing(*receipt);
        let envelope = Envelope::decode(&self.read("receipts", receipt)?).map_err(|_| missing())?;
        let payload = envelope.payload(PAYLOAD_TYPE).map_err(|_| missing())?;
        if Digest::of(payload) != *receipt {
            return Err(missing());
        }
        let facts: Receipt =
            evidence::canonical::decode("receipt", payload, payload.len()).map_err(|_| missing())?;
        *sum = facts.outputs.values().fold(*sum, |sum, output| sum.saturating_add(output.size));
        if *sum > NEEDED_BYTES_MAX {
            return Err(KeepError::Large(*sum));
        }
        let mut given: RetainedOutputs = BTreeMap::new();
        for (path, output) in facts.outputs {
            let bytes = self.blob(&output.sha256)?;
            given.insert(path, RetainedOutput { output, bytes });
        }
        Ok(given)
    }

    fn path(&self, part: &str, digest: &Digest) -> PathBuf {
        self.dir.join(part).join(digest.hex())
    }

    fn read(&self, part: &str, digest: &Digest) -> Result<Vec<u8>, KeepError> {
        let path = self.path(part, digest);
        fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeepError::Missing(*digest),
            _ => KeepError::Io("read", path, error),
        })
    }

    fn write(&self, point: &'static str, part: &str, digest: &Digest, bytes: &[u8]) -> Result<(), KeepError> {
        let path = self.path(part, digest);
        match fs::File::open(&path) {
            // A file that is left again becomes the newest one.
            Ok(file) => {
                file.set_modified(SystemTime::now()).map_err(|error| KeepError::Io("touch", path, error))
            }
            Err(_) => {
                let new = path.with_extension(format!("{:?}.new", std::thread::current().id()));
                disk::write(&new, bytes, 0o644)?;
                disk::rename(point, &new, &path)?;
                self.make_room(bytes.len() as u64)
            }
        }
    }

    /// Removes the oldest files if a new one exceeds the limit.
    fn make_room(&self, new: u64) -> Result<(), KeepError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = held.saturating_add(new);
        if *held <= self.room {
            return Ok(());
        }
        let files = self.list()?;
        *held = files.iter().map(|file| file.bytes).sum();
        for file in surplus(files, Size { bytes: self.room, files: u64::MAX }) {
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(KeepError::Io("remove", file.path, error));
                }
                _ => {}
            }
            *held = held.saturating_sub(file.bytes);
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<StoredFile>, KeepError> {
        list(&PARTS.map(|part| self.dir.join(part)))
            .map_err(|(path, error)| KeepError::Io("read", path, error))
    }
}

const PARTS: [&str; 2] = ["receipts", "outputs"];
/// Most bytes of outputs that a step can get in addition to the source.
const NEEDED_BYTES_MAX: u64 = 4 << 30;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use evidence::receipt::Output;

    use super::*;

    #[test]
    fn what_was_left_longest_ago_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let room = 100_000;
        let keep = Keep::open(dir.path(), room).unwrap();
        let bytes = vec![7; 10_000];
        let path = |digest: &Digest| dir.path().join("outputs").join(digest.hex());
        let mut left = Vec::new();
        let begin = SystemTime::UNIX_EPOCH;
        for number in 0..30_u8 {
            let mut bytes = bytes.clone();
            bytes.push(number);
            let output = Output::file(&bytes, false);
            let digest = output.sha256;
            keep.write("runner.output", "outputs", &digest, &bytes).unwrap();
            // A file that is left again and again is never the oldest.
            left.push(digest);
            let file = fs::File::open(path(&digest)).unwrap();
            file.set_modified(begin + Duration::from_secs(number.into())).unwrap();
            let mut first = vec![7; 10_000];
            first.push(0);
            keep.write("runner.output", "outputs", &Digest::of(&first), &first).unwrap();
            let held: u64 = keep.list().unwrap().iter().map(|file| file.bytes).sum();
            assert!(held <= room, "{number}: {held}");
        }
        let there: Vec<bool> = left.iter().map(|digest| path(digest).exists()).collect();
        assert!(there[0] && there[29] && !there[1] && !there[10], "{there:?}");
        assert!(there[1..].is_sorted(), "the youngest stay: {there:?}");
        assert!(there.iter().filter(|there| **there).count() >= 8, "no more than needed goes: {there:?}");
        // A second start counts the stored files, and removes the rest of a crashed write.
        let half_written = dir.path().join("outputs/x.new");
        disk::write(&half_written, &vec![0; 2 * usize::try_from(room).unwrap()], 0o644).unwrap();
        Keep::open(dir.path(), room).unwrap();
        assert!(!half_written.exists(), "it alone is more than there is room for");
    }
}
