//! Hostile users of the same machine, as separate programs: another user if the test is root, else the same user.

use std::io::{BufRead as _, BufReader, Read as _};
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

    fn start(home: &Home, up: &Up, name: &str, words: &[&str]) -> Self {
        let program = home.dir.path().join(name);
        let source = format!("{}/tests/{name}.c", env!("CARGO_MANIFEST_DIR"));
        let made = Command::new("gcc").args(["-O1", "-o"]).arg(&program).arg(source).status().unwrap();
        assert!(made.success());
        let port = up.address().rsplit(':').next().unwrap();
        let mut command = Command::new(&program);
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

impl Drop for Neighbour {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
