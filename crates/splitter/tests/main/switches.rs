//! Tables that change under load: no request is lost, none is torn, and the port ends with its agent.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use splitter::{Control, serve};

use crate::support::{Splitter, backend, body, group, hasty, named, rest, table};

/// Answers to a request by a kept connection; `None` if it was lost.
fn asked(stream: &mut TcpStream, method: &str) -> Option<String> {
    let request = format!("{method} / HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc");
    stream.write_all(request.as_bytes()).ok()?;
    let (mut answer, mut bytes) = (String::new(), [0; 512]);
    while !["stable", "canary"].iter().any(|name| answer.ends_with(name)) {
        let count = stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
        answer.push_str(&String::from_utf8_lossy(bytes.get(..count)?));
    }
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

/// Ends the load, also after a failure.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_request_is_lost_over_a_thousand_switches() {
    let backends = [named("stable"), named("canary")];
    let groups = |stable, canary| {
        table(&[group("stable", stable, &[backends[0]]), group("canary", canary, &[backends[1]])])
    };
    let mut splitter = Splitter::start(&groups(1, 0));
    let (stop, answered, lost) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for method in ["GET", "POST", "GET", "POST"] {
            let mut stream = splitter.connect();
            let (stop, answered, lost) = (&stop, &answered, &lost);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match asked(&mut stream, method) {
                        Some(_) => answered.fetch_add(1, Ordering::Relaxed),
                        None => return lost.fetch_add(1, Ordering::Relaxed),
                    };
                }
                0
            });
        }
        for turn in 0..500_u64 {
            // Each switch meets requests under way.
            let before = answered.load(Ordering::Relaxed);
            splitter.control.set(&groups(0, 1)).unwrap();
            let drained = splitter.control.drain("stable", Duration::from_secs(9), Duration::from_secs(9));
            assert_eq!(drained.unwrap(), 0, "{turn}");
            splitter.control.set(&groups(1, 0)).unwrap();
            let drained = splitter.control.drain("canary", Duration::from_secs(9), Duration::from_secs(9));
            assert_eq!(drained.unwrap(), 0, "{turn}");
            while answered.load(Ordering::Relaxed) == before && lost.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
        }
    });
    assert_eq!(lost.load(Ordering::Relaxed), 0);
    let (stable, canary) = (splitter.settled("stable"), splitter.settled("canary"));
    assert_eq!(stable.requests + canary.requests, answered.load(Ordering::Relaxed));
    assert_eq!((stable.errors.total(), canary.errors.total()), (0, 0));
    assert_eq!((stable.client.total(), canary.client.total()), (0, 0));
    assert!(stable.requests > 0 && canary.requests > 0);
}

#[test]
fn clients_wait_at_the_port_until_there_is_a_table() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").unwrap();
    let (agent, own) = UnixStream::pair().unwrap();
    let ended = thread::spawn(move || serve(listener, own));
    let mut control = Control::new(agent);
    assert_eq!(control.figures().unwrap().connections, 0, "it runs, and accepts nobody");
    control.set(&table(&[group("stable", 1, &[named("stable")])])).unwrap();
    let (answer, _) = rest(&mut client);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("stable"), "{answer}");
    drop(control);
    ended.join().unwrap().unwrap();
}

/// A backend whose answers wait for a word, and the way to give it.
fn waiting() -> (std::net::SocketAddr, mpsc::Sender<()>, mpsc::Receiver<()>) {
    let ((go, wait), (told, begun)) = (mpsc::channel(), mpsc::channel());
    let wait = std::sync::Mutex::new(wait);
    let address = backend(move |talk| {
        while talk.head().is_some() {
            told.send(()).unwrap();
            let _ = wait.lock().unwrap().recv();
            talk.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    (address, go, begun)
}

#[test]
fn a_request_stays_with_its_group_and_draining_waits_for_it() {
    let (address, go, begun) = waiting();
    let mut splitter = Splitter::start(&table(&[group("old", 1, &[address])]));
    let mut stream = splitter.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").unwrap();
    begun.recv().unwrap();
    splitter.control.set(&table(&[group("old", 0, &[address]), group("new", 1, &[named("new")])])).unwrap();
    assert_eq!(body(&splitter.get("/", "")), "new");
    let long = Duration::from_secs(60);
    assert_eq!(splitter.control.drain("old", long, Duration::ZERO).unwrap(), 1);
    go.send(()).unwrap();
    assert_eq!(splitter.control.drain("old", long, long).unwrap(), 0);
    assert!(rest(&mut stream).0.ends_with("ok"));
    assert_eq!(splitter.control.drain("nobody", long, long).unwrap(), 0);
}

#[test]
fn a_request_that_does_not_end_is_broken_off_in_time() {
    let (address, _go, begun) = waiting();
    let mut splitter = Splitter::start(&table(&[group("old", 1, &[address])]));
    let mut stream = splitter.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").unwrap();
    begun.recv().unwrap();
    splitter.control.set(&table(&[group("old", 0, &[address])])).unwrap();
    let left = splitter.control.drain("old", Duration::from_millis(50), Duration::from_secs(30)).unwrap();
    assert_eq!(left, 0);
    assert!(rest(&mut stream).0.starts_with("HTTP/1.1 502"));
    assert_eq!(splitter.settled("old").errors.broken, 1);
}

#[test]
fn the_port_ends_with_its_agent_after_requests_under_way() {
    let (address, go, begun) = waiting();
    let splitter = Splitter::start(&table(&[group("stable", 1, &[address])]));
    let (mut stream, mut idle) = (splitter.connect(), splitter.connect());
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
    begun.recv().unwrap();
    let Splitter { address, control, ended } = splitter;
    drop(control);
    // The port closes before the answer.
    while TcpStream::connect(address).is_ok() {
        thread::yield_now();
    }
    go.send(()).unwrap();
    let (answer, is_clean) = rest(&mut stream);
    assert!(answer.ends_with("ok") && is_clean, "{answer}");
    assert!(rest(&mut idle).0.is_empty());
    ended.join().unwrap().unwrap();
}

#[test]
fn words_that_are_no_order_end_the_splitter() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut agent, own) = UnixStream::pair().unwrap();
    let ended = thread::spawn(move || serve(listener, own));
    agent.write_all(&[0, 0, 0, 2, b'x', b'y']).unwrap();
    let error = ended.join().unwrap().unwrap_err();
    assert!(error.to_string().starts_with("the agent's orders cannot be read: "), "{error}");
}

#[test]
fn connections_beyond_the_limit_wait_or_are_closed() {
    let mut limited = hasty(&[named("stable")]);
    limited.limits.idle_ms = 60_000;
    limited.limits.each = 2;
    let mut splitter = Splitter::start(&limited);
    let mut kept: Vec<TcpStream> = (0..2).map(|_| splitter.connect()).collect();
    for stream in &mut kept {
        assert!(asked(stream, "GET").is_some());
    }
    assert!(splitter.get("/", "").is_empty(), "a third one of this address");
    assert_eq!(splitter.figures().connections, 2);
    limited.limits.each = 9;
    limited.limits.connections = 2;
    splitter.control.set(&limited).unwrap();
    let mut waits = splitter.connect();
    waits.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").unwrap();
    drop(kept);
    assert!(rest(&mut waits).0.ends_with("stable"));
}
