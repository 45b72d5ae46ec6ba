//! Hostile users of the same machine, as separate programs: another user if the test is root, else the same user.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{Home, ORDINARY, Up};

/// A program that runs until it is told to end.
pub struct Neighbour {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Neighbour {
    /// Holds this many connections, idle or half sent, and reopens each that the server closes. Returns once all were open,
    /// with their number.
    pub fn holding(home: &Home, up: &Up, connections: u32) -> (Self, u32) {
        let mut neighbour =
            Self::start(home, up, "flood", &[&connections.to_string(), &ORDINARY.to_string()]);
        let mut line = String::new();
        neighbour.said.read_line(&mut line).unwrap();
        (neighbour, line.trim().parse().unwrap())
    }

    /// Opens and drops connections as fast as possible, this many at once, and reads everything that it gets.
    pub fn storming(home: &Home, up: &Up, connections: u32, seed: u64) -> Self {
        let words = [connections.to_string(), ORDINARY.to_string(), seed.to_string()];
        Self::start(home, up, "hostile", &words.each_ref().map(String::as_str))
    }

    /// As many users hold as many connections together to a listener of TLS, idle or with half a handshake. Each is another user, if the test
    /// is root: a server counts connections from its own machine by user, and others by address.
    pub fn strangers(home: &Home, port: &str, users: u32, connections: u32) -> (Vec<Self>, u32) {
        let program = made(home, "flood");
        let each = (connections / users).to_string();
        let start = |number: u32| {
            let user = (STRANGER + number).to_string();
            let mut stranger = Self::of(&program, port, &[&each, &user, "tls"]);
            let mut line = String::new();
            stranger.said.read_line(&mut line).unwrap();
            (stranger, line.trim().parse::<u32>().unwrap())
        };
        let (all, held): (Vec<_>, Vec<_>) = (0..users).map(start).unzip();
        (all, held.iter().sum())
    }

    fn start(home: &Home, up: &Up, name: &str, words: &[&str]) -> Self {
        Self::of(&made(home, name), up.address().rsplit(':').next().unwrap(), words)
    }

    fn of(program: &Path, port: &str, words: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.arg(port).args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Ends it, and returns the numbers that it prints.
    pub fn end(mut self) -> Vec<u64> {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success(), "it tried to the end");
        said.split_whitespace().map(|number| number.parse().unwrap()).collect()
    }
}

/// A program of this directory, compiled.
fn made(home: &Home, name: &str) -> PathBuf {
    let program = home.dir.path().join(name);
    let source = format!("{}/tests/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let made = Command::new("gcc").args(["-O1", "-o"]).arg(&program).arg(source).status().unwrap();
    assert!(made.success());
    program
}

/// The first user that is nobody's.
const STRANGER: u32 = 61_000;

impl Drop for Neighbour {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
