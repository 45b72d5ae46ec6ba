//! HTTP/1.1 for roles that answer strangers: serves a router on a listener, within limits.
//!
//! Invariant: whoever connects holds one of a bounded number of places, and loses it when it sends no
//! request, or does not read what it asked for. It knows nothing of what is served.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// What a listener bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at once; further ones wait in the system's queue until one ends.
    pub connections: usize,
    /// How long a connection may go without a whole request head: at its start, and after each answer. Longer
    /// than clients keep an idle connection for, so that none is closed at the moment in which it is used again.
    pub head: Duration,
    /// How long bytes that were sent may wait for their reader.
    pub unread: Duration,
    /// How long answers that are under way may take once the listener is asked to end.
    pub ending: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            head: Duration::from_secs(100),
            unread: Duration::from_mins(2),
            ending: Duration::from_secs(10),
        }
    }
}

/// Serves until `stop` resolves and the answers that are under way then were given, or took too long.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    room_for(limits.connections);
    let places = Arc::new(Semaphore::new(limits.connections));
    let (graceful, mut connections) = (GracefulShutdown::new(), JoinSet::new());
    let mut stop = pin!(stop);
    loop {
        let next = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            next = accept(&listener, &places) => next,
        };
        let (stream, place) = match next {
            Ok(next) => next,
            Err(error) if is_the_clients(&error) => continue,
            Err(error) => {
                // Files may have run out: some connection ends, and its own with it.
                shown::say(&format!("warning: a connection could not be accepted: {error}"));
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let unread = u32::try_from(limits.unread.as_millis()).unwrap_or(u32::MAX);
        // A connection that takes no limit is gone already, and one without a limit is not served.
        if set_tcp_user_timeout(&stream, unread).is_err() {
            continue;
        }
        let service = TowerToHyperService::new(router.clone());
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES_MAX);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            // What goes wrong on a connection is its client's matter.
            drop(connection.await);
            drop(place);
        });
    }
    drop(listener);
    drop(tokio::time::timeout(limits.ending, graceful.shutdown()).await);
    connections.shutdown().await;
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Whether a connection was gone before it was accepted, which says nothing about the next one.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Raises this process's own limit of open files as far as it may, so that as many connections leave some to work with.
fn room_for(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(FILES_EACH);
    let possible = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if current.is_some_and(|current| current < possible) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum });
        if let Err(error) = raised {
            shown::say(&format!("warning: the limit of open files stays as it is: {error}"));
        }
    }
}

/// Largest request head in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Files that a connection may need at once: its own, and what it reads or writes.
const FILES_EACH: u64 = 4;
/// Until the next try, when a connection could not be accepted.
const AGAIN: Duration = Duration::from_secs(1);
