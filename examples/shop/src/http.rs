//! A small server of HTTP/1.1: a thread for each connection, many requests on each, bounded heads and bodies.
//!
//! It takes its listening socket from the program that starts it (`sd_listen_fds(3)`), or listens on `PORT`.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::FromRawFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::fault::Fault;

/// A request.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: String,
}

/// A status and a text.
pub type Answer = (u16, String);

/// Serves for ever.
pub fn serve(name: &str, version: &'static str, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> io::Result<()> {
    let (listener, answer, fault) = (listener()?, Arc::new(answer), Arc::new(Fault::of(version)));
    eprintln!("{name} {version} at {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, answer, fault) = (stream?, Arc::clone(&answer), Arc::clone(&fault));
        thread::spawn(move || {
            // A client that goes away concerns nobody else.
            let _ = connection(stream, &*answer, &fault, version);
        });
    }
    Ok(())
}

fn listener() -> io::Result<TcpListener> {
    let passed = env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    if passed && env::var("LISTEN_FDS").is_ok_and(|count| count == "1") {
        // SAFETY: the program that set LISTEN_PID to this process passed one open socket as descriptor 3, and nothing
        // else in this program takes it.
        return Ok(unsafe { TcpListener::from_raw_fd(3) });
    }
    let port = env::var("PORT").unwrap_or_else(|_| "8090".into());
    TcpListener::bind(format!("127.0.0.1:{port}"))
}

fn connection(stream: TcpStream, answer: &impl Fn(&Request) -> Answer, fault: &Fault, version: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some((request, goes_on)) = request(&mut reader)? {
        let (status, text) = match request.path.as_str() {
            "/health" => (200, "ok\n".to_owned()),
            _ if fault.strikes() => (500, "a fault, as asked for\n".to_owned()),
            _ => answer(&request),
        };
        let connection = if goes_on { "keep-alive" } else { "close" };
        write!(
            stream,
            "HTTP/1.1 {status} -\r\nContent-Length: {}\r\nX-Version: {version}\r\nConnection: {connection}\r\n\r\n{text}",
            text.len()
        )?;
        if !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

/// The next request, and whether the connection goes on after it.
fn request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(Request, bool)>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let line = reader.by_ref().take(8192).read_until(b'\n', &mut head)?;
        if line == 0 && head.is_empty() {
            return Ok(None);
        }
        if line == 0 || head.len() > 65536 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut goes_on = words.next() == Some("HTTP/1.1");
    let mut length = 0_u64;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?,
            "transfer-encoding" => return Err(io::ErrorKind::InvalidData.into()),
            "connection" => goes_on &= !value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    if length > 65536 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = String::new();
    reader.by_ref().take(length).read_to_string(&mut body)?;
    Ok(Some((Request { method: method.into(), path: path.into(), body }, goes_on)))
}
