//! The other end of a connection, watched while a request is under way.
//!
//! Invariant: work for a peer that has closed is stopped, whatever else the peer sent before. The watch is needed
//! because pipelined requests hide the end of the connection from a reader that takes them in order.

use std::io;
use std::os::fd::AsFd;

use tokio::io::Interest;
use tokio::net::UnixStream;

/// A second handle on a connection, which reads nothing. Tokio can watch any socket as a Unix socket: only reading and
/// writing differ.
#[derive(Debug)]
pub struct PeerWatch(UnixStream);

impl PeerWatch {
    /// The line of a connection.
    ///
    /// # Errors
    /// When the process has run out of files.
    pub fn of(stream: &impl AsFd) -> io::Result<Self> {
        let handle = stream.as_fd().try_clone_to_owned()?;
        UnixStream::from_std(handle.into()).map(Self)
    }

    /// Resolves once the other end has closed, or will send nothing more.
    pub async fn closed(&self) {
        // A connection that can no longer be watched is gone.
        while let Ok(ready) = self.0.ready(Interest::READABLE).await {
            if ready.is_read_closed() {
                return;
            }
            // Bytes have arrived for the HTTP reader. Clearing the readiness makes the next event visible; an end stays
            // visible.
            let unread: io::Result<()> =
                self.0.try_io(Interest::READABLE, || Err(io::ErrorKind::WouldBlock.into()));
            drop(unread);
        }
    }
}

/// The peer of a request closed the connection before the answer.
#[derive(Debug)]
pub struct PeerClosed;

impl std::fmt::Display for PeerClosed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the peer has closed")
    }
}

impl std::error::Error for PeerClosed {}
