//! The main function of a splitter's process: the port on one side, the agent on the other.
//!
//! Invariant: it ends with its agent. When the control stream closes, nothing further is accepted, and requests under way have
//! ten seconds. An order that cannot be read ends it, too: the agent starts another one, which gets the whole table anew.

use std::io;
use std::net::TcpListener as StdListener;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::rand::GetRandomFlags;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};

use crate::connection;
use crate::frame::{self, Answer, Order};
use crate::routes::Routes;
use crate::slots::Slots;

/// Why a splitter cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It could not begin.
    #[error("the splitter cannot begin: {0}")]
    Begin(#[source] io::Error),
    /// The agent's orders cannot be read.
    #[error("the agent's orders cannot be read: {0}")]
    Orders(#[source] io::Error),
}

/// Serves the port of a listener by the orders of a control stream, until that is closed.
///
/// # Errors
/// When the process cannot begin, or an order cannot be read.
pub fn serve(listener: StdListener, control: StdStream) -> Result<(), ServeError> {
    room_for_files();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(ServeError::Begin)?;
    let done = runtime.block_on(async {
        listener.set_nonblocking(true).map_err(ServeError::Begin)?;
        control.set_nonblocking(true).map_err(ServeError::Begin)?;
        let listener = TcpListener::from_std(listener).map_err(ServeError::Begin)?;
        let control = UnixStream::from_std(control).map_err(ServeError::Begin)?;
        run(listener, control).await
    });
    // A request that has not ended by now is broken off.
    runtime.shutdown_background();
    done
}

async fn run(listener: TcpListener, control: UnixStream) -> Result<(), ServeError> {
    // Without randomness a token could be guessed.
    token().map_err(ServeError::Begin)?;
    let routes = Arc::new(Routes::new(|| token().unwrap_or_default()));
    let slots = Arc::new(Slots::default());
    let (close, closing) = watch::channel(false);
    let (open, opened) = watch::channel(false);
    let (on, to) = (Arc::clone(&slots), Arc::clone(&routes));
    let port = tokio::spawn(async move {
        // Clients wait at the port until there is a table: without one, every request would be refused.
        let mut opened = opened;
        if opened.wait_for(|open| *open).await.is_ok() {
            accept(to, on, listener, closing).await;
        }
    });
    let tidy = tokio::spawn(tidy(Arc::clone(&routes)));
    let done = orders(&routes, &slots, &open, control).await;
    // The listener is closed before anything else.
    port.abort();
    drop(port.await);
    let _ = close.send(true);
    drop(timeout(ENDING_TIME, slots.below(|| 1)).await);
    tidy.abort();
    done
}

/// Accepts connections for ever.
async fn accept(
    routes: Arc<Routes>,
    slots: Arc<Slots>,
    listener: TcpListener,
    closing: watch::Receiver<bool>,
) {
    loop {
        slots.below(|| routes.live().table.limits.connections).await;
        match listener.accept().await {
            Ok((stream, address)) => {
                let address = address.ip().to_canonical();
                let each = routes.live().table.limits.each;
                if let Some(slot) = slots.take(address, each) {
                    let (routes, closing) = (Arc::clone(&routes), closing.clone());
                    tokio::spawn(connection::serve(routes, stream, address, slot, closing));
                }
            }
            Err(error) if is_the_clients(&error) => {}
            // If the process has run out of files, some connection will end and free some.
            Err(_) => sleep(AGAIN_TIME).await,
        }
    }
}

/// Closes connections to backends that were idle for their time.
async fn tidy(routes: Arc<Routes>) {
    let mut ticks = interval(TIDY_TIME);
    loop {
        ticks.tick().await;
        routes.close_idle();
    }
}

/// Follows orders until the stream is closed.
async fn orders(
    routes: &Arc<Routes>,
    slots: &Slots,
    open: &watch::Sender<bool>,
    control: UnixStream,
) -> Result<(), ServeError> {
    let mut agent = Agent { stream: control, bytes: BytesMut::new() };
    loop {
        let Some(order) = agent.next().await.map_err(ServeError::Orders)? else { return Ok(()) };
        let answer = match order {
            Order::Set(table) => match table.check() {
                Ok(()) => {
                    let generation = routes.set(table);
                    let _ = open.send_replace(true);
                    Answer::Done { generation }
                }
                Err(error) => Answer::Refused { why: error.to_string() },
            },
            Order::Ask {} => Answer::Figures(routes.figures(u64::from(slots.count()))),
            Order::Drain { group, within_ms, wait_ms } => {
                let times = (Duration::from_millis(within_ms), Duration::from_millis(wait_ms));
                drain(routes, &mut agent, &group, times).await
            }
        };
        // Limits may have changed.
        slots.look_again();
        let frame = frame::encode(&answer).map_err(ServeError::Orders)?;
        if agent.stream.write_all(&frame).await.is_err() {
            return Ok(());
        }
    }
}

async fn drain(
    routes: &Routes,
    agent: &mut Agent,
    group: &str,
    (within, wait): (Duration, Duration),
) -> Answer {
    let Some((tally, weight)) = routes.tally(group) else { return Answer::Drained { left: 0 } };
    if weight > 0 {
        return Answer::Refused { why: format!("group `{}` has a weight", group.escape_default()) };
    }
    if let Some(time) = tally.drain() {
        let tally = Arc::clone(&tally);
        tokio::spawn(async move {
            sleep(within).await;
            tally.cut_off(time);
        });
    }
    routes.close_idle();
    if !wait.is_zero() {
        tokio::select! {
            () = tally.emptied() => {}
            () = sleep(wait) => {}
            // The agent is gone, or asks on: it need not wait.
            _ = agent.read() => {}
        }
    }
    Answer::Drained { left: tally.left() }
}

/// The agent at the other end of the stream.
struct Agent {
    stream: UnixStream,
    /// Read and not yet followed.
    bytes: BytesMut,
}

impl Agent {
    /// The next order; none if the stream is closed.
    async fn next(&mut self) -> io::Result<Option<Order>> {
        loop {
            if let Some((length, rest)) = self.bytes.split_first_chunk() {
                let length = frame::length_of(*length)?;
                if let Some(bytes) = rest.get(..length) {
                    let order = frame::decode(bytes)?;
                    self.bytes.advance(length + LENGTH_BYTES);
                    return Ok(Some(order));
                }
            }
            if self.read().await? == 0 {
                let is_whole = self.bytes.is_empty();
                return if is_whole { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads what is there; 0 if the stream is closed. Nothing is lost if it is not waited for.
    async fn read(&mut self) -> io::Result<usize> {
        match self.stream.read_buf(&mut self.bytes).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(0),
            done => done,
        }
    }
}

/// Whether the error concerns only one connection that was gone before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A token that nobody guesses.
fn token() -> io::Result<String> {
    let mut bytes = [0; 16];
    // So few bytes come whole (random(7)).
    rustix::rand::getrandom(bytes.as_mut_slice(), GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Raises the limit of open files of this process as far as allowed: each connection needs one, and one to a backend.
fn room_for_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // The lower limit serves, too.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;
/// Highest number of threads.
const THREADS_MAX: usize = 8;
/// Time for requests under way when the agent is gone.
const ENDING_TIME: Duration = Duration::from_secs(10);
/// Time until connections are accepted again after an error.
const AGAIN_TIME: Duration = Duration::from_millis(50);
/// Idle connections are looked at in such intervals.
const TIDY_TIME: Duration = Duration::from_millis(500);
