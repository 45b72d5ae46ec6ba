//! Clients that want another's request, all memory, or all time.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use splitter::Errors;

use crate::support::{Splitter, backend, body, group, hasty, named, rest, saying, table};

/// A backend that counts requests for `/behind`, and takes a body by its length or its pieces.
fn counting() -> (SocketAddr, Arc<AtomicUsize>) {
    let behind = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&behind);
    let address = backend(move |talk| {
        while let Some(head) = talk.head() {
            assert!(!(head.contains("content-length") && head.contains("transfer-encoding")), "{head}");
            if head.contains("transfer-encoding: chunked") {
                while talk.line() != "0" {
                    talk.line();
                }
                talk.line();
            }
            talk.bytes(crate::support::length(&head));
            if head.starts_with("GET /behind") {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    (address, behind)
}

#[test]
fn attack_a_request_behind_another_is_smuggled() {
    let (address, behind) = counting();
    let splitter = Splitter::start(&hasty(&[address]));
    let hidden = "GET /behind HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";
    let post = "POST /taken HTTP/1.1\r\nHost: shop\r\n";
    let chunks = "3\r\nabc\r\n0\r\n\r\n";
    // Unmutated: one after the other on one connection.
    for good in [
        format!("{post}Content-Length: 3\r\n\r\nabc{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n{chunks}{hidden}"),
    ] {
        let answers = splitter.sent(good);
        assert!(answers.matches("200 OK").count() == 2 && behind.swap(0, Ordering::SeqCst) == 1, "{answers}");
    }
    // RFC 9112, 6.1, 6.3 and 7.1; CWE-444.
    for bad in [
        format!("{post}Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 13\r\n\r\n{chunks}{hidden}"),
        format!("{post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc{hidden}"),
        format!("{post}Content-Length: 3, 4\r\n\r\nabc{hidden}"),
        format!("{post}Content-Length: +3\r\n\r\nabc{hidden}"),
        format!("{post}Content-Length: 0x3\r\n\r\nabc{hidden}"),
        format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n{chunks}{hidden}"),
        format!("{post}Transfer-Encoding: xchunked\r\n\r\n{chunks}{hidden}"),
        format!("{post}Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc{hidden}"),
        format!("{post}Content-Length : 3\r\n\r\nabc{hidden}"),
        format!("{post}X: a\r\n Content-Length: 99\r\nContent-Length: 3\r\n\r\nabc{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n3 x\r\nabc\r\n0\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff3\r\nabc\r\n0\r\n\r\n{hidden}"),
        format!("POST /taken HTTP/1.0\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{hidden}"),
        format!("{post}Connection: content-length\r\nContent-Length: 55\r\n\r\n{hidden}"),
        "POST /taken HTTP/1.1\r\nHost: shop\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc\r\n".to_owned(),
    ] {
        let answers = splitter.sent(&bad);
        assert_eq!(behind.load(Ordering::SeqCst), 0, "{bad}: {answers}");
    }
    assert_eq!(body(&splitter.get("/", "")), "ok");
}

#[test]
fn attack_a_head_that_does_not_end_holds_no_connection() {
    let mut splitter = Splitter::start(&hasty(&[named("stable")]));
    for begin in [
        "",
        "G",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: shop\r\n",
    ] {
        let mut stream = splitter.connect();
        stream.write_all(begin.as_bytes()).unwrap();
        assert!(!rest(&mut stream).0.contains("200"), "{begin}");
    }
    // A byte from time to time is not enough.
    let mut stream = splitter.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    while stream.write_all(b"x").is_ok() {
        thread::yield_now();
    }
    assert_eq!(splitter.figures().connections, 0);
    assert_eq!(body(&splitter.get("/", "")), "stable");
}

#[test]
fn attack_heads_beyond_the_limits() {
    let mut limited = table(&[group("stable", 1, &[named("stable")])]);
    limited.limits.head_bytes = 8 * 1024;
    limited.limits.headers = 20;
    let mut splitter = Splitter::start(&limited);
    let ask = |splitter: &Splitter, length: usize, count: usize| {
        splitter.get("/", &("X: ".to_owned() + &"x".repeat(length) + "\r\n").repeat(count))
    };
    assert_eq!(body(&ask(&splitter, 100, 10)), "stable");
    assert!(ask(&splitter, 9_000, 1).starts_with("HTTP/1.1 431"));
    assert!(ask(&splitter, 1, 30).starts_with("HTTP/1.1 431"));
    assert_eq!(splitter.settled("stable").requests, 1);
    let long: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(90_000)).into_boxed_str());
    limited.groups = vec![group("long", 1, &[saying(long).0])];
    splitter.control.set(&limited).unwrap();
    assert!(splitter.get("/", "").starts_with("HTTP/1.1 502"));
    assert_eq!(splitter.settled("long").errors, Errors { broken: 1, ..Errors::default() });
}

/// A backend whose answers have no end.
fn endless() -> SocketAddr {
    backend(|talk| {
        talk.head();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
        let piece = vec![b'x'; 64 * 1024];
        while talk.stream.write_all(&piece).is_ok() {}
    })
}

#[test]
fn attack_a_client_that_never_reads() {
    let mut splitter = Splitter::start(&hasty(&[endless()]));
    let mut stream = splitter.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
    while splitter.group("stable").requests == 0 {
        thread::yield_now();
    }
    let figures = splitter.settled("stable");
    assert_eq!((figures.errors.total(), figures.client.aborted), (0, 1));
    drop(stream);
}

#[test]
fn attack_a_client_that_never_finishes_its_body() {
    let (address, _behind) = counting();
    let mut splitter = Splitter::start(&hasty(&[address]));
    let mut stream = splitter.connect();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nabc").unwrap();
    assert!(rest(&mut stream).0.starts_with("HTTP/1.1 408"));
    let figures = splitter.settled("stable");
    assert_eq!((figures.requests, figures.errors.total(), figures.client.aborted), (1, 0, 1));
}

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length.get(1..).unwrap().to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
/// `GET http://shop/` (RFC 7541, appendix A).
const GET: &[u8] = b"\x82\x86\x84\x01\x04shop";

/// A connection of HTTP/2 after its first words.
fn http2(splitter: &Splitter, settings: &[u8]) -> std::net::TcpStream {
    let mut stream = splitter.connect();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, settings)).unwrap();
    stream
}

