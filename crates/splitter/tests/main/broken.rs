//! Backends that break off, stand still or are not there: each is counted, and no client takes a part for the whole.

use std::io::Write as _;
use std::sync::mpsc;

use splitter::Errors;

use crate::support::{Splitter, backend, body, group, hasty, named, nowhere, rest, table};

/// What a client of HTTP/1.1 and one of HTTP/1.0 get for these bytes, and what is counted.
fn given(bytes: &'static str) -> ([(String, bool); 2], Errors) {
    let address = backend(move |talk| {
        talk.head().unwrap();
        talk.say(bytes);
        talk.close();
    });
    let mut splitter = Splitter::start(&hasty(&[address]));
    let answers = ["1.1", "1.0"].map(|version| {
        let mut stream = splitter.connect();
        stream.write_all(format!("GET / HTTP/{version}\r\nHost: shop\r\n\r\n").as_bytes()).unwrap();
        rest(&mut stream)
    });
    (answers, splitter.settled("stable").errors)
}

#[test]
fn attack_a_part_of_an_answer_looks_like_the_whole() {
    // Unbroken.
    let (answers, errors) =
        given("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert!(answers[1].0.ends_with("abc") && answers[1].1 && errors.total() == 0, "{answers:?}");
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    ] {
        let ([new, old], errors) = given(bytes);
        assert!(
            !new.0.ends_with("0\r\n\r\n") && (!new.1 || new.0.contains("content-length: 10")),
            "{bytes}: {new:?}"
        );
        assert!(!old.1 || old.0.contains("content-length: 10"), "{bytes}: {old:?}");
        assert_eq!(errors, Errors { broken: 2, ..Errors::default() }, "{bytes}");
    }
}

#[test]
fn no_answer_and_no_words_of_http_are_answered_with_502() {
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\nContent-",
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ] {
        let (answers, errors) = given(bytes);
        assert!(answers.iter().all(|(answer, _)| answer.contains(" 502 ")), "{bytes}: {answers:?}");
        assert_eq!(errors, Errors { broken: 2, ..Errors::default() }, "{bytes}");
    }
}

#[test]
fn a_backend_that_refuses_gets_no_request_while_another_takes_them() {
    let groups = [group("stable", 1, &[nowhere(), named("stable")])];
    let mut splitter = Splitter::start(&table(&groups));
    for _ in 0..20 {
        let answer = splitter
            .sent("POST / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(body(&answer), "stable", "{answer}");
    }
    let figures = splitter.settled("stable");
    assert_eq!((figures.requests, figures.errors.total()), (20, 0));
    assert!(figures.retried >= 1, "{figures:?}");
    splitter.control.set(&table(&[group("stable", 1, &[nowhere(), nowhere()])])).unwrap();
    assert!(splitter.get("/", "").starts_with("HTTP/1.1 502"));
    assert_eq!(splitter.settled("stable").errors, Errors { connect: 1, ..Errors::default() });
}

#[test]
fn a_backend_that_stands_still_is_not_waited_for() {
    let (_open, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let address = backend(move |talk| {
        let head = talk.head().unwrap();
        if head.contains("/part") {
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        }
        let _ = wait.lock().unwrap().recv();
    });
    let mut splitter = Splitter::start(&hasty(&[address]));
    assert!(splitter.get("/", "").starts_with("HTTP/1.1 504"));
    let mut stream = splitter.connect();
    stream.write_all(b"GET /part HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
    let (answer, is_clean) = rest(&mut stream);
    assert!(!is_clean, "{answer}");
    let figures = splitter.settled("stable");
    assert_eq!(figures.errors, Errors { timeout: 2, ..Errors::default() });
    assert!(figures.latency.last().is_some_and(|(bucket, _)| splitter::bucket_start(*bucket) >= 250_000));
}

#[test]
fn a_connection_that_its_backend_closed_is_not_used_again() {
    let address = backend(|talk| {
        // One request for each connection, without saying so.
        talk.head().unwrap();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        talk.close();
    });
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    let mut stream = splitter.connect();
    for _ in 0..200 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\nok") {
            let mut bytes = [0; 512];
            let count = std::io::Read::read(&mut stream, &mut bytes).unwrap();
            assert!(count > 0, "{answer}");
            answer.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(splitter.settled("stable").errors.total(), 0);
}

#[test]
fn statuses_count_against_their_side() {
    let address = backend(|talk| {
        while let Some(head) = talk.head() {
            let status = head.split_whitespace().nth(1).unwrap().trim_start_matches('/').to_owned();
            talk.say(&format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let mut splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    for status in [200, 302, 404, 429, 500, 503] {
        assert!(splitter.get(&format!("/{status}"), "").starts_with(&format!("HTTP/1.1 {status}")));
    }
    let figures = splitter.settled("stable");
    assert_eq!((figures.requests, figures.errors.status, figures.client.status), (6, 2, 2));
    assert_eq!((figures.errors.total(), figures.client.total()), (2, 2));
}
