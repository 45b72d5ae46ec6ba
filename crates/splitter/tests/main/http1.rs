//! HTTP/1.1 from end to end: bodies in both directions, answers without bodies, trailers and WebSockets.

use std::io::{Read as _, Write as _};
use std::sync::mpsc;

use crate::support::{Splitter, backend, body, group, named, rest, saying, table};

#[test]
fn a_backend_learns_who_asks_and_nothing_of_the_connection() {
    let (address, heard) =
        saying("HTTP/1.1 200 OK\r\nConnection: x-own\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\nok");
    let splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    let answer = splitter.get("/a?b=c", "X-Forwarded-For: 10.0.0.1\r\nX-Plain: 1\r\n");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok"), "{answer}");
    assert!(!answer.contains("x-own"), "{answer}");
    let request = heard.recv().unwrap();
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("x-forwarded-for: 127.0.0.1\r\n") && request.contains("host: shop\r\n"),
        "{request}"
    );
    assert!(request.contains("x-plain: 1\r\n") && !request.contains("connection"), "{request}");
}

#[test]
fn bodies_stream_in_both_directions_at_once() {
    let address = backend(|talk| {
        talk.head().unwrap();
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Each piece goes back before the next one comes.
        while talk.line() != "0" {
            let piece = talk.line();
            talk.say(&format!("{:x}\r\n{piece}\r\n", piece.len()));
        }
        talk.say("0\r\n\r\n");
    });
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    let mut stream = splitter.connect();
    stream
        .write_all(
            b"POST / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    for piece in ["one", "second", "third"] {
        stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).unwrap();
        while !answer.contains(piece) {
            let mut bytes = [0; 512];
            let count = stream.read(&mut bytes).unwrap();
            answer.push_str(&String::from_utf8_lossy(&bytes[..count]));
            assert!(count > 0, "{answer}");
        }
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(rest(&mut stream), ("0\r\n\r\n".to_owned(), true));
    assert_eq!(splitter.settled("stable").errors.total(), 0);
}

#[test]
fn a_connection_serves_many_requests_and_so_does_one_to_a_backend() {
    let (counted, count) = mpsc::channel();
    let address = backend(move |talk| {
        counted.send(()).unwrap();
        while talk.head().is_some() {
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    let one = "GET / HTTP/1.1\r\nHost: shop\r\n\r\n".repeat(9);
    let answers = splitter.sent(format!("{one}GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"));
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 10, "{answers}");
    assert_eq!((splitter.settled("stable").requests, count.try_iter().count()), (10, 1));
}

#[test]
fn answers_without_a_body_keep_their_length() {
    for (method, backends, clients) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "content-length: 99"),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 OK"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"a\"\r\n\r\n", "etag: \"a\""),
        ("GET", "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", "x-a: b"),
        ("GET", "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", "content-length: 0"),
        // The answer before the answer is for this connection alone.
        (
            "GET",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "200 OK",
        ),
    ] {
        let (address, _heard) = saying(backends);
        let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
        let request = format!("{method} / HTTP/1.1\r\nHost: shop\r\n\r\n");
        let last = format!("{method} / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
        let answers = splitter.sent(request + &last);
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 2, "{answers}");
        assert!(answers.contains(clients) && body(&answers).starts_with("HTTP/1.1 "), "{answers}");
        let figures = splitter.settled("stable");
        assert_eq!(
            (figures.requests, figures.errors.total(), figures.client.total()),
            (2, 0, 0),
            "{backends}"
        );
    }
}

#[test]
fn trailers_arrive_on_both_sides() {
    let (told, heard) = mpsc::channel();
    let address = backend(move |talk| {
        talk.head().unwrap();
        let mut trailers = Vec::new();
        assert_eq!((talk.line(), talk.line(), talk.line()), ("3".into(), "abc".into(), "0".into()));
        loop {
            let line = talk.line();
            if line.is_empty() {
                break;
            }
            trailers.push(line);
        }
        told.send(trailers).unwrap();
        talk.say("HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n");
    });
    let splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    let answer = splitter.sent(
        "POST / HTTP/1.1\r\nHost: shop\r\nConnection: close, te\r\nTE: trailers\r\nTrailer: x-up\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Up: 5\r\n\r\n",
    );
    assert_eq!(heard.recv().unwrap(), ["x-up: 5"]);
    assert!(answer.ends_with("1\r\na\r\n0\r\nx-sum: 7\r\n\r\n"), "{answer}");
}