#[test]
fn attack_streams_that_are_reset_at_once() {
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[endless()])]));
    let mut stream = http2(&splitter, &[]);
    let cancel = 8_u32.to_be_bytes();
    let mut number = 1;
    // A connection that goes on for ever would get through.
    while number < 200_001 {
        let begun = frame(HEADERS, 5, number, GET);
        if stream.write_all(&[begun, frame(RESET, 0, number, &cancel)].concat()).is_err() {
            break;
        }
        number += 2;
    }
    assert!(number < 200_001);
    let figures = splitter.settled("stable");
    // What is abandoned beyond a hundred costs no backend anything.
    assert!(figures.requests < 1_000 && figures.errors.total() == 0, "{figures:?}");
    drop(stream);
    splitter.control.set(&table(&[group("stable", 1, &[named("stable")])])).unwrap();
    assert_eq!(body(&splitter.get("/", "")), "stable");
}

#[test]
fn attack_a_head_of_http2_that_goes_on_and_on() {
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[named("stable")])]));
    // Unmutated: a head in two parts.
    let mut good = http2(&splitter, &[]);
    good.write_all(&frame(HEADERS, 1, 1, GET)).unwrap();
    good.write_all(&frame(CONTINUATION, 4, 1, b"\x00\x01x\x01y")).unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("stable") {
        let mut bytes = [0; 512];
        let count = good.read(&mut bytes).unwrap();
        assert!(count > 0);
        answer.extend(bytes.get(..count).unwrap());
    }
    let mut stream = http2(&splitter, &[]);
    stream.write_all(&frame(HEADERS, 1, 1, GET)).unwrap();
    let part = frame(
        CONTINUATION,
        0,
        1,
        &b"\x00\x01x\x64".iter().copied().chain([b'y'; 100]).collect::<Vec<_>>().repeat(100),
    );
    let mut sent = 0;
    while sent < 100_000_000 && stream.write_all(&part).is_ok() {
        sent += part.len();
    }
    assert!(sent < 100_000_000);
    assert_eq!(splitter.settled("stable").requests, 1);
}

#[test]
fn attack_a_client_of_http2_that_takes_nothing() {
    let mut splitter = Splitter::start(&hasty(&[endless()]));
    // Windows of no byte (RFC 9113, 6.5.2).
    let mut stream = http2(&splitter, &[0, 4, 0, 0, 0, 0]);
    stream.write_all(&frame(HEADERS, 5, 1, GET)).unwrap();
    let ping = frame(6, 0, 0, &[0; 8]);
    while splitter.group("stable").requests == 0 {
        // It is lively otherwise.
        let _ = stream.write_all(&ping);
        thread::yield_now();
    }
    let figures = splitter.settled("stable");
    assert_eq!((figures.errors.total(), figures.client.aborted), (0, 1));
}

#[test]
fn attack_a_client_of_http2_that_takes_no_leave() {
    let mut splitter = Splitter::start(&hasty(&[named("stable")]));
    // It answers nothing, neither the settings nor the last ping.
    let mut stream = http2(&splitter, &[]);
    stream.write_all(&frame(HEADERS, 5, 1, GET)).unwrap();
    let (answer, _) = rest(&mut stream);
    assert!(answer.contains("stable"), "{answer}");
    while splitter.figures().connections > 0 {
        thread::yield_now();
    }
    assert_eq!(splitter.settled("stable").client.total(), 0);
}

#[test]
fn attack_lines_in_a_header_of_http2() {
    let (address, behind) = counting();
    let splitter = Splitter::start(&hasty(&[address]));
    for bad in [
        b"\x00\x01x\x16a\r\nGET /behind HTTP/1.1".as_slice(),
        b"\x00\x04x: y\x01a",
        b"\x00\x01X\x01a",
        b"\x00\x07upgrade\x03h2c",
        b"\x00\x11transfer-encoding\x07chunked",
    ] {
        let mut stream = http2(&splitter, &[]);
        stream.write_all(&frame(HEADERS, 5, 1, &[GET, bad].concat())).unwrap();
        assert!(!rest(&mut stream).0.contains("ok"), "{bad:?}");
    }
    assert_eq!(behind.load(Ordering::SeqCst), 0);
}
