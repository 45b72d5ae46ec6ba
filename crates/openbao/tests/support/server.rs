//! A server on loopback that answers by a function, for tests: no part of it knows a store.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A request: method, path with query, token, body.
pub struct Asked {
    pub method: String,
    pub path: String,
    pub token: Option<String>,
    pub body: Value,
}

/// A server on loopback that answers by a function, and the requests that it got.
pub struct Server {
    pub address: String,
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts it; it ends with the test's process. An answer is a whole response after the status.
    pub fn start(mut answer: impl FnMut(&Asked) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                seen.lock().unwrap().push(format!("{} {}", request.method, request.path));
                let (status, rest) = answer(&request);
                // The client may hang up before it has read everything.
                let _ = write!(stream, "HTTP/1.1 {status} Status\r\nConnection: close\r\n{rest}");
            }
        });
        Self { address, asked }
    }
}

/// The rest of a response with this JSON.
pub fn with_json(value: &Value) -> String {
    let text = value.to_string();
    format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        lines.iter().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = lines.first()?.split(' ');
    Some(Asked {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        token: header("x-vault-token"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}
