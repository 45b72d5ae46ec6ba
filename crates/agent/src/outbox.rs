//! Observations that the server does not have yet, in the agent's directory.
//!
//! Invariant: one file for each, named by its number in the agent's chain, written completely or not at all before anybody
//! can send it. A file goes only after the server has recorded it, so a crash sends it again and loses nothing. The number of
//! files is bounded; the last verdict of a release is never among those that go.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::observations::{Observation, ObservationError};

/// The directory of the files.
#[derive(Clone, Debug)]
pub struct Outbox(PathBuf);

/// An observation that was not sent yet.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// The observation.
    pub observation: Observation,
    /// The signed envelope.
    pub envelope: Envelope,
}

/// Why observations cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The file system failed.
    #[error("cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, io::Error),
    /// The file did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// A file is damaged.
    #[error("`{0}` is no observation: {1}; remove it")]
    Damaged(PathBuf, ObservationError),
    /// There is no room, and nothing that may be dropped.
    #[error(
        "{UNSENT_MAX} observations wait for the server, the highest number; look why the server takes none of them"
    )]
    Full,
}

impl Outbox {
    /// The outbox of an agent's directory.
    pub fn of(dir: &Path) -> Self {
        Self(dir.join("observations"))
    }

    /// Numbers of the observations, the lowest first.
    ///
    /// # Errors
    /// `OutboxError` when the directory cannot be read.
    pub fn numbers(&self) -> Result<Vec<u64>, OutboxError> {
        let failed = |error| OutboxError::Io("read", self.0.clone(), error);
        let files = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(failed)?,
        };
        let mut numbers = Vec::new();
        for file in files {
            let name = file.map_err(failed)?.file_name();
            // A file that a crash left beside one has another name.
            numbers.extend(name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Reads one.
    ///
    /// # Errors
    /// `OutboxError` when it cannot be read.
    pub fn read(&self, number: u64) -> Result<Unsent, OutboxError> {
        let path = self.file(number);
        let bytes = match disk::read_bounded(&path, ENVELOPE_BYTES_MAX as u64) {
            Ok((bytes, _)) => bytes,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(OutboxError::Damaged(path, ObservationError::Rule(TOO_LARGE)));
            }
            Err(error) => return Err(OutboxError::Io("read", path, error)),
        };
        let envelope = Envelope::decode(&bytes).map_err(ObservationError::Envelope);
        let envelope = envelope.map_err(|error| OutboxError::Damaged(path.clone(), error))?;
        let observation = Observation::read(&envelope);
        let observation = observation.map_err(|error| OutboxError::Damaged(path, error))?;
        Ok(Unsent { observation, envelope })
    }

    /// The newest one.
    ///
    /// # Errors
    /// `OutboxError` when it cannot be read.
    pub fn newest(&self) -> Result<Option<Unsent>, OutboxError> {
        self.numbers()?.last().map(|number| self.read(*number)).transpose()
    }

    /// Makes room for one more: beyond the bound the oldest verdict goes that is not the last of its release.
    ///
    /// # Errors
    /// `OutboxError::Full` if nothing may go.
    pub fn make_room(&self) -> Result<(), OutboxError> {
        let numbers = self.numbers()?;
        if numbers.len() < UNSENT_MAX {
            return Ok(());
        }
        // The first one may be on its way.
        for number in numbers.into_iter().skip(1) {
            if self.read(number)?.observation.body.is_intermediate() {
                return self.remove(number);
            }
        }
        Err(OutboxError::Full)
    }

    /// Keeps one, in the place of one with the same number.
    ///
    /// # Errors
    /// `OutboxError` when it does not become durable.
    pub fn put(&self, number: u64, bytes: &[u8]) -> Result<(), OutboxError> {
        disk::make_dir(&self.0)?;
        Ok(disk::replace("agent.observation", &self.file(number), bytes, 0o600)?)
    }

    /// Removes one that the server has. If a crash brings it back, it is sent again.
    ///
    /// # Errors
    /// `OutboxError` when it cannot be removed.
    pub fn remove(&self, number: u64) -> Result<(), OutboxError> {
        let path = self.file(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(OutboxError::Io("remove", path, error))
            }
            _ => Ok(()),
        }
    }

    fn file(&self, number: u64) -> PathBuf {
        self.0.join(format!("{number:020}{SUFFIX}"))
    }
}

const SUFFIX: &str = ".json";
const TOO_LARGE: &str = "it has more bytes than a signed envelope may have";
/// From so many on, a verdict takes the place of the one before it of the same release.
pub const MERGED_FROM: usize = 16;
/// Highest number of observations that wait.
const UNSENT_MAX: usize = 256;
