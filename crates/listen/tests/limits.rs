//! Limits of a listener, over real sockets.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use listen::{Limits, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Requests for `/counted` that were answered.
static COUNTED: AtomicUsize = AtomicUsize::new(0);

/// A listener on a separate thread, until it is stopped.
struct Running {
    at: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn with(limits: Limits) -> Self {
        let (ready, at) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let router = Router::new()
                    .route("/small", get(async || "small"))
                    .route("/large", get(async || vec![0_u8; LARGE_BYTES]))
                    .route("/gated", get(async || Body::from_stream(gated())))
                    .route("/flood", get(async || stream(flood())))
                    .route("/told", get(async || stream(told())))
                    .route("/never", get(async || std::future::pending::<()>().await))
                    .route("/counted", get(async || COUNTED.fetch_add(1, Ordering::SeqCst).to_string()));
                serve(listener, router, limits, async { drop(stopped.await) }).await;
            });
        });
        Self { at: at.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.at).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
        stream
    }

    /// Sends a request and reads the whole answer.
    fn answered(&self) -> bool {
        let mut answer = [0; 15];
        self.ask("/small").read_exact(&mut answer).is_ok() && &answer == b"HTTP/1.1 200 OK"
    }

    fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A first piece, and a second one when the gate is opened.
fn gated() -> impl futures_util::Stream<Item = std::io::Result<&'static str>> {
    futures_util::stream::unfold(0, async |piece| {
        if piece == 1 {
            GATE.notified().await;
        }
        (piece < 2).then_some((Ok("piece"), piece + 1))
    })
}

/// An answer that does not end by itself, if there is a place for it.
fn stream(
    pieces: impl futures_util::Stream<Item = std::io::Result<Vec<u8>>> + Send + 'static,
) -> Result<Body, StatusCode> {
    if listen::become_stream("") {
        Ok(Body::from_stream(pieces))
    } else {
        Err(StatusCode::SERVICE_UNAVAILABLE)
    }
}

/// Pieces without end, as fast as they are read.
fn flood() -> impl futures_util::Stream<Item = std::io::Result<Vec<u8>>> {
    futures_util::stream::repeat_with(|| Ok(vec![b'x'; 64 * 1024]))
}

/// A piece whenever there is something to tell.
fn told() -> impl futures_util::Stream<Item = std::io::Result<Vec<u8>>> {
    futures_util::stream::unfold((), async |()| {
        TOLD.notified().await;
        Some((Ok(b"told".to_vec()), ()))
    })
}

/// Lets one piece of `/told` through.
static TOLD: tokio::sync::Notify = tokio::sync::Notify::const_new();
/// Opened to let the second piece of `/gated` through.
static GATE: tokio::sync::Notify = tokio::sync::Notify::const_new();
const LARGE_BYTES: usize = 64 * 1024 * 1024;
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(3_600);

fn limits() -> Limits {
    let (first, head, stranger, known, unread, ending) = (LONG, LONG, LONG, LONG, LONG, LONG);
    Limits {
        connections: 1,
        each: 1,
        first,
        head,
        stranger,
        known,
        unread,
        ending,
        streams: 1,
        streams_each: 1,
    }
}

#[test]
fn who_sends_no_request_loses_its_slot() {
    let running = Running::with(Limits { head: SHORT, ..limits() });
    let mut silent = TcpStream::connect(running.at).unwrap();
    silent.write_all(b"GET / HTT").unwrap();
    // There is only one slot, so this is answered once the other connection has lost it.
    assert!(running.answered());
    let mut rest = Vec::new();
    drop(silent.read_to_end(&mut rest));
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    running.stop();
}

#[test]
fn attack_a_connection_without_a_first_request_ends_soon() {
    // A connection may wait long between two requests, but not before the first one.
    let running = Running::with(Limits { first: SHORT, ..limits() });
    let mut half = TcpStream::connect(running.at).unwrap();
    half.write_all(b"GET / HTT").unwrap();
    assert!(running.answered());
    let mut idle = running.ask("/small");
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).unwrap();
    // It sent its request in time, so it stays until the listener stops, which does not wait for idle connections.
    running.stop();
}

