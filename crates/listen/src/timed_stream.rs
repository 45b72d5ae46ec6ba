//! A stream that gives up if its reader does not read, and that tells its slot when everything was sent.
//!
//! Invariant: bytes wait for their reader for a bounded time. TCP has a limit for this, but Unix sockets do not.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::slots::Slot;

/// A stream with a limit on waiting.
#[derive(Debug)]
pub struct TimedStream<S> {
    stream: S,
    unread: Duration,
    /// Whether bytes are waiting, so that the timer runs.
    waits: bool,
    until: Pin<Box<Sleep>>,
    slot: Arc<Slot>,
}

impl<S> TimedStream<S> {
    /// Wraps a stream, whose bytes may wait for their reader for `unread` at most.
    pub fn new(stream: S, unread: Duration, slot: Arc<Slot>) -> Self {
        Self { stream, unread, waits: false, until: Box::pin(tokio::time::sleep(unread)), slot }
    }

    fn within<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.waits = false;
            return polled;
        }
        if !self.waits {
            self.waits = true;
            self.until.as_mut().reset(Instant::now() + self.unread);
        }
        match self.until.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        // The HTTP writer flushes once it has handed over everything, so a finished flush means that all was sent.
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.slot.note_sent();
        }
        self.within(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.within(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.within(context, polled)
    }
}
