//! A parser of untrusted bytes, as tests and the fuzzer run it.

use crate::world::Lab;

/// A parser.
#[derive(Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Parses, and panics if the accepted value breaks a rule.
    pub run: fn(&[u8]),
    /// Valid inputs to begin with.
    pub seeds: fn(&Lab) -> Vec<Vec<u8>>,
    /// Source files of the parser; the fuzzing record counts for these versions only.
    pub sources: &'static [&'static str],
}
