//! Stopping actions while somebody else occupies everything that they can.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use crate::support::neighbours::Neighbour;
use crate::support::{Home, Up};

/// Bars a digest, and checks that the bar is current.
fn stops(home: &Home, up: &Up, word: &str) {
    let digest = format!("sha256:{word}{}", "0".repeat(62));
    home.ok(&["trust", "status", "--yes", "--bar", &digest]);
    assert!(up.get("/api/v1/installation").1.contains(&digest), "it is in force");
}

/// Another user's connections occupy as many places as they can: stopping actions go before them. The delay is a figure
/// (`cargo x bench`).
#[test]
fn attack_ten_thousand_connections_delay_nothing_that_stops() {
    let home = Home::solo();
    let up = home.up();
    let (flood, connections) = Neighbour::holding(&home, &up, 10_000);
    // The request goes over the Unix socket and the check over TCP, where this user's connections have places that others
    // cannot occupy.
    stops(&home, &up, "aa");
    println!("{connections} connections of another user");
    assert!(flood.end().is_empty(), "it held them all the time");
    assert!(up.stop(), "runners and agents were reached all the time");
}

/// Limits for connections of strangers: no memory, and no delay for others.
#[test]
fn attack_requests_without_measure_are_refused_by_name() {
    let home = Home::solo();
    let up = home.up();
    let post = "POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let get = "GET /checkpoint HTTP/1.1\r\nHost: localhost\r\n";
    let many: String = (0..200).map(|number| format!("X-{number}: a\r\n")).collect();
    let cases = [
        ("a large body of nobody", format!("{post}Content-Length: 4000000\r\n\r\n{{"), 401),
        ("a body without a length", format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), 401),
        (
            "a body that waits to be asked for",
            format!("{post}Expect: 100-continue\r\nContent-Length: 99999\r\n\r\n"),
            401,
        ),
        ("a body larger than any", format!("{post}Content-Length: 99999999\r\n\r\n"), 413),
        (
            "a large body under another's name",
            format!("{post}Authorization: Countersign e30=\r\nContent-Length: 99999\r\n\r\n"),
            401,
        ),
        ("two lengths", format!("{post}Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc"), 400),
        (
            "chunks beside a length",
            format!("{post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            401,
        ),
        ("many headers", format!("{get}{many}\r\n"), 431),
        ("a long header", format!("{get}X: {}\r\n\r\n", "a".repeat(300_000)), 431),
        (
            "a blob of nobody",
            format!(
                "PUT /api/v1/blobs/sha256:{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n",
                "0".repeat(64)
            ),
            401,
        ),
    ];
    for (what, request, status) in cases {
        let mut stream = TcpStream::connect(up.address()).unwrap();
        // A connection that is refused early may be closed before all bytes were sent.
        drop(stream.write_all(request.as_bytes()));
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status.to_string().as_str()), "{what}: {answer}");
    }
    // Pipelined requests are answered in order, in the one place that they occupy.
    let mut stream = TcpStream::connect(up.address()).unwrap();
    let last = format!("{get}Connection: close\r\n\r\n");
    stream.write_all((format!("{get}\r\n").repeat(50) + &last).as_bytes()).unwrap();
    let answers = BufReader::new(stream).lines().map_while(Result::ok);
    assert_eq!(answers.filter(|line| line.starts_with("HTTP/1.1 200")).count(), 51);
    assert!(up.stop());
}
