//! Stopping things while somebody else holds what they can.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Home, Up};

/// Another user's connections, for as long as this lives.
struct Flood {
    child: Child,
    connections: u32,
}

impl Flood {
    fn of(home: &Home, up: &Up) -> Self {
        let program = home.dir.path().join("flood");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/flood.c");
        let made = Command::new("gcc").args(["-O1", "-o"]).arg(&program).arg(source).status().unwrap();
        assert!(made.success());
        let port = up.address().rsplit(':').next().unwrap();
        let mut command = Command::new(&program);
        command.args([port, "10000", "65534"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, connections: line.trim().parse().unwrap() }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// The quickest and the slowest of a few freezes.
fn freezes(home: &Home, word: &str) -> (Duration, Duration) {
    let took: Vec<Duration> = (0..5)
        .map(|number| {
            let before = Instant::now();
            home.ok(&[
                "trust",
                "status",
                "--yes",
                "--bar",
                &format!("sha256:{word}{number}{}", "0".repeat(61)),
            ]);
            before.elapsed()
        })
        .collect();
    (*took.iter().min().unwrap(), *took.iter().max().unwrap())
}

/// The quickest under the attack is compared with the slowest before it: whatever else the machine does delays both.
#[test]
fn attack_ten_thousand_connections_delay_nothing_that_stops() {
    let home = Home::solo();
    let up = home.up();
    let (_, before) = freezes(&home, "aa");
    let flood = Flood::of(&home, &up);
    let second = Duration::from_secs(1);
    let (attacked, _) = freezes(&home, "bb");
    assert!(attacked <= before + second, "{attacked:?} over the socket under attack, {before:?} before");
    // Without the socket, this user's own connections find places that others cannot take.
    let socket = home.data().join("server.sock");
    std::fs::rename(&socket, socket.with_extension("away")).unwrap();
    let (attacked, _) = freezes(&home, "cc");
    assert!(attacked <= before + second, "{attacked:?} over TCP under attack, {before:?} before");
    println!("{} connections of another user", flood.connections);
    drop(flood);
    assert!(up.stop(), "runners and agents were reached all the time");
}

/// What connections of strangers may send and what they get: never memory, never a wait for others.
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
        // What is refused early may be closed before all of it was sent.
        drop(stream.write_all(request.as_bytes()));
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status.to_string().as_str()), "{what}: {answer}");
    }
    // Pipelined requests are answered one after the other, on the one place that they hold.
    let mut stream = TcpStream::connect(up.address()).unwrap();
    let last = format!("{get}Connection: close\r\n\r\n");
    stream.write_all((format!("{get}\r\n").repeat(50) + &last).as_bytes()).unwrap();
    let answers = BufReader::new(stream).lines().map_while(Result::ok);
    assert_eq!(answers.filter(|line| line.starts_with("HTTP/1.1 200")).count(), 51);
    assert!(up.stop());
}
