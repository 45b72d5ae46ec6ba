//! A thousand browsers that listen for changes: memory of the server, the time until all of them know of an entry, and what
//! ordinary requests, a stop of a release, and the server's end wait meanwhile.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{Home, Up};
use crate::{print, spans};

/// Prints its lines.
pub fn streams() {
    room();
    let home = Home::solo();
    // Its roles would say each entry on the way between the lines.
    let up = home.up_saying(Stdio::null());
    let server = up.roles.iter().find(|(role, _)| role == "server").map(|(_, pid)| *pid).unwrap();
    let mut next = 0;
    let mut stop = || {
        next += 1;
        home.ok(&["trust", "status", "--yes", "--bar", &format!("sha256:{next:064}")]);
    };
    let page = || assert_eq!(up.get("/").0, 200);
    let (pages_alone, stops_alone) = (spans(ASKED, page), spans(STOPPED, &mut stop));
    let before = resident(server);

    let begun = Instant::now();
    let mut open: Vec<Stream> = (0..STREAMS).map(|_| Stream::open(&up)).collect();
    let opened = begun.elapsed();
    println!(
        "{:44} {:>12} {:>12}   the first event of each is read",
        "1,000 streams opened",
        format!("{opened:.2?}"),
        "-"
    );
    line("memory of the server, no stream", before, "");
    line("memory of the server, 1,000 streams", resident(server), ", target 200 MB");
    print("a page, beside 1,000 streams", &spans(ASKED, page), &pages_alone, "alone");

    let mut told = Vec::new();
    let stops = spans(STOPPED, || {
        let begun = Instant::now();
        stop();
        let answered = begun.elapsed();
        open.iter_mut().for_each(Stream::next);
        told.push(begun.elapsed().saturating_sub(answered));
    });
    // A stop with what all streams are told of it; the command alone is most of it.
    print(
        "a stop, until 1,000 streams know of it",
        &stops,
        &stops_alone,
        "the command alone, without streams",
    );
    told.sort();
    println!(
        "{:44} {:>12} {:>12}   after the command's answer; target 200 ms",
        "the last stream knows of it",
        format!("{:.2?}", told[told.len() / 2]),
        format!("{:.2?}", told[0])
    );
    line("memory of the server, after its events", resident(server), ", target 200 MB");

    // Readers that read nothing from now on: pages and stops are not held up by them.
    let stops_unread = spans(STOPPED, &mut stop);
    print("a stop, beside 1,000 readers that do not read", &stops_unread, &stops_alone, "alone");
    print("a page, beside 1,000 readers that do not read", &spans(ASKED, page), &pages_alone, "alone");
    let begun = Instant::now();
    assert!(up.stop());
    println!(
        "{:44} {:>12} {:>12}   at most 10 s",
        "the end of `up` with them",
        format!("{:.2?}", begun.elapsed()),
        "-"
    );
}

/// A stream whose first event was read.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(up: &Up) -> Self {
        let mut stream = TcpStream::connect(up.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut open = Self(BufReader::with_capacity(1024, stream));
        open.next();
        open
    }

    /// Reads up to the end of the next event.
    fn next(&mut self) {
        let mut line = String::new();
        while !line.starts_with("data: ") {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream has ended");
        }
    }
}

/// Resident memory of a process in KiB.
fn resident(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn line(figure: &str, kib: u64, target: &str) {
    println!("{figure:44} {:>9} MB {:>12}   resident{target}", kib * 1024 / 1_000_000, "-");
}

/// This process holds the other ends.
fn room() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(FILES, |maximum| maximum.min(FILES));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).unwrap();
}

const STREAMS: usize = 1_000;
const ASKED: usize = 100;
const STOPPED: usize = 9;
const FILES: u64 = 4_096;
