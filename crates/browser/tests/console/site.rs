//! A listener on a free port that answers with given pages, keeps the heads of all requests, and has a stream of events that
//! can break.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A running listener. Its thread ends with the test's process.
pub struct Site {
    at: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    /// Headers of every answer, each with its line end.
    headers: String,
    /// Content type and body, by path.
    files: Mutex<BTreeMap<String, (String, String)>>,
    heads: Mutex<Vec<String>>,
    /// Open streams; `None` while the stream is interrupted.
    streams: Mutex<Option<Vec<TcpStream>>>,
}

impl Site {
    /// Serves pages by their paths.
    pub fn pages(headers: &str, pages: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            headers: headers.to_owned(),
            files: Mutex::default(),
            heads: Mutex::default(),
            streams: Mutex::new(Some(Vec::new())),
        });
        let site = Self { at, inner: Arc::clone(&inner) };
        pages.iter().for_each(|(path, html)| site.put(path, HTML, html));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = Arc::clone(&inner);
                // A browser opens connections that it may never use, so none waits for another one.
                thread::spawn(move || drop(inner.one(stream)));
            }
        });
        site
    }

    /// Serves one page.
    pub fn page(headers: &str, html: &str) -> Self {
        Self::pages(headers, &[("/", html)])
    }

    /// Serves a file from now on, or another one in its place.
    pub fn put(&self, path: &str, kind: &str, body: &str) {
        self.inner.files.lock().unwrap().insert(path.to_owned(), (kind.to_owned(), body.to_owned()));
    }

    /// Serves a file no more.
    pub fn remove(&self, path: &str) {
        self.inner.files.lock().unwrap().remove(path);
    }

    /// Address of a path under a host name that leads here.
    pub fn at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.at.port())
    }

    /// Address of its first page.
    pub fn url(&self, host: &str) -> String {
        self.at(host, "/")
    }

    /// Heads of the requests for a host so far, with all headers.
    pub fn heads(&self, host: &str) -> Vec<String> {
        let wanted = format!("\r\nHost: {host}:{}\r\n", self.at.port());
        let heads = self.inner.heads.lock().unwrap();
        heads.iter().filter(|head| head.contains(&wanted)).cloned().collect()
    }

    /// Number of streams that are open.
    pub fn streams(&self) -> usize {
        self.inner.streams.lock().unwrap().as_ref().map_or(0, Vec::len)
    }

    /// Sends an event to all streams.
    pub fn tell(&self, event: &str) {
        for stream in self.inner.streams.lock().unwrap().iter_mut().flatten() {
            stream.write_all(event.as_bytes()).unwrap();
        }
    }

    /// Breaks all streams; new ones are refused until `resume`.
    pub fn interrupt(&self) {
        for stream in self.inner.streams.lock().unwrap().take().into_iter().flatten() {
            stream.shutdown(Shutdown::Both).unwrap();
        }
    }

    /// Answers streams again.
    pub fn resume(&self) {
        *self.inner.streams.lock().unwrap() = Some(Vec::new());
    }
}

impl Inner {
    fn one(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX && stream.read(&mut byte)? == 1 {
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let Some(path) = head.split(' ').nth(1).and_then(|path| path.split('?').next()) else {
            return Ok(());
        };
        let (path, headers) = (path.to_owned(), &self.headers);
        self.heads.lock().unwrap().push(head);
        let mut streams = self.streams.lock().unwrap();
        if let (STREAM, Some(open)) = (path.as_str(), streams.as_mut()) {
            let start =
                format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{headers}\r\nretry: 100\n\n");
            stream.write_all(start.as_bytes())?;
            open.push(stream);
            return Ok(());
        }
        drop(streams);
        let found = self.files.lock().unwrap().get(&path).cloned();
        // Browsers ask for the icon of a page that names none.
        let found = found.or_else(|| (path == "/favicon.ico").then(Default::default));
        let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
        let (kind, body) = found.unwrap_or_default();
        let length = body.len();
        stream.write_all(
            format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}").as_bytes(),
        )
    }
}

/// Content type of a page.
pub const HTML: &str = "text/html; charset=utf-8";
/// Path of the stream.
const STREAM: &str = "/live";
const HEAD_BYTES_MAX: usize = 64 * 1024;
