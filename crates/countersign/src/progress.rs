//! Progress of a long operation: one line for each thing that happens, on standard error, so that standard output
//! holds the final answer alone.

use std::collections::BTreeSet;

use crate::output::{self, Output};

/// The lines printed so far, so that none is printed twice.
#[derive(Debug)]
pub struct Progress {
    silent: bool,
    said: BTreeSet<String>,
}

impl Progress {
    /// Progress for an output format; it prints nothing with `-o json`.
    pub const fn new(output: Output) -> Self {
        Self { silent: matches!(output, Output::Json), said: BTreeSet::new() }
    }

    /// Prints a line.
    pub fn say(&mut self, line: String) {
        if !self.silent {
            output::say(&shown::line(&line));
        }
        self.said.insert(line);
    }

    /// Prints a line unless it was printed before.
    pub fn once(&mut self, line: String) {
        if !self.said.contains(&line) {
            self.say(line);
        }
    }
}
