//! The binary: parses the command line and hands over to one file for each verb.

fn main() {}
