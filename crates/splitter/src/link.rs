//! A connection to a backend by HTTP/1.1, driven by the request that uses it.
//!
//! Invariant: it has one request at a time, and no task: the waiting request drives it, so a request costs no change of
//! tasks, and a request that is dropped closes it. While nobody uses it nobody reads from it either, so it is looked at
//! before it is used again.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::limits::Limits;
use crate::patience::Patience;
use crate::upload::Upload;

/// The protocol of a connection, whose type has no name.
type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection to a backend.
pub struct Link {
    sender: SendRequest<Upload>,
    /// None after its end.
    connection: Option<Connection>,
    /// For how long its backend may stand still.
    patience: Patience,
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// When the backend does not take the connection.
    pub async fn open(address: SocketAddr, limits: Limits) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let head = usize::try_from(limits.head_bytes).unwrap_or(usize::MAX);
        let headers = usize::try_from(limits.headers).unwrap_or(usize::MAX);
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(head.max(BUFFER_BYTES))
            .max_header_size(head)
            .max_headers(headers)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        Ok(Self {
            sender,
            connection: Some(Box::pin(connection.with_upgrades())),
            patience: Patience::default(),
        })
    }

    /// Goes on with the connection; ready at its end.
    pub fn poll_drive(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(()) };
        if connection.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        // Errors reach the request that is under way.
        self.connection = None;
        Poll::Ready(())
    }

    /// Whether a further request can be sent: the one before has ended, and the backend has not closed.
    pub fn is_usable(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.poll_drive(&mut context).is_pending() && self.sender.is_ready()
    }

    /// Sends a request; the head of its answer. `over` ends the waiting.
    ///
    /// # Errors
    /// When the connection ends before; with the request, if nothing of it was sent.
    pub async fn send<E>(
        &mut self,
        request: Request<Upload>,
        mut over: impl FnMut(&mut Context<'_>, &mut Patience) -> Poll<E>,
    ) -> Result<Response<Incoming>, Unsent<E>> {
        let mut sending = pin!(self.sender.try_send_request(request));
        let (connection, patience) = (&mut self.connection, &mut self.patience);
        patience.moved();
        std::future::poll_fn(move |context| {
            if let Some(open) = connection
                && open.as_mut().poll(context).is_ready()
            {
                *connection = None;
            }
            match sending.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(done.map_err(|error| Unsent::Failed(Box::new(error)))),
                Poll::Pending if connection.is_none() => Poll::Ready(Err(Unsent::Closed)),
                Poll::Pending => over(context, patience).map(|end| Err(Unsent::Over(end))),
            }
        })
        .await
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").field("sender", &self.sender).finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unsent<E> {
    /// The waiting was ended.
    Over(E),
    /// The request failed.
    Failed(Box<TrySendError<Request<Upload>>>),
    /// The connection is gone.
    Closed,
}

/// Smallest buffer of a connection.
const BUFFER_BYTES: usize = 64 * 1024;
