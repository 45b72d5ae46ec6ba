//! Requests of which two readers could make different ones (RFC 9112), over a real socket: each is a mutation of one that is
//! answered.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use listen::{Limits, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Requests for `/behind` that were answered.
static BEHIND: AtomicUsize = AtomicUsize::new(0);

fn listening() -> SocketAddr {
    let (ready, at) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ready.send(listener.local_addr().unwrap()).unwrap();
            let router = Router::new()
                .route("/small", get(async || "small"))
                .route("/taken", post(async |body: Bytes| format!("took {}", body.len())))
                .route("/behind", get(async || BEHIND.fetch_add(1, Ordering::SeqCst).to_string()));
            let (_stop, stopped) = oneshot::channel::<()>();
            serve(listener, router, Limits::default(), async { drop(stopped.await) }).await;
        });
    });
    at.recv().unwrap()
}

/// Everything that comes back.
fn sent(at: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer ends it too.
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn attack_a_request_behind_another_is_not_smuggled() {
    let at = listening();
    let host = "Host: localhost\r\n";
    let behind = format!("GET /behind HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    let post = format!("POST /taken HTTP/1.1\r\n{host}");
    // Unmutated: one after the other on one connection.
    let answer = sent(at, &format!("{post}Content-Length: 3\r\n\r\nabc{behind}"));
    assert!(answer.contains("took 3") && BEHIND.swap(0, Ordering::SeqCst) == 1, "{answer}");
    let chunks = "3\r\nabc\r\n0\r\n\r\n";
    // RFC 9112, 6.1 and 6.3; CWE-444.
    for (what, request) in [
        (
            "a length before pieces",
            format!("{post}Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{behind}"),
        ),
        (
            "a length after pieces",
            format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 13\r\n\r\n{chunks}{behind}"),
        ),
        ("two lengths", format!("{post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc{behind}")),
        ("a list of lengths", format!("{post}Content-Length: 3, 4\r\n\r\nabc{behind}")),
        ("a length with a sign", format!("{post}Content-Length: +3\r\n\r\nabc{behind}")),
        ("another encoding", format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n{chunks}{behind}")),
        (
            "an encoding in HTTP/1.0",
            format!("POST /taken HTTP/1.0\r\n{host}Transfer-Encoding: chunked\r\n\r\n{chunks}{behind}"),
        ),
        ("a space before the colon", format!("{post}Content-Length : 3\r\n\r\nabc{behind}")),
        (
            "a folded line",
            format!("{post}X: a\r\n Content-Length: 99\r\nContent-Length: 3\r\n\r\nabc{behind}"),
        ),
        (
            "a length of a piece with a sign",
            format!("{post}Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n{behind}"),
        ),
    ] {
        let answer = sent(at, &request);
        assert_eq!(BEHIND.load(Ordering::SeqCst), 0, "{what}: {answer}");
    }
}

#[test]
fn attack_two_hosts_in_one_request() {
    let at = listening();
    let asked = |head: &str| sent(at, &format!("{head}Connection: close\r\n\r\n"));
    assert!(asked("GET /small HTTP/1.1\r\nHost: localhost\r\n").starts_with("HTTP/1.1 200"));
    // RFC 9112, 3.2.
    for head in [
        "GET /small HTTP/1.1\r\nHost: localhost\r\nHost: server.example\r\n",
        "GET /small HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n",
        "GET http://server.example/small HTTP/1.1\r\nHost: localhost\r\n",
        "GET /small HTTP/1.1\r\n",
        "GET /small HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n",
    ] {
        let answer = asked(head);
        assert!(answer.starts_with("HTTP/1.1 400"), "{head}: {answer}");
    }
}
