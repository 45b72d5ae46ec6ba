//! A splitter in a thread, backends that say what a test wants, and clients that send bytes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use splitter::{Control, Figures, Group, GroupFigures, Limits, ServeError, Table, serve};

/// A splitter and its agent.
pub struct Splitter {
    pub address: SocketAddr,
    pub control: Control,
    pub ended: JoinHandle<Result<(), ServeError>>,
}

impl Splitter {
    pub fn start(table: &Table) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (agent, own) = UnixStream::pair().unwrap();
        let ended = thread::spawn(move || serve(listener, own));
        let mut control = Control::new(agent);
        control.set(table).unwrap();
        Self { address, control, ended }
    }

    pub fn figures(&mut self) -> Figures {
        self.control.figures().unwrap()
    }

    pub fn group(&mut self, id: &str) -> GroupFigures {
        self.figures().groups.into_iter().rev().find(|group| group.id == id).unwrap()
    }

    /// The figures of a group as soon as none of its requests is under way. A count may come after the last byte.
    pub fn settled(&mut self, id: &str) -> GroupFigures {
        loop {
            let group = self.group(id);
            if group.in_flight == 0 {
                return group;
            }
            thread::yield_now();
        }
    }

    /// Everything that comes back for these bytes.
    pub fn sent(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_ref()).unwrap();
        rest(&mut stream).0
    }

    /// One request by a connection that ends with its answer.
    pub fn get(&self, path: &str, lines: &str) -> String {
        self.sent(format!("GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{lines}\r\n"))
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        // A test that hangs says where.
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }
}

/// What comes until the end, and whether the end was a clean one.
pub fn rest(stream: &mut TcpStream) -> (String, bool) {
    let mut bytes = Vec::new();
    let clean = stream.read_to_end(&mut bytes).is_ok();
    (String::from_utf8_lossy(&bytes).into_owned(), clean)
}

pub fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

pub fn group(id: &str, weight: u32, backends: &[SocketAddr]) -> Group {
    Group { id: id.to_owned(), weight, backends: backends.to_vec(), http2: false, token: None }
}

pub fn table(groups: &[Group]) -> Table {
    Table { groups: groups.to_vec(), ..Table::default() }
}

/// A table of one group, with short times.
pub fn hasty(backends: &[SocketAddr]) -> Table {
    let limits = Limits {
        head_ms: 500,
        idle_ms: 1_000,
        stalled_ms: 500,
        connect_ms: 1_000,
        answer_ms: 700,
        tunnel_ms: 500,
        ..Limits::default()
    };
    Table { limits, ..table(&[group("stable", 1, backends)]) }
}

/// A backend whose connections are handed to a function, each in a thread.
pub fn backend(answer: impl Fn(&mut Talk) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                answer(&mut Talk { reader: BufReader::new(stream.try_clone().unwrap()), stream });
            });
        }
    });
    address
}

/// A backend that answers every request with its name.
pub fn named(name: &'static str) -> SocketAddr {
    backend(move |talk| {
        while let Some(head) = talk.head() {
            let length = length(&head);
            talk.bytes(length);
            talk.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()));
        }
    })
}

/// A backend that answers each request with these bytes, and tells what it got.
pub fn saying(bytes: &'static str) -> (SocketAddr, Receiver<String>) {
    let (told, heard) = mpsc::channel();
    let address = backend(move |talk| {
        while let Some(head) = talk.head() {
            let body = talk.bytes(length(&head));
            // Not each test listens.
            let _ = told.send(head + &String::from_utf8_lossy(&body));
            talk.say(bytes);
        }
    });
    (address, heard)
}

/// A port at which nothing listens.
pub fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub fn length(head: &str) -> usize {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().map_or(0, |(_, length)| length.parse().unwrap())
}

/// A connection as a backend has it.
pub struct Talk {
    pub reader: BufReader<TcpStream>,
    pub stream: TcpStream,
}

impl Talk {
    /// The next head, to its empty line.
    pub fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        loop {
            let before = head.len();
            let count = self.reader.read_line(&mut head).ok()?;
            if count == 0 {
                return None;
            }
            if head.get(before..) == Some("\r\n") {
                return Some(head);
            }
        }
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        // The client may break off.
        let _ = self.reader.read_exact(&mut bytes);
        bytes
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn say(&mut self, bytes: &str) {
        // The other side may be gone.
        let _ = self.stream.write_all(bytes.as_bytes());
    }

    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
