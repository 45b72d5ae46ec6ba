//! Load of HTTP/1.1: as much as there is room for, or so many requests in a second, each at its own moment.
//!
//! Invariant: with a rate each request has a moment at which it is meant to be sent, whatever happened to the one before, and
//! its time counts from that moment. A generator that waits for answers would send fewer requests just while they are slow
//! ("coordinated omission").

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::thread;
use std::time::{Duration, Instant};

/// A steady load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Connections at once.
    pub connections: usize,
    /// Requests in a second, of all connections.
    pub rate: f64,
    /// Requests, of all connections.
    pub requests: usize,
}

/// Results of a load.
#[derive(Debug, Default)]
pub struct Sample {
    /// Times of whole answers.
    pub times: Vec<Duration>,
    /// Requests without a whole answer.
    pub lost: usize,
}

impl Load {
    /// Sends the load.
    pub fn run(self, to: SocketAddr) -> Sample {
        let mut clients: Vec<_> = (0..self.connections).map(|_| Client::open(to)).collect();
        let begin = Instant::now() + Duration::from_millis(20);
        thread::scope(|scope| {
            let all: Vec<_> = clients
                .iter_mut()
                .enumerate()
                .map(|(first, client)| scope.spawn(move || self.one(client, first, begin, to)))
                .collect();
            let mut sample = Sample::default();
            for one in all {
                let one = one.join().unwrap();
                sample.times.extend(one.times);
                sample.lost += one.lost;
            }
            sample
        })
    }

    /// The load of one connection: every so-manieth request.
    fn one(self, client: &mut Client, first: usize, begin: Instant, to: SocketAddr) -> Sample {
        // Otherwise the system lets a thread sleep up to 50 microseconds longer.
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1)).unwrap();
        let mut sample = Sample::default();
        for number in (first..self.requests).step_by(self.connections) {
            let meant = begin + Duration::from_secs_f64(number as f64 / self.rate);
            if let Some(rest) = meant.checked_duration_since(Instant::now()) {
                thread::sleep(rest);
            }
            if client.asked() {
                sample.times.push(meant.elapsed());
            } else {
                sample.lost += 1;
                *client = Client::open(to);
            }
        }
        sample
    }
}

/// Requests in a second if each connection sends the next one after its answer.
pub fn saturate(to: SocketAddr, connections: usize, time: Duration) -> f64 {
    let mut clients: Vec<_> = (0..connections).map(|_| Client::open(to)).collect();
    let begin = Instant::now();
    let count: usize = thread::scope(|scope| {
        let all: Vec<_> = clients
            .iter_mut()
            .map(|client| {
                scope.spawn(move || {
                    let mut count = 0;
                    while begin.elapsed() < time {
                        assert!(client.asked());
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    count as f64 / begin.elapsed().as_secs_f64()
}

/// The length of an answer.
pub fn asked_once(to: SocketAddr) -> usize {
    Client::open(to).length
}

/// A connection whose answers have one length.
struct Client {
    stream: TcpStream,
    length: usize,
    buffer: [u8; 4096],
}

impl Client {
    fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut client = Self { stream, length: 0, buffer: [0; 4096] };
        client.stream.write_all(REQUEST).unwrap();
        // The first answer says how long they are.
        while !client.buffer[..client.length].ends_with(crate::parts::BODY.as_bytes()) {
            let count = client.stream.read(&mut client.buffer[client.length..]).unwrap();
            assert!(count > 0);
            client.length += count;
        }
        client
    }

    /// Whether a request got a whole answer.
    fn asked(&mut self) -> bool {
        if self.stream.write_all(REQUEST).is_err() {
            return false;
        }
        let answer = &mut self.buffer[..self.length];
        self.stream.read_exact(answer).is_ok()
            && answer.starts_with(b"HTTP/1.1 200")
            && answer.ends_with(crate::parts::BODY.as_bytes())
    }
}

const REQUEST: &[u8] = b"GET /items?page=3 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: load\r\nAccept: application/json\r\n\r\n";
