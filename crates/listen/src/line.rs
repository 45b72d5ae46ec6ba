//! The other end of a connection, watched while a request of it is under way.
//!
//! Invariant: work for a peer that has closed goes no further, whatever else it sent before: requests that wait behind
//! one another (pipelined) hide the end from whoever reads them in order.

use std::io;
use std::os::fd::AsFd;

use tokio::io::Interest;
use tokio::net::UnixStream;

/// A second handle on a connection, by which nothing is read. Tokio watches any socket as a Unix one: what differs is
/// reading and writing alone.
#[derive(Debug)]
pub struct Line(UnixStream);

impl Line {
    /// The line of a connection.
    ///
    /// # Errors
    /// When files have run out.
    pub fn of(stream: &impl AsFd) -> io::Result<Self> {
        let handle = stream.as_fd().try_clone_to_owned()?;
        UnixStream::from_std(handle.into()).map(Self)
    }

    /// Resolves once the other end has closed, or sends nothing more.
    pub async fn closed(&self) {
        // One that cannot be watched any more is gone.
        while let Ok(ready) = self.0.ready(Interest::READABLE).await {
            if ready.is_read_closed() {
                return;
            }
            // Bytes came, which are for somebody else. The next event is told anew; an end stays.
            let unread: io::Result<()> =
                self.0.try_io(Interest::READABLE, || Err(io::ErrorKind::WouldBlock.into()));
            drop(unread);
        }
    }
}

/// The peer of a request closed before it was answered.
#[derive(Debug)]
pub struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the peer has closed")
    }
}

impl std::error::Error for Gone {}
