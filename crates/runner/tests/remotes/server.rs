//! A git server over TLS 1.3, as hosts of repositories are: `git http-backend` behind a listener on loopback, and what a hostile
//! one does instead.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use evidence::{Id, Moment};
use tls::{Authority, Identity, Role, Served, SpiffeId, TransportKey, accept};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How the server answers.
#[derive(Clone, Debug)]
pub enum Manner {
    /// As git does.
    Honest,
    /// It sends its visitor to another address.
    Redirect(String),
    /// It asks for this authorization.
    Guarded(String),
    /// It sends a pack without an end that announces so many objects.
    Endless(u32),
    /// It answers nothing.
    Silent,
}

/// A server, for as long as the test runs.
pub struct GitServer {
    pub port: u16,
    pub manner: Arc<Mutex<Manner>>,
    /// First lines of all requests.
    pub requests: Arc<Mutex<Vec<String>>>,
    /// Arguments of all processes at the time of a request that carried an authorization.
    pub arguments: Arc<Mutex<Vec<String>>>,
    dir: tempfile::TempDir,
}

impl GitServer {
    /// Serves the repositories below a directory.
    pub fn start(root: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        // Git judges certificates by the machine's clock.
        let now = Moment::from_millis(now.as_millis().try_into().unwrap()).unwrap();
        let installation = Id::from_random([9; 16]);
        let authority = Authority::make(installation, now).unwrap();
        let key = TransportKey::draw().unwrap();
        let id = SpiffeId { installation, role: Role::Server, name: lab::name("git") };
        let chain = authority.issue(&id, &["localhost".to_owned()], &key.public().unwrap(), now).unwrap();
        let served = Served::new(&Identity::new(&key, chain).unwrap(), None).unwrap();
        std::fs::write(dir.path().join("ca.pem"), authority.certificate_pem().unwrap()).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            manner: Arc::new(Mutex::new(Manner::Honest)),
            requests: Arc::default(),
            arguments: Arc::default(),
            dir,
        };
        let (manner, requests) = (Arc::clone(&server.manner), Arc::clone(&server.requests));
        let (arguments, root) = (Arc::clone(&server.arguments), root.to_path_buf());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nonblocking(true).unwrap();
                let conversation = async {
                    let stream = tokio::net::TcpStream::from_std(stream)?;
                    let (mut stream, _) = accept(&served, stream).await?;
                    let Some(request) = Request::read(&mut stream).await? else { return Ok(()) };
                    requests.lock().unwrap().push(request.line.clone());
                    if request.header("authorization").is_some() {
                        arguments.lock().unwrap().extend(all_arguments());
                    }
                    let manner = manner.lock().unwrap().clone();
                    answer(&mut stream, &request, &manner, &root).await?;
                    stream.shutdown().await
                };
                // A client that ends the connection is no matter of the server.
                drop(runtime.block_on(conversation));
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}/{path}", self.port)
    }

    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    pub fn become_(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Self>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        let text = String::from_utf8(head).unwrap();
        let mut lines = text.trim_end().lines();
        let line = lines.next().unwrap().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut request = Self { line, headers, body: Vec::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body = vec![0; length];
        stream.read_exact(&mut request.body).await?;
        Ok(Some(request))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    request: &Request,
    manner: &Manner,
    root: &Path,
) -> std::io::Result<()> {
    let plain = |status: &str, header: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n{header}\r\n").into_bytes()
    };
    match manner {
        Manner::Redirect(to) => {
            let line = format!("Location: {to}{}\r\n", request.line.split(' ').nth(1).unwrap());
            stream.write_all(&plain("302 Found", &line)).await
        }
        Manner::Guarded(wanted) if request.header("authorization") != Some(wanted) => {
            let line = "WWW-Authenticate: Basic realm=\"git\"\r\n";
            stream.write_all(&plain("401 Unauthorized", line)).await
        }
        Manner::Endless(count) if request.body.windows(13).any(|part| part == b"command=fetch") => {
            endless(stream, *count).await
        }
        Manner::Silent => std::future::pending().await,
        _ => stream.write_all(&by_git(request, root)).await,
    }
}

/// The answer of git's own program for servers (git-http-backend(1)).
fn by_git(request: &Request, root: &Path) -> Vec<u8> {
    let mut words = request.line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = Command::new("git");
    backend.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    backend.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_COUNT", "1");
    backend.env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
    backend.env("PATH_INFO", path).env("QUERY_STRING", query).env("REQUEST_METHOD", method);
    for (variable, header) in [
        ("CONTENT_TYPE", "content-type"),
        ("CONTENT_LENGTH", "content-length"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("GIT_PROTOCOL", "git-protocol"),
    ] {
        backend.envs(request.header(header).map(|value| (variable, value)));
    }
    let mut child =
        backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&request.body).unwrap();
    let said = child.wait_with_output().unwrap().stdout;
    let at = said.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    let (head, body) = said.split_at(at);
    let (head, body) = (String::from_utf8_lossy(head), body.strip_prefix(b"\r\n\r\n").unwrap());
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let mut answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for line in head.lines().filter(|line| !line.starts_with("Status: ")) {
        answer.extend([line, "\r\n"]);
    }
    [answer.as_bytes(), b"\r\n", body].concat()
}

/// A pack (gitformat-pack(5)) that announces many objects, and sends one after the other.
async fn endless(stream: &mut (impl AsyncWrite + Unpin), count: u32) -> std::io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&line(b"packfile\n")).await?;
    stream
        .write_all(&band(&[b"PACK".as_slice(), &2_u32.to_be_bytes(), &count.to_be_bytes()].concat()))
        .await?;
    let mut number = 0_u64;
    loop {
        // No two blobs are the same, and none can be made smaller.
        let mut state = number | 1;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .take(60_000)
        .collect();
        stream.write_all(&band(&packed_blob(&bytes))).await?;
        number += 2;
    }
}

/// A blob in a pack: its kind and size, then a stream of zlib with one stored block (RFC 1950, RFC 1951).
fn packed_blob(bytes: &[u8]) -> Vec<u8> {
    let mut size = bytes.len();
    let mut packed = vec![0x30 | (size & 15) as u8];
    size >>= 4;
    while size > 0 {
        *packed.last_mut().unwrap() |= 0x80;
        packed.push((size & 127) as u8);
        size >>= 7;
    }
    let length = u16::try_from(bytes.len()).unwrap();
    packed.extend([0x78, 0x01, 0x01]);
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(bytes);
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    packed.extend(((high << 16) | low).to_be_bytes());
    packed
}

/// A line of git's protocol (gitprotocol-common(5)).
fn line(bytes: &[u8]) -> Vec<u8> {
    [format!("{:04x}", bytes.len() + 4).as_bytes(), bytes].concat()
}

fn band(bytes: &[u8]) -> Vec<u8> {
    line(&[&[1], bytes].concat())
}

/// The arguments of all processes of this machine, as everybody can see them.
fn all_arguments() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let arguments = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    arguments.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " ")).collect()
}
