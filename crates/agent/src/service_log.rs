//! What a service prints: a pipe that the agent reads, a file with a limit, and the latest part in memory.
//!
//! Invariant: the service has no descriptor of the file, so it can neither truncate it nor fill the disk. When it
//! prints faster than the disk takes it, the pipe is full and the service waits in its write(2); when the disk
//! takes nothing, what was printed is dropped and counted. Nobody waits for the end of a pipe for long.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::OFlags;

/// The log of the services of one place.
#[derive(Clone, Debug)]
pub struct ServiceLog {
    file: Arc<Mutex<LogFile>>,
    latest: Arc<Mutex<Latest>>,
}

/// The latest of what was printed.
#[derive(Debug, Default)]
struct Latest {
    bytes: VecDeque<u8>,
    /// How much was printed before these.
    begin: u64,
}

#[derive(Debug)]
struct LogFile {
    path: Option<PathBuf>,
    bytes_max: u64,
    dropped: u64,
}

/// One pipe on its way into a log.
#[derive(Debug)]
pub struct Flow {
    /// The end of the log when it began.
    pub begin: u64,
    done: Receiver<()>,
}

impl ServiceLog {
    /// The log whose file lies here; a link is not followed.
    pub fn new(path: &Path) -> Self {
        Self::with(Some(path.to_path_buf()), LOG_BYTES_MAX)
    }

    /// A log that is in memory alone.
    pub fn in_memory() -> Self {
        Self::with(None, 0)
    }

    fn with(path: Option<PathBuf>, bytes_max: u64) -> Self {
        // An agent before this one may have left the beginning of what people look for.
        let bytes = path.as_deref().and_then(|path| tail_of(path).ok()).unwrap_or_default();
        let file = Arc::new(Mutex::new(LogFile { path, bytes_max, dropped: 0 }));
        Self { file, latest: Arc::new(Mutex::new(Latest { bytes: bytes.into(), begin: 0 })) }
    }

    /// A line of the agent's own.
    pub fn note(&self, line: &str) {
        let is_begun = {
            let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            latest.bytes.back().is_some_and(|last| *last != b'\n')
        };
        self.append(format!("{}{line}\n", if is_begun { "\n" } else { "" }).as_bytes());
    }

    /// Reads a pipe until its end, on a thread of its own.
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
            // Nobody may be waiting.
            let _ = end.send(());
        })?;
        Ok(Flow { begin, done })
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

    /// How much was printed since the agent began.
    pub fn end(&self) -> u64 {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.begin + latest.bytes.len() as u64
    }

    /// What was printed from a place on, as far as it is still here: where that begins, and at most so many bytes.
    pub fn since(&self, from: u64, most: usize) -> (u64, Vec<u8>) {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let end = latest.begin + latest.bytes.len() as u64;
        let from = from.clamp(latest.begin, end);
        let skip = usize::try_from(from - latest.begin).unwrap_or(usize::MAX);
        (from, latest.bytes.iter().skip(skip).take(most).copied().collect())
    }

    /// The last lines that one pipe brought.
    pub fn last_lines(&self, of: &Flow) -> String {
        // What was printed just before the end is on its way; what holds the pipe open is not waited for.
        let _ = of.done.recv_timeout(LAST_WORDS);
        let (_, bytes) = self.since(of.begin.max(self.end().saturating_sub(LINES_BYTES_MAX)), usize::MAX);
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<_> =
            text.lines().rev().filter(|line| !line.trim().is_empty()).take(LINES_MAX).collect();
        lines.reverse();
        lines.join("\n")
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

/// A service may run as the same user: neither a link nor a pipe in the file's place is opened.
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
                    shown::say(&format!(
                        "warning: `{}`: {error}; what the service prints is lost",
                        path.display()
                    ));
                }
                self.dropped += bytes.len() as u64;
            }
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = open(File::options().create(true).append(true), path)?;
        if file.metadata()?.len().saturating_add(bytes.len() as u64) > self.bytes_max {
            // Kept or not: the disk is not to fill up.
            let aside = path.with_extension("log.1");
            let kept = match fs::remove_file(&aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => fs::copy(path, &aside).map(drop),
            };
            file.set_len(0)?;
            kept?;
        }
        if self.dropped > 0 {
            writeln!(file, "[{} bytes were lost here: the disk did not take them]", self.dropped)?;
        }
        file.write_all(bytes)
    }
}

/// A log past this is put aside, and what was aside is gone.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How much is kept in memory for those who ask.
const LATEST_BYTES_MAX: usize = 256 * 1024;
const LINES_MAX: usize = 10;
const LINES_BYTES_MAX: u64 = 2048;
/// How long the last words of a process that has ended may take.
const LAST_WORDS: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
