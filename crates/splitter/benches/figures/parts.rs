//! Processes of a measurement: a backend, a splitter, and HAProxy with the same work.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use splitter::{Control, Group, Table};

/// The body of every answer.
pub const BODY: &str = "{\"items\":[{\"id\":1,\"name\":\"a thing of the shop\"},{\"id\":2,\"name\":\"another one\"}],\"page\":3,\"of\":9}\n";

/// A process that ends with its owner.
pub struct Part {
    child: Child,
    pub address: SocketAddr,
    _dir: Option<tempfile::TempDir>,
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Part {
    /// A backend beside the load.
    pub fn backend() -> Self {
        let mut child = own("as-backend", 0).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap(), _dir: None }
    }
}

/// A splitter and its control.
pub struct Splitter {
    pub part: Part,
    control: Control,
}

impl Splitter {
    /// Gives one group everything, and drains the other.
    pub fn only(&mut self, backends: &[SocketAddr], group: usize) {
        let row = |index: usize, address: &SocketAddr| Group {
            id: format!("group{index}"),
            weight: u32::from(index == group),
            backends: vec![*address],
            http2: false,
            token: None,
        };
        let groups = backends.iter().enumerate().map(|(index, address)| row(index, address)).collect();
        self.control.set(&Table { groups, ..Table::default() }).unwrap();
        for other in (0..backends.len()).filter(|other| *other != group) {
            let time = Duration::from_secs(10);
            assert_eq!(self.control.drain(&format!("group{other}"), time, time).unwrap(), 0);
        }
    }
}

/// A splitter as its agent starts it: the port as standard input, the control as standard output.
pub fn splitter(backends: &[SocketAddr]) -> Splitter {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (agent, control) = UnixStream::pair().unwrap();
    let mut command = own("as-splitter", 1);
    command.stdin(OwnedFd::from(listener)).stdout(OwnedFd::from(control));
    let part = Part { child: command.spawn().unwrap(), address, _dir: None };
    let mut splitter = Splitter { part, control: Control::new(agent) };
    splitter.only(backends, 0);
    splitter
}

/// HAProxy on one processor, with connections kept on both sides.
pub fn haproxy(backend: SocketAddr) -> Option<Part> {
    start_haproxy(backend, "")
}

/// The same for clients of HTTP/2.
pub fn haproxy_http2(backend: SocketAddr) -> Option<Part> {
    start_haproxy(backend, " proto h2")
}

fn start_haproxy(backend: SocketAddr, protocol: &str) -> Option<Part> {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("haproxy.cfg");
    let text = format!(
        "global\n  nbthread 1\n  maxconn 4096\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s\n\
         frontend port\n  bind {address}{protocol}\n  option forwardfor\n  default_backend group\n\
         backend group\n  http-reuse always\n  server one {backend}\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = on(1, "haproxy");
    command.arg("-f").arg(&file).arg("-db").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    while TcpStream::connect(address).is_err() {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::yield_now();
    }
    Some(Part { child, address, _dir: Some(dir) })
}

/// Requests in a second, by h2load over eight connections of 16 streams.
pub fn h2load(to: SocketAddr) -> Option<f64> {
    let mut command = on(0, "h2load");
    command.args(["-c8", "-m16", "-t1", "-D3", "--warm-up-time=1"]).arg(format!("http://{to}/items?page=3"));
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text.lines().find_map(|line| line.strip_prefix("finished in "))?.split(", ").nth(1)?;
    let failed = text.lines().find(|line| line.starts_with("requests: ")).unwrap_or_default();
    assert!(failed.contains(" 0 failed, 0 errored"), "{text}");
    rate.strip_suffix(" req/s")?.parse().ok()
}

fn own(part: &str, processor: usize) -> Command {
    let mut command = on(processor, std::env::current_exe().unwrap().to_str().unwrap());
    command.arg(part);
    command
}

/// A program on one processor, if there is a second one.
fn on(processor: usize, program: &str) -> Command {
    if std::thread::available_parallelism().unwrap().get() < 2 {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string(), program]);
    command
}

/// The process of a backend.
pub fn be_backend() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let service = service_fn(|_: Request<_>| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(BODY.as_bytes()))))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

/// The process of a splitter.
pub fn be_splitter() {
    let listener = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let control = std::io::stdout().as_fd().try_clone_to_owned().unwrap();
    splitter::serve(TcpListener::from(listener), UnixStream::from(control)).unwrap();
}
