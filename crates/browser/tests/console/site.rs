//! A listener on a free port that answers each request with one given answer, and keeps the heads of all requests.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A running listener. Its thread ends with the test's process.
pub struct Site {
    at: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Serves one page, with additional headers (each line with its `\r\n`).
    pub fn page(headers: &str, html: &str) -> Self {
        let body = html.len();
        Self::answer(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {body}\r\nConnection: close\r\n{headers}\r\n{html}"
        ))
    }

    fn answer(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, heads) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&heads);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer) = (Arc::clone(&kept), answer.clone());
                // A browser opens connections that it may never use, so none waits for another one.
                thread::spawn(move || drop(one(stream, &answer, &kept)));
            }
        });
        Self { at, heads }
    }

    /// Address of its page under a host name that leads here.
    pub fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.at.port())
    }

    /// Heads of the requests for a host so far, with all headers.
    pub fn heads(&self, host: &str) -> Vec<String> {
        let wanted = format!("\r\nHost: {host}:{}\r\n", self.at.port());
        let heads = self.heads.lock().unwrap();
        heads.iter().filter(|head| head.contains(&wanted)).cloned().collect()
    }
}

fn one(mut stream: TcpStream, answer: &str, kept: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    if head.is_empty() {
        return Ok(());
    }
    kept.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    stream.write_all(answer.as_bytes())
}

const HEAD_BYTES_MAX: usize = 64 * 1024;
