//! Progress of something that takes a while: a line for each thing that happens, on standard error, so that
//! what is printed at the end stays alone on standard output.

use std::collections::BTreeSet;

use crate::output::{self, Output};

/// Lines that were said.
#[derive(Debug)]
pub struct Progress {
    silent: bool,
    said: BTreeSet<String>,
}

impl Progress {
    /// Says nothing when machines read.
    pub const fn new(output: Output) -> Self {
        Self { silent: matches!(output, Output::Json), said: BTreeSet::new() }
    }

    /// Says a line.
    pub fn say(&mut self, line: String) {
        if !self.silent {
            output::say(&shown::line(&line));
        }
        self.said.insert(line);
    }

    /// Says a line unless it was said before.
    pub fn once(&mut self, line: String) {
        if !self.said.contains(&line) {
            self.say(line);
        }
    }
}
