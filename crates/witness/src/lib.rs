//! A witness of ledgers (C2SP tlog-witness): remembers the largest checkpoint of each log and cosigns growth.
//!
//! Invariant: a checkpoint is on disk before its cosignature leaves, and two requests for one log are
//! decided one after the other. It runs as a process of its own, with its state and key outside the
//! server's directories, and knows nothing of countersign but the public formats.

mod http;
mod store;

pub use http::{WitnessError, serve};
pub use store::{Log, Store, StoreError};
