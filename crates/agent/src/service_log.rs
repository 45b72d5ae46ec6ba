//! The output of a service: a pipe that the agent reads, a file with a size limit, and the latest part in memory.
//!
//! Invariant: the service has no descriptor of the file, so it can neither truncate it nor fill the disk. If it prints
//! faster than the disk can write, the pipe fills and the service blocks in write(2); if the disk accepts nothing, output
//! is dropped and counted. No operation waits long for the end of a pipe.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::OFlags;
use tracing::warn;

/// The log of the services of one place.
#[derive(Clone, Debug)]
pub struct ServiceLog {
    file: Arc<Mutex<LogFile>>,
    latest: Arc<Mutex<Latest>>,
}

/// The latest part of the output.
#[derive(Debug, Default)]
struct Latest {
    bytes: VecDeque<u8>,
    /// Number of bytes that were printed before this part.
    begin: u64,
}

#[derive(Debug)]
struct LogFile {
    path: Option<PathBuf>,
    bytes_max: u64,
    dropped: u64,
}

/// One pipe that is copied into a log.
#[derive(Debug)]
pub struct Flow {
    /// The end of the log when it began.
    pub begin: u64,
    done: Receiver<()>,
}

impl ServiceLog {
    /// The log with a file at this path; a link there is not followed.
    pub fn new(path: &Path) -> Self {
        Self::with(Some(path.to_path_buf()), LOG_BYTES_MAX)
    }

    /// A log in memory only.
    pub fn in_memory() -> Self {
        Self::with(None, 0)
    }

    fn with(path: Option<PathBuf>, bytes_max: u64) -> Self {
        // An earlier agent process may have written the beginning of the part that people look for.
        let bytes = path.as_deref().and_then(|path| tail_of(path).ok()).unwrap_or_default();
        let file = Arc::new(Mutex::new(LogFile { path, bytes_max, dropped: 0 }));
        Self { file, latest: Arc::new(Mutex::new(Latest { bytes: bytes.into(), begin: 0 })) }
    }

    /// Writes a line of the agent itself.
    pub fn note(&self, line: &str) {
        let is_begun = {
            let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            latest.bytes.back().is_some_and(|last| *last != b'\n')
        };
        self.append(format!("{}{line}\n", if is_begun { "\n" } else { "" }).as_bytes());
    }

    /// Copies a pipe to its end, on a separate thread.
    pub fn take(&self, mut pipe: impl Read + Send + 'static) -> io::Result<Flow> {
        let (end, done) = channel();
        let (begin, log) = (self.end(), self.clone());
        std::thread::Builder::new().name("service-log".into()).spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => log.append(buffer.get(..count).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            // The receiver may be gone.
            let _ = end.send(());
        })?;
        Ok(Flow { begin, done })
    }

    /// The same, and into another log as well, whose part of it the flow names.
    pub fn take_twice(&self, pipe: impl Read + Send + 'static, other: &Self) -> io::Result<Flow> {
        let begin = other.end();
        let flow = self.take(Copying { pipe, to: other.clone() })?;
        Ok(Flow { begin, ..flow })
    }

    fn append(&self, bytes: &[u8]) {
        {
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            latest.bytes.extend(bytes);
            let beyond = latest.bytes.len().saturating_sub(LATEST_BYTES_MAX);
            latest.bytes.drain(..beyond);
            latest.begin += beyond as u64;
        }
        self.file.lock().unwrap_or_else(PoisonError::into_inner).append(bytes);
    }

    /// Number of bytes that were printed since the agent began.
    pub fn end(&self) -> u64 {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.begin + latest.bytes.len() as u64
    }

    /// The output from a position on, as far as it is still in memory: its first position, and at most `most` bytes.
    pub fn since(&self, from: u64, most: usize) -> (u64, Vec<u8>) {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let end = latest.begin + latest.bytes.len() as u64;
        let from = from.clamp(latest.begin, end);
        let skip = usize::try_from(from - latest.begin).unwrap_or(usize::MAX);
        (from, latest.bytes.iter().skip(skip).take(most).copied().collect())
    }

    /// The last lines that arrived through one pipe.
    pub fn last_lines(&self, of: &Flow) -> String {
        // The last output may still be in the pipe; a process that keeps the pipe open is not waited for.
        let _ = of.done.recv_timeout(LAST_WORDS);
        let (_, bytes) = self.since(of.begin.max(self.end().saturating_sub(LINES_BYTES_MAX)), usize::MAX);
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<_> =
            text.lines().rev().filter(|line| !line.trim().is_empty()).take(LINES_MAX).collect();
        lines.reverse();
        lines.join("\n")
    }
}

/// A pipe whose bytes go into a log as they are read.
struct Copying<R> {
    pipe: R,
    to: ServiceLog,
}

impl<R: Read> Read for Copying<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.pipe.read(buffer)?;
        self.to.append(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// The end of a log's file, as much as is kept in memory; a link is not followed.
fn tail_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(File::options().read(true), path)?;
    let size = file.metadata()?.len();
    file.seek(io::SeekFrom::Start(size.saturating_sub(LATEST_BYTES_MAX as u64)))?;
    let mut bytes = Vec::new();
    file.take(LATEST_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a plain file. A service may run as the same user and put a link or a pipe in its place; both are refused.
fn open(options: &mut fs::OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = options.mode(0o600).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

impl LogFile {
    fn append(&mut self, bytes: &[u8]) {
        let Some(path) = self.path.clone() else { return };
        match self.write(&path, bytes) {
            Ok(()) => self.dropped = 0,
            Err(error) => {
                if self.dropped == 0 {
                    warn!("`{}`: {error}; the service's output is lost", path.display());
                }
                self.dropped += bytes.len() as u64;
            }
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = open(File::options().create(true).append(true), path)?;
        if file.metadata()?.len().saturating_add(bytes.len() as u64) > self.bytes_max {
            // A failed rename is ignored: the file is then replaced, so that the disk does not fill up.
            let aside = path.with_extension("log.1");
            let kept = match fs::remove_file(&aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => fs::copy(path, &aside).map(drop),
            };
            file.set_len(0)?;
            kept?;
        }
        if self.dropped > 0 {
            writeln!(file, "[{} bytes were lost here: the disk could not write them]", self.dropped)?;
        }
        file.write_all(bytes)
    }
}

/// Size at which a log is renamed to `.1`; an older `.1` is deleted.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Size of the part in memory.
const LATEST_BYTES_MAX: usize = 256 * 1024;
const LINES_MAX: usize = 10;
const LINES_BYTES_MAX: u64 = 2048;
/// Longest wait for the last output of a process that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