/// TCP has a limit for this; a Unix socket does not.
#[test]
fn attack_a_reader_over_a_unix_socket_that_does_not_read_loses_its_slot() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let path = std::env::temp_dir().join(format!("countersign-listen-{}.sock", std::process::id()));
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new()
            .route("/small", get(async || "small"))
            .route("/large", get(async || vec![0_u8; 64 * 1024 * 1024]));
        let bears = Limits { unread: SHORT, ..limits() };
        let serving = tokio::spawn(serve(listener, router, bears, async { drop(stopped.await) }));
        let ask = async |path_asked: &str| {
            let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
            let request = format!("GET {path_asked} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        };
        let _unread = ask("/large").await;
        let mut answer = [0; 15];
        // There is only one slot, so this is answered once the other connection has lost it.
        ask("/small").await.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        stop.send(()).unwrap();
        serving.await.unwrap();
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn who_was_answered_and_asks_nothing_more_loses_its_slot() {
    let running = Running::with(Limits { head: SHORT, ..limits() });
    let mut idle = running.ask("/small");
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert!(running.answered());
    running.stop();
}

#[test]
fn who_does_not_read_the_answer_loses_its_slot() {
    let running = Running::with(Limits { unread: SHORT, ..limits() });
    let _unread = running.ask("/large");
    assert!(running.answered());
    running.stop();
}

/// A reader of a stream that does not read, beside one that does.
#[test]
fn attack_a_stream_that_nobody_reads_is_cut_and_holds_up_no_other_one() {
    let running =
        Running::with(Limits { unread: SHORT, ending: SHORT, streams: 2, streams_each: 2, ..limits() });
    let mut head = [0; 15];
    let mut status = |stream: &mut TcpStream| {
        stream.read_exact(&mut head).unwrap();
        head[9..12].to_vec()
    };
    let (mut unread, mut read) = (running.ask("/flood"), running.ask("/told"));
    assert_eq!([status(&mut unread), status(&mut read)], [b"200", b"200"]);
    assert_eq!(status(&mut running.ask("/told")), b"503", "there are two places");
    let mut is_told = || {
        TOLD.notify_one();
        let mut said = Vec::new();
        let mut byte = [0];
        while !said.ends_with(b"told") {
            read.read_exact(&mut byte).unwrap();
            said.push(byte[0]);
        }
    };
    // Its place is free again once it was cut; until then the other reader is told things, and requests are answered.
    while status(&mut running.ask("/told")) != b"200" {
        is_told();
        assert!(running.answered());
    }
    is_told();
    // What was sent before can still be read, and then the connection has ended.
    drop(unread.read_to_end(&mut Vec::new()));
    running.stop();
}

/// An answer that is complete at once but read slowly, and one that comes in pieces.
#[test]
fn attack_a_stranger_keeps_its_slot_until_its_answer_was_sent() {
    let running = Running::with(Limits { connections: 3, each: 3, stranger: SHORT, ..limits() });
    let mut slow = ["/large", "/gated"].map(|path| running.ask(path));
    let mut head = [0; 15];
    for answer in &mut slow {
        answer.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
    }
    // Once a connection that was answered later has lost its slot, both would have lost theirs.
    let idle = |running: &Running| running.ask("/small").read_to_end(&mut Vec::new()).unwrap();
    assert!(idle(&running) > 0 && idle(&running) > 0);
    GATE.notify_one();
    // They end by themselves, since no further request comes.
    let [large, gated] = slow.map(|mut answer| {
        let mut rest = Vec::new();
        answer.read_to_end(&mut rest).unwrap();
        rest
    });
    assert!(large.len() > LARGE_BYTES, "the whole answer: {}", large.len());
    assert!(gated.ends_with(b"0\r\n\r\n"), "its last chunk too");
    running.stop();
}

#[test]
fn further_ones_wait_and_are_answered() {
    let running = Running::with(Limits { connections: 2, ..limits() });
    let held: Vec<_> = (0..2).map(|_| TcpStream::connect(running.at).unwrap()).collect();
    let mut waiting = running.ask("/small");
    drop(held);
    let mut answer = [0; 15];
    waiting.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    drop(waiting);
    running.stop();
}

#[test]
fn what_never_ends_does_not_hold_up_the_end() {
    let running = Running::with(Limits { ending: SHORT, ..limits() });
    let _under_way = running.ask("/never");
    running.stop();
}

#[test]
fn attack_requests_of_a_peer_that_has_closed_are_dropped() {
    let running = Running::with(limits());
    let mut hostile = TcpStream::connect(running.at).unwrap();
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // The first request is never answered, so the others wait behind it and hide the end of the connection.
    let all = request("/never") + &request("/counted").repeat(50);
    hostile.write_all(all.as_bytes()).unwrap();
    drop(hostile);
    // There is only one slot: this is answered once the other connection has lost it.
    assert!(running.answered());
    assert_eq!(COUNTED.load(Ordering::SeqCst), 0, "nothing is done for who is gone");
    running.stop();
}

#[test]
fn who_says_nothing_more_is_gone_with_what_waits() {
    let running = Running::with(limits());
    let mut hostile = running.ask("/never");
    hostile.write_all(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    hostile.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(running.answered(), "its slot is free, though it would still read");
    running.stop();
}
