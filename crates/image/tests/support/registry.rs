//! A small registry of these tests on the loopback, after the distribution specification: a token for people it knows, and
//! blobs that lie elsewhere. It gives the blobs of a layout.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub path: String,
    pub authorization: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Zeros without end come after the body.
    pub endless: bool,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), endless: false }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A registry that runs.
pub struct TestRegistry {
    pub host: String,
    pub requests: Arc<Mutex<Vec<Request>>>,
}

pub const PERSON: &str = "ada:secret";

impl TestRegistry {
    /// A registry that gives `team/tools`, and an honest answer only after `change` has seen it.
    pub fn start(layout: &Path, change: impl Fn(&Request, Answer) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, own, layout) = (Arc::clone(&requests), host.clone(), layout.to_path_buf());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                seen.lock().unwrap().push(request.clone());
                let answer = change(&request, honest(&request, &own, &layout));
                // A client that has enough closes the connection.
                drop(write(stream, &answer));
            }
        });
        Self { host, requests }
    }

    /// The operator's file, which names this registry.
    pub fn file(&self, dir: &Path) -> PathBuf {
        let auth = STANDARD.encode(PERSON);
        self.file_of(dir, &json!({"auths": {self.host.clone(): {"auth": auth, "plain-http": true}}}))
    }

    pub fn file_of(&self, dir: &Path, content: &serde_json::Value) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = dir.join("registries.json");
        fs::write(&path, content.to_string()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub fn seen(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn honest(request: &Request, host: &str, layout: &Path) -> Answer {
    let blob = |hex: &str| match fs::read(layout.join("blobs/sha256").join(hex)) {
        Ok(bytes) => Answer::new(200, bytes),
        Err(_) => Answer::new(404, "no such blob"),
    };
    let path = request.path.as_str();
    let basic = format!("Basic {}", STANDARD.encode(PERSON));
    if path.starts_with("/token") {
        let known = request.authorization.as_ref() == Some(&basic);
        return if known { Answer::new(200, r#"{"token": "T"}"#) } else { Answer::new(401, "") };
    }
    if let Some(hex) = path.strip_prefix("/elsewhere/") {
        return if request.authorization.is_none() { blob(hex) } else { Answer::new(400, "two rights") };
    }
    let Some(rest) = path.strip_prefix("/v2/team/tools/") else { return Answer::new(404, "") };
    if request.authorization.as_deref() != Some("Bearer T") && request.authorization.as_ref() != Some(&basic)
    {
        let asked =
            format!("Bearer realm=\"http://{host}/token\",service=\"here\",scope=\"registry:catalog:*\"");
        return Answer::new(401, "").with("WWW-Authenticate", asked);
    }
    match rest.split_once("/sha256:") {
        Some(("manifests", hex)) => blob(hex),
        Some(("blobs", hex)) => Answer::new(307, "").with("Location", format!("/elsewhere/{hex}")),
        _ => Answer::new(404, ""),
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    let mut authorization = None;
    for line in lines {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        let header = line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        authorization = header.map(|(_, value)| value.to_owned()).or(authorization);
    }
    Some(Request { path, authorization })
}

fn write(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !answer.endless {
        head.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&answer.body)?;
    if answer.endless {
        loop {
            stream.write_all(&[0; 64 << 10])?;
        }
    }
    Ok(())
}