#[test]
fn a_websocket_is_a_tunnel_of_one_group() {
    let address = backend(|talk| {
        let head = talk.head().unwrap();
        assert!(
            head.contains("upgrade: websocket\r\n") && head.contains("connection: upgrade\r\n"),
            "{head}"
        );
        talk.say(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello\n",
        );
        loop {
            let line = talk.line();
            if line.is_empty() {
                return;
            }
            talk.say(&format!("{line}!\n"));
        }
    });
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    let mut stream = splitter.connect();
    let request = "GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut until = |end: &str| {
        let mut answer = String::new();
        while !answer.ends_with(end) {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "{answer}");
            answer.push(char::from(byte[0]));
        }
        stream.write_all(b"again\n").unwrap();
        answer
    };
    let answer = until("hello\n");
    assert!(answer.starts_with("HTTP/1.1 101") && answer.contains("upgrade: websocket\r\n"), "{answer}");
    assert_eq!(until("!\n"), "again!\n");
    assert_eq!(splitter.group("stable").in_flight, 1);
    splitter
        .control
        .set(&table(&[group("stable", 0, &[address]), group("new", 1, &[named("new")])]))
        .unwrap();
    assert_eq!(until("!\n"), "again!\n", "it stays");
    drop(stream);
    let figures = splitter.settled("stable");
    assert_eq!((figures.requests, figures.errors.total()), (1, 0));
}

#[test]
fn a_change_that_nobody_asked_for_is_no_answer() {
    let (address, _heard) =
        saying("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    assert!(splitter.get("/", "").starts_with("HTTP/1.1 502"));
    assert_eq!(splitter.settled("stable").errors.broken, 1);
}

#[test]
fn an_answer_may_come_before_the_request_has_ended() {
    let address = backend(|talk| {
        talk.head().unwrap();
        talk.say("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
        // Unread bytes would take the answer along (RFC 9112, 9.6).
        talk.stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = std::io::copy(&mut talk.reader, &mut std::io::sink());
    });
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    for _ in 0..20 {
        let mut stream = splitter.connect();
        stream.write_all(b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000000\r\n\r\n").unwrap();
        // It may be refused in the middle.
        let _ = stream.write_all(&vec![b'x'; 300_000]);
        let (answer, _) = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 413") && answer.ends_with("big"), "{answer}");
    }
    assert_eq!(splitter.settled("stable").client.status, 20);
}

#[test]
fn an_expectation_is_met_here() {
    let (address, heard) = saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    let mut stream = splitter.connect();
    stream.write_all(b"PUT / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").unwrap();
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").unwrap();
    assert!(rest(&mut stream).0.ends_with("ok"));
    let request = heard.recv().unwrap();
    assert!(request.ends_with("\r\n\r\nabc") && !request.contains("expect"), "{request}");
}

#[test]
fn old_clients_and_old_backends_end_bodies_by_closing() {
    let address = backend(|talk| {
        talk.head().unwrap();
        talk.say("HTTP/1.0 200 OK\r\n\r\nto the end");
        talk.close();
    });
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    let mut stream = splitter.connect();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let (answer, is_clean) = rest(&mut stream);
    assert!(answer.ends_with("\r\n\r\nto the end") && !answer.contains("chunked") && is_clean, "{answer}");
    let answer = splitter.get("/", "");
    assert!(answer.contains("transfer-encoding: chunked") && answer.ends_with("0\r\n\r\n"), "{answer}");
    let figures = splitter.settled("stable");
    assert_eq!((figures.requests, figures.errors.total()), (2, 0));
}
