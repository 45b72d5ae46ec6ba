//! A whole installation in memory, with everybody's keys: for tests, benches and the attacks on the judge.
//!
//! Invariant: no crate of the product imports it; `cargo x tidy` enforces that. Everything is deterministic: keys come from
//! fixed seeds, times are constants. Statements are made by the product's own formats, so an honest statement here is
//! honest there; `forgery` has the attacks of a hostile server.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a kit for tests: what cannot be made here is a broken test"
)]

pub mod assemble;
mod commits;
pub mod documents;
mod files;
mod fixed;
pub mod forgery;
mod head;
mod no_services;
pub mod observed;
pub mod parsers;
pub mod parts;
mod people;
mod readers;
mod scan_parsers;
mod secret_parsers;
mod target;
mod window_parsers;
mod window_table;
mod world;

pub use assemble::{CosignatureTime, Head, assemble, entry};
pub use commits::{CommitContent, commit, commit_by};
pub use no_services::NoServices;
pub use parts::{Parts, no, yes};
pub use people::{Pair, Person};
pub use readers::{Reader, by_agent, proof_for, said};
pub use window_table::{WindowCase, window_cases};
pub use world::{Lab, NOW, at, configuration, id, judged_at, lax_policy, ledger_key, name};
