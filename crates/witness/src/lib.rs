//! A witness of ledgers (<https://c2sp.org/tlog-witness>): stores the largest checkpoint of each log and cosigns
//! growth.
//!
//! Invariant: a checkpoint is durable before its cosignature is sent, and requests for one log are decided one after
//! the other. The witness runs as a separate process, with its state and key outside the server's directories, and
//! knows nothing about countersign except its public formats and how its roles speak TLS.

mod http;
mod store;

pub use http::{Ready, TlsListen, WitnessError, serve};
pub use store::{Log, Store, StoreError};
