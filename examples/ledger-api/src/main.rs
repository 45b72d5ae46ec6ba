//! A small ledger over HTTP: `POST /entries` with an amount in cents, `GET /balance`, `GET /health`.
//!
//! It takes its listening socket from whoever starts it (`sd_listen_fds(3)`), or listens on `PORT`. Entries
//! are lines of a file in `STATE_DIRECTORY`, written durably before they are acknowledged. `LEDGER_LIMIT`
//! is the largest amount that one entry may have; when it is not a number, the service is not healthy.

mod book;

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::FromRawFd;
use std::path::PathBuf;
use std::time::Duration;

use book::{Book, BookError};

fn main() -> io::Result<()> {
    let directory = env::var_os("STATE_DIRECTORY").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let limit = env::var("LEDGER_LIMIT").unwrap_or_else(|_| "1000000".into()).parse::<i64>().ok();
    let mut book = Book::open(&directory.join("ledger.txt"), limit)?;
    let listener = listener()?;
    eprintln!("ledger-api {} with {} entries", env!("CARGO_PKG_VERSION"), book.len());
    for stream in listener.incoming() {
        let stream = stream?;
        if let Err(error) = answer(stream, &mut book) {
            eprintln!("a connection broke: {error}");
        }
    }
    Ok(())
}

fn listener() -> io::Result<TcpListener> {
    let passed = env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    if passed && env::var("LISTEN_FDS").is_ok_and(|count| count == "1") {
        // SAFETY: whoever set LISTEN_PID to this process passed one open socket as descriptor 3, and nothing
        // else in this program takes it.
        return Ok(unsafe { TcpListener::from_raw_fd(3) });
    }
    let port = env::var("PORT").unwrap_or_else(|_| "8080".into());
    TcpListener::bind(format!("127.0.0.1:{port}"))
}

fn answer(stream: TcpStream, book: &mut Book) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.by_ref().take(8192).read_line(&mut line)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.by_ref().take(8192).read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
    }
    let mut body = vec![0; usize::min(length, 1024)];
    reader.read_exact(&mut body)?;
    let mut words = line.split(' ');
    let (status, text) = match (words.next(), words.next()) {
        (Some("GET"), Some("/health")) if book.is_sound() => (200, "ok".to_owned()),
        (Some("GET"), Some("/health")) => (500, "LEDGER_LIMIT is not a number".to_owned()),
        (Some("GET"), Some("/balance")) => (200, book.balance().to_string()),
        (Some("POST"), Some("/entries")) => match book.append(&String::from_utf8_lossy(&body)) {
            Ok(number) => (201, number.to_string()),
            Err(BookError::Amount(what)) => (400, what),
            Err(BookError::Io(error)) => (500, error.to_string()),
        },
        _ => (404, "there is no such thing".to_owned()),
    };
    let mut stream = reader.into_inner();
    write!(stream, "HTTP/1.1 {status} -\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())?;
    stream.flush()
}
