//! A client's connection: finds its protocol, and serves requests within limits.
//!
//! Invariant: a connection that sends no first request in time ends, and so does one without a request for too long, and one
//! whose client abandons most of its requests. When the port closes, requests under way are answered and no further ones are
//! taken.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::backend::millis;
use crate::client::Client;
use crate::limits::Limits;
use crate::relay::relay;
use crate::routes::Routes;
use crate::slots::Slot;
use crate::stream::ClientStream;
use crate::streams::Streams;
use crate::table::Protocol;
use crate::tcp;

/// Serves a connection to its end.
pub async fn serve(
    routes: Arc<Routes>,
    mut stream: TcpStream,
    address: IpAddr,
    slot: Slot,
    closing: watch::Receiver<bool>,
) {
    let live = routes.live();
    let limits = live.table.limits;
    if stream.set_nodelay(true).is_err() {
        return;
    }
    if live.table.protocol == Protocol::Tcp {
        let client = Arc::new(Client::new(address, false, slot));
        return tcp::pass(&routes, &live, &client, stream).await;
    }
    let first = timeout(millis(limits.head_ms), first_bytes(&mut stream)).await;
    let Ok(Some(first)) = first else { return };
    let is_http2 = first.starts_with(PREFACE);
    let client = Arc::new(Client::new(address, is_http2, slot));
    let stream = ClientStream::new(stream, first, Arc::clone(&client), millis(limits.stalled_ms));
    if is_http2 {
        by_http2(routes, client, stream, limits, closing).await;
    } else {
        by_http1(routes, client, stream, limits, closing).await;
    }
}

/// The bytes by which the protocol is known; none if the client sent none.
async fn first_bytes(stream: &mut TcpStream) -> Option<Bytes> {
    let mut first = BytesMut::with_capacity(FIRST_BYTES);
    loop {
        let count = stream.read_buf(&mut first).await.ok()?;
        if count == 0 {
            return None;
        }
        let begin = first.get(..PREFACE.len().min(first.len()))?;
        if begin.len() == PREFACE.len() || !PREFACE.starts_with(begin) {
            return Some(first.freeze());
        }
    }
}

async fn by_http1(
    routes: Arc<Routes>,
    client: Arc<Client>,
    stream: ClientStream,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) {
    let served = Arc::clone(&client);
    let service = service_fn(move |request| {
        let (routes, client) = (Arc::clone(&routes), Arc::clone(&served));
        async move { Ok::<_, Infallible>(relay(routes, client, request).await) }
    });
    let (head, headers) = (size(limits.head_bytes), size(limits.headers));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(millis(limits.idle_ms));
    http.max_buf_size(head.max(BUFFER_BYTES)).max_header_size(head).max_headers(headers);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let (mut connection, mut is_closing) = (pin!(connection), false);
    let mut first = pin!(nothing_came(&client, millis(limits.head_ms)));
    loop {
        tokio::select! {
            // An error of a connection concerns its client alone.
            _ = &mut connection => return,
            () = &mut first => return,
            () = closes(&mut closing), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn by_http2(
    routes: Arc<Routes>,
    client: Arc<Client>,
    stream: ClientStream,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) {
    let served = Arc::clone(&client);
    let service = service_fn(move |request| {
        let (routes, client) = (Arc::clone(&routes), Arc::clone(&served));
        async move { Ok::<_, Infallible>(relay(routes, client, request).await) }
    });
    let mut http = http2::Builder::new(Streams { stalled: millis(limits.stalled_ms) });
    http.timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head_bytes);
    http.max_pending_accept_reset_streams(RESETS_MAX).max_local_error_reset_streams(RESETS_MAX);
    http.initial_stream_window_size(STREAM_BYTES).initial_connection_window_size(CONNECTION_BYTES);
    http.max_send_buf_size(SEND_BYTES);
    http.keep_alive_interval(PING_TIME).keep_alive_timeout(PING_TIME);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let (mut connection, mut is_closing) = (pin!(connection), false);
    let mut first = pin!(nothing_came(&client, millis(limits.head_ms)));
    loop {
        tokio::select! {
            _ = &mut connection => return,
            () = &mut first => return,
            // A client that takes no leave is not waited for.
            () = sleep(millis(limits.idle_ms).min(PING_TIME)), if is_closing => {
                if !client.idle().is_zero() {
                    return;
                }
            }
            () = ends(&client, millis(limits.idle_ms)), if !is_closing => {
                if client.is_abusive() {
                    return;
                }
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = closes(&mut closing), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Resolves if no request came in time.
async fn nothing_came(client: &Client, time: Duration) {
    sleep(time).await;
    if client.has_begun() {
        std::future::pending::<()>().await;
    }
}

/// Resolves when the client has had no request for too long, or abandons most of them.
async fn ends(client: &Client, idle: Duration) {
    loop {
        let rest = idle.saturating_sub(client.idle());
        if rest.is_zero() || client.is_abusive() {
            return;
        }
        sleep(rest.min(LOOK_TIME)).await;
    }
}

/// Resolves when the port closes.
async fn closes(closing: &mut watch::Receiver<bool>) {
    // It closes, too, if nobody can say so any more.
    drop(closing.wait_for(|closes| *closes).await);
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The first bytes of HTTP/2 (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Room for the first bytes.
const FIRST_BYTES: usize = 4 * 1024;
/// Smallest buffer of a connection.
const BUFFER_BYTES: usize = 16 * 1024;
/// Streams that a client may reset before they are taken, and by its errors.
const RESETS_MAX: usize = 20;
/// Bytes of a stream that may lie here unread.
const STREAM_BYTES: u32 = 128 * 1024;
/// Bytes of all streams of a connection that may lie here unread.
const CONNECTION_BYTES: u32 = 512 * 1024;
/// Bytes of an answer that may wait for their client.
const SEND_BYTES: usize = 64 * 1024;
/// A client is asked in such intervals whether it is there.
const PING_TIME: Duration = Duration::from_secs(20);
/// A connection is looked at in such intervals.
const LOOK_TIME: Duration = Duration::from_secs(1);
