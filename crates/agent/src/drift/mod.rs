//! Drift: the agent compares what was declared for its place with what it finds, and answers as people signed.
//!
//! Invariant: looking changes nothing; only `answers` does, and only where a rule says `correct`. These belong to the service:
//! each process that descends from one that the agent started. A process that was put into its process namespace or control group from
//! outside, runs a program of the release, or listens at a port of the place, is extra; only the former is ever ended.
//! Values of variables stay in the kernel: they are hashed where they are read.

mod answers;
mod audit;
mod baseline;
mod declared;
mod events;
mod extra;
mod files;
mod found;
mod host;
mod kept_layer;
mod known;
mod looking;
mod manifest;
mod packages;
mod processes;
mod restore;
mod results;
mod watched;

pub use answers::Looked;
pub use baseline::Firewall;
pub use declared::{DECLARED_FILE, Declared};
pub use known::Drifting;
pub use watched::{Given, WatchedProcess};
