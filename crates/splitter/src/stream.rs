//! A client's stream: the bytes that were read to find the protocol come first, and a client that reads nothing loses it.
//!
//! Invariant: after an answer that was broken off the stream ends with a reset. After a request that was not read to its end
//! the stream reads on for a moment, because the system resets a stream with unread bytes, and the client might lose the
//! answer (RFC 9112, 9.6).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::patience::Patience;

/// A client's stream.
#[derive(Debug)]
pub struct ClientStream {
    stream: TcpStream,
    first: Bytes,
    client: Arc<Client>,
    stalled: Duration,
    patience: Patience,
    /// Bytes that were thrown away at the end.
    lingered: Option<usize>,
}

impl ClientStream {
    /// A stream, the bytes that were read from it, and the time for which the client may read nothing.
    pub fn new(stream: TcpStream, first: Bytes, client: Arc<Client>, stalled: Duration) -> Self {
        Self { stream, first, client, stalled, patience: Patience::default(), lingered: None }
    }

    /// The result of a write, or an error if the client has read nothing for too long.
    fn bounded<T>(&mut self, done: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.patience.moved();
            return done;
        }
        ready!(self.patience.poll_over(context, self.stalled));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let count = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first.split_to(count));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(done, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bounded(done, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.client.is_aborted() {
            return Poll::Ready(Ok(()));
        }
        if self.lingered.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if !self.client.has_unread() {
                return Poll::Ready(Ok(()));
            }
            self.lingered = Some(0);
            self.patience.moved();
        }
        loop {
            let mut thrown_away = [0; 4096];
            let mut buffer = ReadBuf::new(&mut thrown_away);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {
                    let count = self.lingered.get_or_insert(0);
                    *count += buffer.filled().len();
                    if *count > LINGER_BYTES_MAX {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                Poll::Pending => return self.patience.poll_over(context, LINGER_TIME).map(Ok),
            }
        }
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        if self.client.is_aborted() {
            // The connection is gone already if this fails.
            drop(self.stream.set_zero_linger());
        }
    }
}

/// Time for which a stream is read on at its end.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// Bytes that are read on at its end.
const LINGER_BYTES_MAX: usize = 1024 * 1024;
