//! The runner's side: starts the process that holds a step's secrets.
//!
//! Invariant: the process ends with the value that stands for it, and never outlives the runner.

use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use evidence::seal::SealKey;
use sandbox::read_frame_within;

use super::protocol::{HELLO, HELLO_BYTES_MAX};
use super::start::HolderStart;

/// A holder that waits for its work.
#[derive(Debug)]
pub struct Holder {
    child: Child,
    socket: UnixStream,
    key: SealKey,
    allowed: Vec<String>,
}

/// Why there is no holder.
#[derive(Debug, thiserror::Error)]
pub enum HolderError {
    /// The system failed.
    #[error("cannot {0}: {1}")]
    Io(&'static str, io::Error),
    /// It sent something else than its key.
    #[error("the process that is to hold the step's secrets did not send its key")]
    Key,
}

impl Holder {
    /// Starts a holder. The thread that calls this has to live as long as the holder.
    ///
    /// # Errors
    /// `HolderError` if it does not start.
    pub fn start(start: HolderStart) -> Result<Self, HolderError> {
        let doing = |what| move |error| HolderError::Io(what, error);
        let HolderStart { mut command, allowed } = start;
        let (socket, theirs) = UnixStream::pair().map_err(doing("make a socket"))?;
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(doing("start the process that is to hold the step's secrets"))?;
        // It still has a copy of the other end.
        drop(command);
        let mut holder = Unready(Some(child));
        socket.set_read_timeout(Some(PATIENCE)).map_err(doing("set a timeout"))?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(doing("set a timeout"))?;
        let mut tag = [0];
        (&socket).read_exact(&mut tag).map_err(doing("hear from the process that is to hold secrets"))?;
        let text = read_frame_within(&socket, HELLO_BYTES_MAX).map_err(|_| HolderError::Key)?;
        let key = String::from_utf8_lossy(&text).parse().ok().filter(|_| tag == [HELLO]);
        let key = key.ok_or(HolderError::Key)?;
        let child = holder.0.take().ok_or(HolderError::Key)?;
        Ok(Self { child, socket, key, allowed })
    }

    /// Its socket.
    pub(super) const fn socket(&self) -> &UnixStream {
        &self.socket
    }

    /// The operator's allowances for the network, each as text.
    pub(super) fn allowed(&self) -> &[String] {
        &self.allowed
    }

    /// The key to which secrets for it are sealed.
    #[must_use]
    pub const fn key(&self) -> SealKey {
        self.key
    }
}

/// Ends a process that never said its key.
struct Unready(Option<Child>);

impl Drop for Unready {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            end(child);
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// Longest wait for a message that is on its way.
pub const PATIENCE: Duration = Duration::from_secs(30);
