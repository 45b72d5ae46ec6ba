//! A witness of ledgers (<https://c2sp.org/tlog-witness>): stores the largest checkpoint of each log and cosigns
//! growth.
//!
//! It also keeps the newest status of each installation that it has joined, and gives it to agents and people.
//!
//! Invariant: a checkpoint is durable before its cosignature is sent, and requests for one log are decided one after
//! the other. The witness runs as a separate process, with its state and key outside the server's directories, and
//! knows nothing about countersign except its public formats and how its roles speak TLS.

mod http;
mod statuses;
mod store;

pub use http::{ChangedKeys, KeyWatch, Ready, TlsListen, WitnessError, serve};
pub use statuses::{StatusJudge, StatusRefusal, Statuses};
pub use store::{Log, Store, StoreError};
