//! How a machine starts the process that holds a step's secrets.
//!
//! Invariant: the operator's rules travel with it, since it runs the sandbox.

use std::process::Command;

/// A holder to start.
#[derive(Debug)]
pub struct HolderStart {
    /// The command, without its standard streams.
    pub command: Command,
    /// The operator's allowances for the network, each as text.
    pub allowed: Vec<String>,
}
